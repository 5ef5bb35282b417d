"""Matches the tensors of a file with those of a net, and reports everything that does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.weights.expected import Expected, expected_weights
from archlang.weights.older import AVERAGED, is_counter, reason, renamed
from archlang.weights.reading import Held

SHOWN = 30  # lines of each kind; a file of another net differs in every key


@dataclass(frozen=True, slots=True)
class Misshapen:
    """A key whose tensor has another shape or kind in the file than in the net."""

    key: str
    file: Held
    net: Expected


@dataclass(frozen=True, slots=True)
class Fit:
    """The result of matching a file with a net.

    `names` gives, for each key of the net that the file has, its key in the file. `counters` are batch norms' counters
    that the file lacks, which start at 0; `dropped` those of the file that the net does not have. The rest does not
    fit: keys of the net that are missing in the file, keys of the file that are unexpected, and tensors that differ.
    """

    names: Mapping[str, str]
    counters: tuple[str, ...]
    dropped: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[Misshapen, ...]

    @property
    def fits(self) -> bool:
        return not (self.missing or self.unexpected or self.misshapen)

    @property
    def is_converted(self) -> bool:
        """Whether keys must be renamed, added or left out to turn the file into the net's state dict."""
        return bool(self.counters or self.dropped) or any(ours != theirs for ours, theirs in self.names.items())


def fit(graph: Graph, held: Mapping[str, Held]) -> Fit:
    """Find the file's tensor for each weight of the net, by its key or by an older form of the key."""
    expected = expected_weights(graph)
    now = renamed(held, expected)
    names = {ours: theirs for theirs, ours in now.items() if ours in expected}
    absent = [key for key in expected if key not in names]
    counters = tuple(key for key in absent if is_counter(key, names))
    surplus = [theirs for theirs, ours in now.items() if ours not in expected]
    dropped = tuple(key for key in surplus if key == AVERAGED or is_counter(now[key], names))
    return Fit(
        names,
        counters,
        dropped,
        tuple(key for key in absent if key not in counters),
        tuple(key for key in surplus if key not in dropped),
        tuple(
            Misshapen(ours, held[names[ours]], wanted)
            for ours, wanted in expected.items()
            if ours in names and not _same(held[names[ours]], wanted)
        ),
    )


def check_fit(graph: Graph, held: Mapping[str, Held], name: str) -> Fit:
    """Match a file called `name`. Raises one `Rejected` that lists all that does not fit, with places in the spec."""
    found = fit(graph, held)
    if found.fits:
        return found
    counts = [
        f"{len(keys)} {word}"
        for keys, word in (
            (found.missing, "missing"), (found.unexpected, "unexpected"), (found.misshapen, "of another shape")
        )
        if keys
    ]  # fmt: skip
    lines = [f"{name} does not fit {graph.name}: of its keys, {', '.join(counts)}", *_lines(graph, held, found)]
    why = reason(held, [one.key for one in found.misshapen])
    raise Rejected("weights-do-not-fit", "\n".join(lines), help=why)


def _same(held: Held, wanted: Expected) -> bool:
    """Return whether a tensor can be copied: the shapes are equal, and both hold floats or both hold integers."""
    kinds = [("float" in dtype, "complex" in dtype) for dtype in (held.dtype, wanted.dtype)]
    return held.shape == wanted.shape and kinds[0] == kinds[1]


# ---- in words


def _lines(graph: Graph, held: Mapping[str, Held], found: Fit) -> Iterator[str]:
    expected = expected_weights(graph)
    free = list(found.unexpected)
    missing: list[tuple[str, str]] = []
    for key in found.missing:
        near = _near(key, expected[key].shape, free, held) if len(missing) < SHOWN else None
        if near is not None:
            free.remove(near)
        hint = f"; did you mean `{near}`?" if near else ""
        missing.append((key, f"{_shape(expected[key].shape)}, at {_place(expected[key])}{hint}"))
    yield from _listed("missing", missing)
    yield from _listed("unexpected", [(key, _shape(held[key].shape)) for key in found.unexpected])
    yield from _listed("differs", [(one.key, difference(one)) for one in found.misshapen])


def difference(one: Misshapen) -> str:
    """Return in words how a tensor of a file differs from that of the net."""
    shapes = one.file.shape != one.net.shape
    file, net = (_shape(side.shape) if shapes else side.dtype for side in (one.file, one.net))
    return f"{file} in the file, {net} in the net, at {_place(one.net)}"


def _listed(word: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = max((len(key) for key, _ in rows[:SHOWN]), default=0)
    for key, told in rows[:SHOWN]:
        yield f"  {word:<10}  {key:<{width}}  {told}"
    if len(rows) > SHOWN:
        yield f"  {word:<10}  and {len(rows) - SHOWN} more"


def _near(key: str, shape: tuple[int, ...], free: Sequence[str], held: Mapping[str, Held]) -> str | None:
    from difflib import get_close_matches

    alike = [other for other in free if held[other].shape == shape]
    return next(iter(get_close_matches(key, alike, 1, 0.5)), None)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) if shape else "scalar"


def _place(wanted: Expected) -> str:
    return f"{wanted.span.file}:{wanted.span.line}:{wanted.span.column}"
