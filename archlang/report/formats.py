"""A report as text, JSON, CSV or Markdown, in the plain style or the lecture's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from archlang.report.lecture import COLUMNS, HEADINGS, lecture_sheet, lecture_text
from archlang.report.rows import Report
from archlang.report.sheets import as_csv, as_markdown, as_text
from archlang.report.table import plain_table, table

Style = Literal["table", "cs231n"]
Format = Literal["text", "json", "csv", "md"]


def render_report(report: Report, style: Style = "table", format: Format = "text", unfold: bool = False) -> str:
    """The report written out, without a newline at its end. JSON holds what both styles show.

    `unfold` writes every call of a repeated block in the table for people; the other forms always do.
    """
    if (style, format) not in _WRITERS:
        raise ValueError(f"a report has no style {style} in format {format}")
    return _WRITERS[style, format](report, unfold)


def _json(report: Report) -> str:
    import json

    return json.dumps(report.to_json(), indent=2)


_WRITERS: dict[tuple[Style, Format], Callable[[Report, bool], str]] = {
    ("table", "text"): lambda report, unfold: as_text(table(report, unfold)),
    ("table", "csv"): lambda report, _: as_csv(plain_table(report)),
    ("table", "md"): lambda report, unfold: as_markdown(table(report, unfold)),
    ("table", "json"): lambda report, _: _json(report),
    ("cs231n", "text"): lambda report, _: lecture_text(report),
    ("cs231n", "csv"): lambda report, _: as_csv(lecture_sheet(report, COLUMNS)),
    ("cs231n", "md"): lambda report, _: as_markdown(lecture_sheet(report, HEADINGS)),
    ("cs231n", "json"): lambda report, _: _json(report),
}
