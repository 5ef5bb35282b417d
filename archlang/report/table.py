"""The plain style: a row for each layer, scope, operator or block, under the columns asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archlang.facts.untold import listed, united
from archlang.report.columns import Column, chosen, chosen_sums
from archlang.report.data import Report
from archlang.report.lines import By, Line, lines, total_line
from archlang.report.reach import REACH, UNKNOWN
from archlang.sheets import Sheet

MOST_ROWS = 66  # with more, a table for people is folded by structure: with what stands around it, it has 80 lines
FOLDED = "Alike calls are laid over each other and summed; --full lists every layer."


@dataclass(frozen=True, slots=True)
class View:
    """The columns and rows of a report that are shown.

    `columns` are names and groups of columns; without any, the default ones. A scope that is `depth` levels deep is one
    row with the sum of its layers, 0 being the net; `by` sums by operator or by block instead. `full` shows every
    layer in the tables for people; the tables for programs always do.
    """

    columns: tuple[str, ...] = ()
    depth: int | None = None
    by: By | None = None
    full: bool = False

    def __post_init__(self) -> None:
        if self.by is not None and self.depth is not None:
            raise ValueError("a report is summed by depth, or by operator or block, not by both")
        if self.depth is not None and self.depth < 0:
            raise ValueError(f"a depth is 0 or more, not {self.depth}")

    @property
    def is_cut(self) -> bool:
        """Whether it asks for other rows or columns than the default ones."""
        return bool(self.columns) or self.depth is not None or self.by is not None


def table(report: Report, view: View) -> Sheet:
    """Return the sheet for people: an operator without a name of its own is shown by its scope and its word."""
    columns, rows, total, note = _cut(report, view, fold=not view.full)
    totals = report.totals
    trained = f"{totals.params:,} parameters, {totals.trainable_params:,} of them trainable"
    training = ", training" if report.mode == "train" else ""
    return Sheet(
        tuple(column.heading for column in columns),
        tuple(tuple(column.shown(line) for column in columns) for line in rows),
        tuple(column.shown(total) for column in columns),
        above=(
            f"{report.name}, batch {report.batch}{training}",
            *(f"input {port.name}: {port.type} {port.type.dtype}" for port in report.inputs),
        ),
        below=(f"{trained}; {totals.buffers:,} values in buffers", *_unknown(columns, rows), *note),
    )


def _unknown(columns: Sequence[Column], rows: Sequence[Line]) -> Iterator[str]:
    """Yield why some cells are unknown, if a column shows one."""
    names = {column.name for column in columns}
    groups = [layer.saved_untold for line in rows for layer in line.layers if "saved_bytes" in names]
    groups += [one.untold for line in rows for one in line.fields() if names & {*REACH}]
    found = united(*groups)
    if found:
        yield f"{UNKNOWN} is unknown: {listed(found)}"


def plain_table(report: Report, view: View) -> Sheet:
    """Return the sheet for programs: the names of the JSON, and the paths as they are."""
    columns, rows, total, _ = _cut(report, view, fold=False)
    return Sheet(
        tuple(column.name for column in columns),
        tuple(tuple(column.written(line) for column in columns) for line in rows),
        tuple(column.written(total) for column in columns),
    )


def table_json(report: Report, view: View) -> dict[str, object]:
    """Return the table as plain JSON values: a field for each column."""
    columns, rows, total, _ = _cut(report, view, fold=False)
    return {
        "rows": [{column.name: column.data(line) for column in columns} for line in rows],
        "total": {column.name: column.data(total) for column in columns if column.count is not None},
    }


def _cut(report: Report, view: View, fold: bool) -> tuple[Sequence[Column], list[Line], Line, tuple[str, ...]]:
    """Return the columns, the rows, the total row, and what must be said of the rows."""
    if view.by is not None:
        from archlang.report.sums import sum_columns, sums_by, sums_total

        rows = sums_by(report, view.by)
        return (*sum_columns(view.by), *chosen_sums(view.columns)), rows, sums_total(report, rows), ()
    columns = chosen(view.columns)
    counts = [column.compared for column in columns if column.compared is not None]
    rows = list(lines(report, view.depth, counts if fold else None))
    if fold and view.depth is None and len(rows) > MOST_ROWS:
        from archlang.report.folding import folded_lines

        return columns, folded_lines(report, MOST_ROWS), total_line(report), (FOLDED,)
    return columns, rows, total_line(report), ()
