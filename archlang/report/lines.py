"""The rows of a table: layers, scopes at a depth, and repeated calls that are shown once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from archlang.facts.receptive import ReceptiveField
from archlang.program import Scope
from archlang.report.data import LayerRow, Report
from archlang.shapes import TensorType

By = Literal["op", "block"]  # rows may be sums by these, instead of layers and scopes


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its path, its place as people read it, its operator or block, the layers that it sums up, their outputs.

    `calls` is how often a block is called or an operator applied, in a table of sums. `told` is what people read of
    outputs that differ, in a row of several layers. A row that `is_closed` could be opened to several.
    """

    path: str
    place: str
    op: str
    layers: Sequence[LayerRow]
    types: tuple[TensorType, ...] = ()
    fields: Callable[[], Sequence[ReceptiveField]] = tuple
    calls: int = 1
    told: str = ""
    is_closed: bool = False

    def indented(self) -> Line:
        """Return the row as a part of the row above it."""
        return replace(self, place=f"  {self.place}")

    def closed(self) -> Line:
        """Return the row as one that could be opened."""
        return replace(self, is_closed=True)


Count = Callable[[LayerRow], object]


@dataclass(frozen=True, slots=True)
class _Cut:
    """How a report is cut into rows. Repeated calls with equal `counts` are shown once; None shows all of them."""

    report: Report
    counts: Sequence[Count] | None
    types: Mapping[int, TensorType]


def lines(report: Report, depth: int | None = None, counts: Sequence[Count] | None = None) -> Iterator[Line]:
    """Yield the rows of a report. A scope `depth` levels deep is one row with the sum of its layers; 0 is the net.

    With `counts`, calls of one block in a row that agree in these counts are shown once, below a row with their sum.
    """
    if depth is None and counts is None:
        yield from map(layer_line, report.layers)
        return
    types = {value: type for row in report.layers for value, type in zip(row.values, row.outputs, strict=True)}
    cut = _Cut(report, counts, dict(enumerate(port.type for port in report.inputs)) | types)
    tree = report.facts.tree
    if depth == 0:
        yield _scope(cut, [tree], report.name, tree.what)
    else:
        yield from _lines(cut, tree.parts, depth, "")


def total_line(report: Report) -> Line:
    """Return the row below the others: the whole net."""
    return Line("total", "total", "", report.layers)


def _lines(cut: _Cut, parts: Sequence[int | Scope], levels: int | None, prefix: str) -> Iterator[Line]:
    """Yield the rows of some parts, down to `levels`; their places are relative to the scope that holds them."""
    below = None if levels is None else levels - 1
    for run in _runs(cut, parts):
        first = run[0]
        if isinstance(first, int):
            line = layer_line(cut.report.layers[first])
            yield replace(line, place=place_below(line.place, prefix)) if prefix else line
            continue
        calls = [part for part in run if isinstance(part, Scope)]
        if len(calls) > 1:
            ends = dict.fromkeys((first.path, calls[-1].path))
            yield _scope(cut, calls, place_below(" to ".join(ends), prefix), f"{first.what} ×{len(calls)}")
            if below != 0:
                inside = _lines(cut, first.parts, below, first.path)
                yield from (line.indented() for line in inside)
        elif below != 0:
            yield from _lines(cut, first.parts, below, prefix)
        elif first.end > first.start:
            yield _scope(cut, calls, place_below(first.path, prefix), first.what)


def _runs(cut: _Cut, parts: Sequence[int | Scope]) -> Iterator[Sequence[int | Scope]]:
    """Yield the parts in order; calls of one block with equal counts, each fed by the one before it, are grouped."""
    run: list[int | Scope] = []
    for part in parts:
        if run and not _alike(cut, run[-1], part):
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _alike(cut: _Cut, one: int | Scope, other: int | Scope) -> bool:
    if cut.counts is None or isinstance(one, int) or isinstance(other, int):
        return False
    if not one.callee or one.callee != other.callee or one.outputs != other.inputs:
        return False
    layers = cut.report.layers
    pairs = zip(layers[one.start : one.end], layers[other.start : other.end], strict=True)
    return all(count(a) == count(b) for a, b in pairs for count in cut.counts)


def layer_line(row: LayerRow) -> Line:
    """Return the row of one layer."""
    place = row.path if row.named else f"{row.path} ({row.op})".lstrip()
    return Line(row.path, place, row.op, (row,), row.outputs, lambda: [row.facts.fields[value] for value in row.values])


def _scope(cut: _Cut, scopes: Sequence[Scope], place: str, op: str) -> Line:
    """Return the row of a scope, or of several in a row; its outputs are those of the last one."""
    first, last = scopes[0], scopes[-1]
    return Line(
        first.path,
        place,
        op,
        cut.report.layers[first.start : last.end],
        tuple(cut.types[value] for value in last.outputs),
        lambda: [cut.report.facts.fields[value] for value in last.outputs],
    )


def place_below(place: str, prefix: str) -> str:
    """Return a place relative to the call at `prefix`; a join of the call itself keeps the path of the call."""
    if not prefix or place == prefix:
        return place
    return place.removeprefix(f"{prefix}.") if place.startswith(f"{prefix}.") else place.removeprefix(f"{prefix} ")
