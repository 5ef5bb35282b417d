"""The plain style: a row for each operator of the net."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archlang.report.hierarchy import Repeat
from archlang.report.rows import LayerRow, Report
from archlang.report.sheets import Sheet

HEADINGS = ("path", "operator", "output", "parameters", "MACs", "output values", "output bytes")
Row = tuple[str | int, ...]
COLUMNS = ("path", "op", "output", "params", "macs", "output_values", "output_bytes")


def table(report: Report, unfold: bool = False) -> Sheet:
    """The sheet for people: an operator without a name of its own is shown by its scope and its word.

    Alike calls that follow each other are written once, below a row with their sum; `unfold` writes all of them.
    """
    totals = report.totals
    trained = f"{totals.params:,} parameters, {totals.trainable_params:,} of them trainable"
    return Sheet(
        HEADINGS,
        tuple(_folded(report, 0, len(report.layers), "", () if unfold else report.repeats)),
        _total(report),
        above=(
            f"{report.name}, batch {report.batch}",
            *(f"input {port.name}: {port.type} {port.type.dtype}" for port in report.inputs),
        ),
        below=(f"{trained}; {totals.buffers:,} values in buffers",),
    )


def _folded(report: Report, start: int, end: int, prefix: str, repeats: Sequence[Repeat]) -> Iterator[Row]:
    """The rows from `start` to `end`; paths within a repeat stand without that of its first call, indented.

    `repeats` stand in the order of their rows, outer ones first.
    """
    at = start
    while at < end:
        repeats = [repeat for repeat in repeats if repeat.start >= at]
        if not repeats or repeats[0].start != at:
            layer = report.layers[at]
            yield _below(_place(layer), prefix), layer.op, *_counted(layer)
            at += 1
            continue
        repeat, *inner = repeats
        after = at + repeat.length * repeat.times
        place = _below(f"{repeat.first} to {repeat.last}", prefix)
        yield place, f"{repeat.block} ×{repeat.times}", *_summed(report, at, after)
        for below, *rest in _folded(report, at, at + repeat.length, repeat.first, inner):
            yield f"  {below}", *rest
        at = after


def _below(place: str, prefix: str) -> str:
    """A place within the call at `prefix`, told from there; a join in the call itself stands at the call."""
    if not prefix or place == prefix:
        return place
    return place.removeprefix(f"{prefix}.") if place.startswith(f"{prefix}.") else place.removeprefix(f"{prefix} ")


def _summed(report: Report, start: int, end: int) -> tuple[str, int, int, int, int]:
    layers = report.layers[start:end]
    counts = (sum(getattr(layer, name) for layer in layers) for name in COLUMNS[3:])
    params, macs, values, size = counts
    return ", ".join(map(str, layers[-1].outputs)), params, macs, values, size


def plain_table(report: Report) -> Sheet:
    """The sheet for programs: the names of the JSON, and the paths as they are."""
    return Sheet(COLUMNS, tuple((layer.path, layer.op, *_counted(layer)) for layer in report.layers), _total(report))


def _counted(layer: LayerRow) -> tuple[str, int, int, int, int]:
    shapes = ", ".join(map(str, layer.outputs))
    return shapes, layer.params, layer.macs, layer.output_values, layer.output_bytes


def _total(report: Report) -> tuple[str | int, ...]:
    totals = report.totals
    return "total", "", "", totals.params, totals.macs, totals.output_values, totals.output_bytes


def _place(layer: LayerRow) -> str:
    if layer.named:
        return layer.path
    return f"{layer.path} ({layer.op})" if layer.path else f"({layer.op})"
