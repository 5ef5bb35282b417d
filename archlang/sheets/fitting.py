"""A table that fits a terminal: numbers in SI units, then fewer columns, then shorter paths; or a list of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap
from typing import TYPE_CHECKING

from archlang.sheets import Cell, Sheet, as_text, shown

if TYPE_CHECKING:
    from archlang.parts import Line

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


def fits(sheet: Sheet, width: int) -> bool:
    """Return whether the columns of a table have lines of at most `width` letters."""
    return _width(sheet) <= width


def briefed(sheet: Sheet) -> Sheet:
    """Return the table with its numbers in SI units."""
    return replace(sheet, rows=tuple(map(_brief, sheet.rows)), total=_brief(sheet.total))


def fitted(sheet: Sheet, width: int, giving_way: Sequence[int] = ()) -> Sheet:
    """Return the sheet with lines of at most `width` letters, as far as its columns can give way.

    Columns go in the order of `giving_way`, or else from the right, and a line below says which. A path keeps its end,
    other words their beginning.
    """
    if not fits(sheet, width):
        sheet = briefed(sheet)
    order = giving_way or range(len(sheet.headings) - 1, 0, -1)
    made, gone = sheet, set[int]()
    for fewest in STAYING:
        made, gone = sheet, set[int]()
        for column in order:
            if fits(made, width) or len(made.headings) <= fewest:
                break
            gone.add(column)
            made = _without(sheet, gone)
        made = _narrowed(_narrowed(made, width, 0), width, 1) if len(made.headings) > 1 else made
        if fits(made, width):
            break
    lost = dict.fromkeys(heading.strip() for at, heading in enumerate(sheet.headings) if at in gone)
    told = [f"Not shown: {', '.join(lost)}; --wide shows all columns."] if gone else []
    return replace(made, above=_wrapped(sheet.above, width), below=_wrapped((*sheet.below, *told), width))


def listed(sheet: Sheet, width: int, heads: int = 1) -> list[Line]:
    """Return the lines of a list with all that the table holds: for each row its first cells, the others below them.

    Each of the others stands after its heading; an empty one is left out. Lines have at most `width` letters.
    """
    names = sheet.headings[heads:]
    room = max(map(len, names), default=0)
    lines: list[Line] = [(("", line),) for line in _wrapped(sheet.above, width)]
    for row in sheet.all_rows:
        head = "  ".join(filter(None, map(shown, row[:heads])))
        if lines:
            lines.append(())
        lines.extend((("strong", line),) for line in _wrapped([head], width))
        for name, cell in zip(names, row[heads:], strict=True):
            first, *rest = wrap(shown(cell), max(16, width - room - 4), break_on_hyphens=False) or [""]
            if first:
                lines.append((("faint", f"  {name:<{room}}  "), ("", first)))
            lines.extend((("", " " * (room + 4) + line),) for line in rest)
    below = _wrapped(sheet.below, width)
    return [*lines, *([()] if below else []), *((("", line),) for line in below)]


def _wrapped(texts: Sequence[str], width: int) -> tuple[str, ...]:
    return tuple(line for text in texts for line in wrap(text, width, break_on_hyphens=False))


def _width(sheet: Sheet) -> int:
    return max(map(len, as_text(replace(sheet, above=(), below=())).splitlines()))


def _brief(row: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(Brief(cell) if isinstance(cell, int) else cell for cell in row)


def _without(sheet: Sheet, gone: set[int]) -> Sheet:
    """Return the table without these columns."""

    def left(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        return tuple(cell for at, cell in enumerate(row) if at not in gone)

    headings = tuple(heading for at, heading in enumerate(sheet.headings) if at not in gone)
    return replace(sheet, headings=headings, rows=tuple(map(left, sheet.rows)), total=left(sheet.total))


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
