"""Tables in a terminal: they are no wider than it, and say what they leave out."""

from __future__ import annotations

import pytest

from archlang import load
from archlang.cli import main
from archlang.report import Report, render_report
from archlang.sheets import Sheet
from archlang.sheets.fitting import Brief, fitted
from tests.cli.pseudo import printed

WIDE = ["resnet50", "densenet121", "maxvit_t", "swin_t"]


@pytest.fixture(scope="module", params=WIDE)
def report(request: pytest.FixtureRequest) -> Report:
    return load(request.param).report()


def test_a_table_is_as_wide_as_asked_for(report: Report) -> None:
    text = render_report(report, width=78)
    assert max(map(len, text.splitlines())) <= 78
    assert "--wide shows all" in " ".join(text.split())
    assert len(text.splitlines()) <= 80 + 3


def test_numbers_are_short_before_columns_go() -> None:
    sheet = Sheet(("path", "a", "b", "c", "d"), (("x" * 20, 1_234_567, 5, 0, 9),), ("total", 1_234_567, 5, 0, 9))
    assert fitted(sheet, 60) == sheet
    short = fitted(sheet, 38)
    assert [str(f"{cell:,}") for cell in short.rows[0][1:] if isinstance(cell, int)] == ["1.23 M", "5", "0", "9"]
    assert short.headings == sheet.headings and not short.below


def test_columns_go_from_the_right_and_a_path_keeps_its_end() -> None:
    sheet = Sheet(("path", "a", "b", "c", "d"), (("very.long.path.of.a.layer", 1, 2, 3, 4),), ("total", 1, 2, 3, 4))
    assert fitted(sheet, 30).headings == sheet.headings and str(fitted(sheet, 30).rows[0][0]).startswith("…")
    small = fitted(sheet, 25)
    assert small.headings == ("path", "a", "b", "c") and small.below == ("Not shown: d; --wide", "shows all columns.")
    path = str(small.rows[0][0])
    assert path.startswith("…") and "very.long.path.of.a.layer".endswith(path[1:])


def test_units_of_si() -> None:
    assert [f"{Brief(number):,}" for number in (0, 999, 9_541, 118_013_952, 4_089_184_256)] == [
        "0", "999", "9.54 k", "118 M", "4.09 G",
    ]  # fmt: skip


def test_a_terminal_is_filled_and_a_pipe_gets_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["report", "resnet50"]) == 0
    piped = capsys.readouterr().out
    for columns in (80, 100):
        status, shown = printed(monkeypatch, "report", "resnet50", columns=columns)
        assert status == 0 and max(map(len, shown.splitlines())) <= columns - 2
    assert printed(monkeypatch, "report", "resnet50", "--wide") == (0, piped)
