"""The CS231n style: the lecture's table of VGG-16, line for line, for any net.

A row for each input and for each operator that has a row in the lecture; every other operator belongs to the row
above. Rows count weights without biases; the totals below count both.
"""

from __future__ import annotations

from dataclasses import dataclass

from archlang.facts.work import images
from archlang.report.data import Report
from archlang.report.lecture_rows import channels_last, multiplied
from archlang.shapes import TensorType
from archlang.sheets import Sheet

HEADINGS = ("layer", "activation", "values", "bytes", "weights without biases", "in all")
COLUMNS = ("layer", "activation", "output_values", "output_bytes", "formula", "weights")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the lecture's table.

    It has a name, the types of its outputs, its weights without biases and how they multiply out, its biases, and
    whether it runs in the mode of the report.
    """

    name: str
    types: tuple[TensorType, ...]
    values: int
    bytes: int
    formula: str = ""
    weights: int = 0
    biases: int = 0
    runs: bool = True


def lecture_text(report: Report) -> str:
    """Return the lecture's table, its columns aligned."""
    lines = _lines(report)
    columns = [
        [f"{line.name}:" for line in lines],
        [_activation(line) for line in lines],
        [f"memory:  {_memory(line, report.batch)}" for line in lines],
    ]
    left = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
    rows = ["  ".join((*cells, f"params: {_params(line)}")) for *cells, line in zip(*left, lines, strict=True)]
    return "\n".join((*rows, *_totals(report, lines)))


def lecture_sheet(report: Report, headings: tuple[str, ...]) -> Sheet:
    """Return the same rows as a sheet, every number in full, under the headings for people or for programs."""
    lines = _lines(report)
    return Sheet(
        headings,
        tuple((line.name, _activation(line), line.values, line.bytes, line.formula, line.weights) for line in lines),
        (
            "total",
            "",
            sum(line.values for line in lines),
            sum(line.bytes for line in lines),
            "",
            sum(line.weights for line in lines),
        ),
        below=_totals(report, lines),
    )


def rounded(number: int) -> str:
    """Return a number in full below 10,000, else two significant digits and K, M, G or T (powers of 1,000)."""
    if number < 10_000:
        return f"{number:,}"
    near = int(float(f"{number:.1e}"))
    power = min((len(str(near)) - 1) // 3, 4)
    unit, letter = 1000**power, " KMGT"[power]
    return f"{near / unit:.1f}{letter}" if near < 10 * unit else f"{near // unit}{letter}"


def bytes_text(number: int) -> str:
    """Return bytes with one decimal in KB, MB, GB or TB, which are powers of 1,000; below 1,000 in full."""
    if number < 1000:
        return f"{number} bytes"
    power = min((len(str(number)) - 1) // 3, 4)
    return f"{number / 1000**power:,.1f} {' KMGT'[power]}B"


def _lines(report: Report) -> list[Line]:
    lines: list[Line] = []
    for port in report.inputs:
        times = images((port.type,), report.batch)
        name = "INPUT" if len(report.inputs) == 1 else f"INPUT {port.name}"
        lines.append(Line(name, (port.type,), port.type.values * times, port.type.bytes * times))
    for layer in report.layers:
        row = layer.lecture
        if row is not None:
            given = (layer.outputs, layer.output_values, layer.output_bytes)
            lines.append(Line(row.name, *given, row.formula, row.weights, row.biases, layer.runs))
    return lines


def _activation(line: Line) -> str:
    return ", ".join(f"[{_sizes(type)}]" for type in line.types)


def _sizes(type: TensorType) -> str:
    # the lecture writes a vector as a map of one position
    vector = "c" in type.axes and not set(type.axes) - {"n", "c"}
    return "x".join(map(str, (1, 1, type["c"]) if vector else channels_last(type))) or "1"


def _memory(line: Line, batch: int) -> str:
    if not line.runs:
        return "0 in evaluation"
    if len(line.types) != 1:
        return rounded(line.values)
    (type,) = line.types
    count = type["n"] * batch if "n" in type.axes else 1
    factors = multiplied(type) if count == 1 else (count, *multiplied(type))
    product = "*".join(map(str, factors))
    return f"{product}={rounded(line.values)}" if len(factors) > 1 else str(line.values)


def _params(line: Line) -> str:
    return f"{line.formula} = {line.weights:,}" if line.formula else f"{line.weights:,}"


def _totals(report: Report, lines: list[Line]) -> tuple[str, str]:
    values, size = sum(line.values for line in lines), sum(line.bytes for line in lines)
    widths = {line.bytes // line.values for line in lines if line.values}
    product = f" * {widths.pop()} bytes = " if len(widths) == 1 else ", "
    whose = "an image" if report.batch == 1 else f"{report.batch} images"
    weights, biases = sum(line.weights for line in lines), sum(line.biases for line in lines)
    others = report.totals.params - weights - biases
    elsewhere = f" + {others:,} in layers without a row" if others else ""
    note = "forward pass alone; the lecture doubles it for the backward pass"
    return (
        f"TOTAL memory: {values:,} values{product}{bytes_text(size)} for {whose} ({note})",
        f"TOTAL params: {weights:,} without biases + {biases:,} biases{elsewhere} = {report.totals.params:,}",
    )
