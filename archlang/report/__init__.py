"""The report: what each layer of a net is and counts, as data, as a table and as the lecture's table."""

from __future__ import annotations

from archlang.report.formats import Format, Style, render_report
from archlang.report.rows import LayerRow, LectureRow, NamedType, Report, report

__all__ = ["Format", "LayerRow", "LectureRow", "NamedType", "Report", "Style", "render_report", "report"]
