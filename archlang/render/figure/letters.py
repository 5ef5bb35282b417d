"""Numbers that vary between the calls of a block become letters and columns: `1×1 conv, 4w` with a table of w."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import accumulate
from typing import cast

from archlang.ir import Layer
from archlang.render.figure.model import Table
from archlang.render.figure.names import through
from archlang.render.figure.words import shape_text

_HIDDEN = frozenset(
    {
        "bias",
        "eps",
        "momentum",
        "affine",
        "p",
        "pad",
        "init",
        "mode",
        "padding_mode",
        "pattern",
        "axes",
        "names",
        "shape",
    }
)
_DIRECT = {"stride": "s", "kernel": "k", "window": "window"}  # arguments whose letters stand in the label
_NUMBERS = ("out", "width")
MOST_ROWS, MOST_VALUES = 9, 3


@dataclass(slots=True)
class Letters:
    """Hands out letters for one block.

    `groups` are the rows of its table: the name of each, and those of the calls in it, in order. A first pass over the
    block finds what varies with what; in a second, `settled`, the smallest of several multiples has the letter.
    """

    groups: Sequence[tuple[str, tuple[str, ...]]]
    widths: list[tuple[str, tuple[object, ...]]] = field(default_factory=list[tuple[str, tuple[object, ...]]])
    columns: dict[str, list[tuple[object, ...]]] = field(default_factory=dict[str, list[tuple[object, ...]]])

    def of(self, layers: Sequence[Layer | None]) -> dict[str, str]:
        """Return the letters of the arguments that vary between the calls; a layer is None where a call has none."""
        known = [layer.op for layer in layers if layer is not None]
        found: dict[str, str] = {}
        for name in type(known[0]).model_fields:
            if name in _HIDDEN or len({repr(getattr(op, name, None)) for op in known}) == 1:
                continue
            values = tuple(None if layer is None else getattr(layer.op, name, None) for layer in layers)
            if name in _NUMBERS:
                found[name] = self._width(values)
            elif not (name == "groups" and _follows(known)):
                found[name] = self._column(_DIRECT.get(name, name), values)
                if name == "kernel":
                    found[name] = "×".join([found[name]] * len(getattr(known[0], name)))
        return found

    def _width(self, values: tuple[object, ...]) -> str:
        for at, (letter, known) in enumerate(self.widths):
            ratio = _ratio(values, known)
            if ratio is not None:
                whole = tuple(map(partial(_base, ratio=ratio), known, values))
                self.widths[at] = (
                    letter,
                    tuple(map(partial(_base, ratio=1 / ratio), values, whole)) if ratio < 1 else whole,
                )
                return _multiple(letter, ratio)
        letter = (
            "w" if not self.widths else "abcdefghijlmnopqrtuvxyz"[len(self.widths) - 1 :][:1] or f"w{len(self.widths)}"
        )
        self.widths.append((letter, values))
        return letter

    def _column(self, letter: str, values: tuple[object, ...]) -> str:
        for name, known in self.columns.items():
            if name.rstrip("'") == letter and _agree(known[0], values):
                return name
        while letter in self.columns:
            letter += "'"
        self.columns[letter] = [values]
        return letter

    def settled(self) -> Letters:
        """Return the letters for the second pass."""
        return Letters(self.groups, list(self.widths), dict(self.columns))

    def table(self) -> Table | None:
        """Return the table of what varies; None if nothing does."""
        columns = {**dict(self.widths), **{name: found[0] for name, found in self.columns.items()}}
        if not columns:
            return None
        rows = [
            (name, *(_told(values[start:end]) for values in columns.values()))
            for name, start, end in self._rows(columns)
        ]
        return Table(("", *columns), tuple(_merged(rows)))

    def _rows(self, columns: Mapping[str, tuple[object, ...]]) -> Iterator[tuple[str, int, int]]:
        """Yield the rows: a group is one, or each of its calls where widths differ and there is room."""
        widths = [values for _, values in self.widths]
        ends = accumulate(len(names) for _, names in self.groups)
        spans = [(name, names, end - len(names), end) for (name, names), end in zip(self.groups, ends, strict=True)]
        split = [
            names for _, names, start, end in spans if any(len({*map(repr, one[start:end])}) > 1 for one in widths)
        ]
        room = len(self.groups) + sum(len(names) - 1 for names in split) <= MOST_ROWS
        for name, names, start, end in spans:
            if room and names in split:
                yield from ((one, start + at, start + at + 1) for at, one in enumerate(names))
            else:
                yield name + (f" ×{len(names)}" if len(names) > 1 else ""), start, end


def _follows(ops: Sequence[object]) -> bool:
    """Return whether the groups are the channels: a depthwise convolution has no number of groups of its own."""
    return all(getattr(op, "groups", 1) == getattr(op, "out", None) for op in ops)


def _agree(one: Sequence[object], other: Sequence[object]) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


def _ratio(values: Sequence[object], known: Sequence[object]) -> Fraction | None:
    """Return the number by which the one is a multiple of the other in every call, if there is one."""
    pairs = [(a, b) for a, b in zip(values, known, strict=True) if isinstance(a, int) and isinstance(b, int) and b]
    ratios = {Fraction(a, b) for a, b in pairs}
    missing = any(isinstance(a, int) != isinstance(b, int) for a, b in zip(values, known, strict=True))
    if len(ratios) != 1 or (missing and len({a for a, _ in pairs}) == 1):
        return None
    (ratio,) = ratios
    return (
        ratio if 1 in (ratio.numerator, ratio.denominator) and max(ratio.numerator, ratio.denominator) <= 16 else None
    )


def _base(known: object, value: object, ratio: Fraction) -> object:
    """Return what the letter stands for in a call; where that is not known, what its multiple there says."""
    if known is not None or not isinstance(value, int):
        return known
    return int(value / ratio) if (value / ratio).denominator == 1 else None


def _multiple(letter: str, ratio: Fraction) -> str:
    if ratio.denominator == 1:
        return letter if ratio == 1 else f"{ratio}{letter}"
    return f"{letter}/{ratio.denominator}"


def _told(values: Sequence[object]) -> str:
    """Return the values of the calls of one row: `64`, `0 | 3`, `2, then 1`, `1 … 512`; `–` where none has any."""
    texts = [_text(value) for value in values if value is not None]
    kinds = list(dict.fromkeys(texts))
    if len(kinds) < 2:
        return kinds[0] if kinds else "–"
    if len(kinds) == 2 and len(texts) > 2 and texts[1:].count(kinds[1]) == len(texts) - 1:
        return f"{kinds[0]}, then {kinds[1]}"
    return " | ".join(kinds) if len(kinds) <= MOST_VALUES else f"{kinds[0]} | {kinds[1]} … {kinds[-1]}"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        sizes = cast("tuple[int, ...]", value)
        return str(sizes[0]) if len(set(sizes)) == 1 else shape_text(sizes)
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _merged(rows: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield the rows; neighbours that agree in all columns are one."""
    at = 0
    while at < len(rows):
        end = at + 1
        while end < len(rows) and rows[end][1:] == rows[at][1:]:
            end += 1
        name = rows[at][0] if end == at + 1 else through(rows[at][0].split(" ×")[0], rows[end - 1][0].split(" ×")[0])
        yield (name, *rows[at][1:])
        at = end
