"""A report that shows itself in a notebook: the table of `archlang report`."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.cards import Shown, card, table_html
from archlang.report.data import Report
from archlang.report.table import FOLDED, View, table

EVERY = "Alike calls are laid over each other and summed; `layers` has every one."


@dataclass(frozen=True, slots=True, repr=False)
class ShownReport(Shown, Report):
    """A report, with its card."""

    def _repr_html_(self) -> str:
        """Return the table as HTML."""
        sheet = table(self, View())
        title, *above = sheet.above
        below = [EVERY if line == FOLDED else line for line in sheet.below]
        return card(title, [*above, *below], table_html(sheet.headings, sheet.rows, sheet.total, numbers=4))
