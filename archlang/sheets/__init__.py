"""A sheet: rows of words and numbers under headings, written as aligned text, CSV or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archlang.parts import Line, Part

Cell = str | int


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows under headings, then the total if there is one. `above` and `below` are lines around the table."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()

    @property
    def all_rows(self) -> tuple[tuple[Cell, ...], ...]:
        return (*self.rows, self.total) if self.total else self.rows


def as_text(sheet: Sheet) -> str:
    """Return the sheet in aligned columns: words to the left, numbers to the right, with thousands separators."""
    from archlang.parts import text_of

    return text_of(lines_of(sheet))


def lines_of(sheet: Sheet) -> list[Line]:
    """Return the lines of the same text, with the headings and the total as strong parts."""
    body = [tuple(shown(cell) for cell in row) for row in sheet.all_rows]
    right = [isinstance(cell, int) for cell in sheet.all_rows[-1]]
    widths = [max(map(len, column)) for column in zip(sheet.headings, *body, strict=True)]
    rule: Part = ("faint", "  ".join("-" * width for width in widths))
    headings, *rows = aligned((sheet.headings, *body), right)
    last: list[Part] = [rule, ("strong", rows.pop())] if sheet.total else []
    parts: list[Part] = [("", line) for line in (*sheet.above, "")]
    parts.extend([("strong", headings), rule, *(("", row) for row in rows), *last])
    parts.extend(("", line) for line in ("", *sheet.below))
    return [(part,) for part in parts]


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Return the rows in columns, two spaces apart. A `right` column is aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def as_csv(sheet: Sheet) -> str:
    """Return the rows and the total as comma-separated values, numbers without separators."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows((sheet.headings, *sheet.all_rows))
    return out.getvalue().removesuffix("\n")


def as_markdown(sheet: Sheet) -> str:
    """Return the sheet as a pipe table, with the lines around it as paragraphs."""
    rule = tuple("---:" if isinstance(cell, int) else "---" for cell in sheet.total)
    rows = [tuple(escaped(shown(cell)) for cell in row) for row in (sheet.headings, *sheet.all_rows)]
    table = [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]
    above, below = ([line for text in part for line in (escaped(text), "")] for part in (sheet.above, sheet.below))
    return "\n".join([*above, *table, "", *below]).rstrip("\n")


def escaped(text: str) -> str:
    """Return the text on one line, with the characters escaped that have a meaning in Markdown."""
    marked = "".join(f"\\{char}" if char in "\\`*_[]<>|~#&" else char for char in text)
    return " ".join(marked.splitlines())


def shown(cell: Cell) -> str:
    """Return a cell as text: a number has thousands separators."""
    return f"{cell:,}" if isinstance(cell, int) else cell
