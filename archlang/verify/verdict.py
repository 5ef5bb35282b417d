"""The result of comparing a net with a reference, as data and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from archlang.verify.keys import Keys

SHOWN = 20  # the most lines of each kind


@dataclass(frozen=True, slots=True)
class Difference:
    """One tensor that differs: its path, key or output, and how it differs in shape, dtype or values."""

    what: str
    how: str


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: the number of tensors compared, and those that differ."""

    name: str
    compared: int
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of comparing a net with a reference.

    `first` is the first layer that differs, in the order of calls. `notes` say what weakens the result.
    """

    name: str
    inputs: tuple[str, ...]
    keys: Keys
    shapes: tuple[tuple[str, str, str], ...]  # key, shape in the net, shape in the reference, if these differ
    checks: tuple[Check, ...] = ()
    first: Difference | None = None
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the keys agree and no comparison found a difference."""
        return self.keys.agree and not any(check.differences for check in self.checks)

    def to_json(self) -> dict[str, object]:
        """Return the verdict as plain JSON values."""
        return {"equal": self.equal, **asdict(self)}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name} on {', '.join(self.inputs)}"
        yield from self._key_lines()
        width = max((len(check.name) for check in self.checks), default=0)
        for check in self.checks:
            verdict = f"{len(check.differences)} of {check.compared} differ" if check.differences else "equal"
            yield f"{check.name:<{width}}  {verdict if check.differences else f'{check.compared} equal'}"
            yield from _cut([f"  {one.what}: {one.how}" for one in check.differences])
        if self.first is not None:
            yield f"first difference: {self.first.what}: {self.first.how}"
        yield from (f"note: {note}" for note in self.notes)

    def _key_lines(self) -> Iterator[str]:
        keys = self.keys
        if keys.agree:
            yield f"{len(keys.pairs)} keys, each with its shape"
            return
        yield (
            f"keys: {len(keys.pairs)} in both, {len(keys.missing)} missing in the reference, "
            f"{len(keys.unexpected)} in the reference alone, {len(keys.misshapen)} of another shape"
        )
        likely = keys.likely or {}
        width = max(map(len, keys.missing), default=0)
        yield from _cut([_beside("missing", key, width, likely.get(key)) for key in keys.missing])
        yield from _cut([f"  unexpected  {key}" for key in keys.unexpected if key not in likely.values()])
        yield from _cut([f"  differs     {key}: {here} here, {there} there" for key, here, there in self.shapes])
        if keys.in_order:
            yield "all shapes agree in order, under other names: compare them by order"


def _beside(word: str, key: str, width: int, other: str | None) -> str:
    return f"  {word:<10}  {key:<{width}}  {f'perhaps {other}' if other else ''}".rstrip()


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"  and {len(lines) - SHOWN} more"]
