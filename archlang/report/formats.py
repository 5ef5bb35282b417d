"""A report as text, JSON, CSV, Markdown or LaTeX, in the plain style or the lecture's."""

from __future__ import annotations

from typing import Literal, get_args

from archlang.report.data import REPORT_VERSION, Report
from archlang.report.table import View, plain_table, table, table_json
from archlang.sheets import Sheet, as_csv, as_markdown, as_text

Style = Literal["table", "cs231n"]
Format = Literal["text", "json", "csv", "md", "latex"]  # a format is added here and in `_written`
FORMATS: tuple[Format, ...] = get_args(Format)
_FOR_PROGRAMS: tuple[Format, ...] = ("csv",)  # with the columns' names, plain numbers, and every repeated call


def render_report(
    report: Report,
    style: Style = "table",
    format: Format = "text",
    view: View | None = None,
    width: int | None = None,
) -> str:
    """Return the report written out, without a newline at its end.

    With a `width`, a table as text has lines of at most so many letters, as far as its columns can give way. JSON holds
    what both styles show, or the rows and columns that `view` asks for. Raises `Rejected` for an unknown column, and
    ValueError for a view in the lecture's style, which has its own rows and columns.
    """
    if style not in ("table", "cs231n") or format not in FORMATS:
        raise ValueError(f"a report has no style {style} in format {format}")
    view = view or View()
    if style == "cs231n" and view.is_cut:
        raise ValueError("the lecture's style has its own rows and columns")
    if format == "json":
        return _json(report, view)
    if style == "cs231n":
        return _lecture(report, format)
    sheet = plain_table(report, view) if format in _FOR_PROGRAMS else table(report, view)
    if width is not None and format == "text":
        from archlang.sheets.fitting import fitted

        sheet = fitted(sheet, width)
    return _written(sheet, format)


def _lecture(report: Report, format: Format) -> str:
    from archlang.report.lecture import COLUMNS, HEADINGS, lecture_sheet, lecture_text

    if format == "text":
        return lecture_text(report)
    return _written(lecture_sheet(report, COLUMNS if format in _FOR_PROGRAMS else HEADINGS), format)


def _json(report: Report, view: View) -> str:
    import json

    head = {"version": REPORT_VERSION, "name": report.name, "batch": report.batch, "mode": report.mode}
    return json.dumps({**head, **table_json(report, view)} if view.is_cut else report.to_json(), indent=2)


def _written(sheet: Sheet, format: Format) -> str:
    if format == "latex":
        from archlang.report.latex import as_latex

        return as_latex(sheet)
    return {"text": as_text, "csv": as_csv, "md": as_markdown}[format](sheet)
