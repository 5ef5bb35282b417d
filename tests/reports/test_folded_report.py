"""A long report is folded by structure: it can be read, and nothing is lost in its sums."""

from __future__ import annotations

from contextlib import suppress

import pytest

from archlang import SpecError, load
from archlang.report import Report, View, render_report
from archlang.report.data import COUNTS
from archlang.report.folding import folded_lines
from archlang.report.lines import Line
from archlang.report.table import MOST_ROWS
from archlang.shipped import shipped_nets

LONG = ["resnet50", "densenet121", "mobilenet_v3_large", "swin_t", "maxvit_t", "wavenet", "fractalnet"]


@pytest.mark.parametrize("name", LONG)
def test_the_rows_add_up_to_the_net(name: str) -> None:
    report = load(name).report()
    lines = folded_lines(report, MOST_ROWS)
    assert len(lines) <= MOST_ROWS
    assert _added(lines, 0, len(lines), 0) == _counts(report)


def _added(lines: list[Line], start: int, end: int, indent: int) -> dict[str, int]:
    """Return the sums of the rows at an indentation; those of the rows below each are compared with it."""
    total = dict.fromkeys(COUNTS, 0)
    at = start
    while at < end:
        assert _indent(lines[at]) == indent
        mine = {name: sum(map(count, lines[at].layers)) for name, count in COUNTS.items()}
        after = next((row for row in range(at + 1, end) if _indent(lines[row]) <= indent), end)
        if after > at + 1:
            assert _added(lines, at + 1, after, indent + 2) == mine
        total = {name: total[name] + mine[name] for name in total}
        at = after
    return total


def _indent(line: Line) -> int:
    return len(line.place) - len(line.place.lstrip())


def _counts(report: Report) -> dict[str, int]:
    return {name: sum(map(count, report.layers)) for name, count in COUNTS.items()}


def test_a_long_report_is_folded_and_says_so() -> None:
    text = render_report(load("densenet121").report())
    assert "features.denseblock4.denselayer1 to denselayer16  layer, concat ×16  32x7x7 " in text
    assert "\n    norm1 " in text and "64x56x56…224x56x56" in text
    assert text.endswith("--full lists every layer.")
    full = render_report(load("densenet121").report(), view=View(full=True))
    assert len(full.splitlines()) > 400 and "--full" not in full


def test_a_row_says_how_many_calls_have_it() -> None:
    text = render_report(load("resnet50").report())
    assert (
        "  downsample.0  conv, 1 of 3 " in text and "  (add)         add  " in text and "  conv1         conv " in text
    )


def test_programs_get_every_row() -> None:
    report = load("densenet121").report()
    assert len(render_report(report, format="csv").splitlines()) == len(report.layers) + 2


@pytest.mark.sweep
def test_every_shipped_net_has_at_most_80_lines() -> None:
    for name in (name for _, names in shipped_nets() for name in names):
        with suppress(SpecError):  # a family of nets needs arguments
            assert len(render_report(load(name).report()).splitlines()) <= 80, name
