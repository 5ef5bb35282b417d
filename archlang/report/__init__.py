"""The report: what each layer of a net is and counts, as data, as a table and as the lecture's table."""

from __future__ import annotations

from archlang.report.data import LayerRow, Mode, NamedType, Report
from archlang.report.formats import Format, Style, render_report
from archlang.report.lecture_rows import LectureRow
from archlang.report.lines import By
from archlang.report.making import report
from archlang.report.table import View, table

__all__ = [
    "By",
    "Format",
    "LayerRow",
    "LectureRow",
    "Mode",
    "NamedType",
    "Report",
    "Style",
    "View",
    "render_report",
    "report",
    "table",
]
