"""A table that fits a terminal: numbers in SI units, then fewer columns, then shorter paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap

from archlang.sheets import Cell, Sheet, as_text

STAYING = (5, 4)  # columns that stay while paths can be cut, and at least: the path, operator, output and parameters
SHORTEST = 16  # letters of a path that stay
_UNITS = ("", " k", " M", " G", " T", " P")


class Brief(int):
    """A number that is written with three digits and a unit of SI: `9.54 k`, `118 M`."""

    def __format__(self, _: str) -> str:
        number, power = float(self), 0
        while abs(number) >= 999.5 and power < len(_UNITS) - 1:
            number, power = number / 1000, power + 1
        return f"{number:.3g}{_UNITS[power]}" if power else str(int(self))


def fitted(sheet: Sheet, width: int) -> Sheet:
    """Return the sheet with lines of at most `width` letters, as far as its columns can give way.

    Columns go from the right, and a line below says which. A path keeps its end, other words their beginning.
    """
    if _width(sheet) > width:
        sheet = replace(sheet, rows=tuple(map(_brief, sheet.rows)), total=_brief(sheet.total))
    made = sheet
    for fewest in STAYING:
        made = sheet
        while _width(made) > width and len(made.headings) > fewest:
            rows = tuple(row[:-1] for row in made.rows)
            made = replace(made, headings=made.headings[:-1], rows=rows, total=made.total[:-1])
        made = _narrowed(_narrowed(made, width, 0), width, 1)
        if _width(made) <= width:
            break
    gone = sheet.headings[len(made.headings) :]
    told = [f"Not shown: {', '.join(gone)}; --wide shows all columns."] if gone else []
    below = tuple(line for text in (*sheet.below, *told) for line in wrap(text, width))
    return replace(made, below=below)


def _width(sheet: Sheet) -> int:
    return max(map(len, as_text(replace(sheet, above=(), below=())).splitlines()))


def _brief(row: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(Brief(cell) if isinstance(cell, int) else cell for cell in row)


def _narrowed(sheet: Sheet, width: int, column: int) -> Sheet:
    """Return the sheet with the words of a column cut as far as it is too wide; those of a path at their start."""
    most = max((len(str(row[column])) for row in sheet.rows), default=0)
    room = max(SHORTEST, most - max(0, _width(sheet) - width))
    rows = ((*row[:column], _cut(row[column], room, not column), *row[column + 1 :]) for row in sheet.rows)
    return replace(sheet, rows=tuple(rows))


def _cut(cell: Cell, room: int, start: bool) -> Cell:
    """Return at most so many letters of some words; those of a path keep their indentation and their end."""
    if isinstance(cell, int) or len(cell) <= room:
        return cell
    indent = len(cell) - len(cell.lstrip())
    return f"{cell[:indent]}…{cell[len(cell) - room + 1 + indent :]}" if start else f"{cell[: room - 1]}…"
