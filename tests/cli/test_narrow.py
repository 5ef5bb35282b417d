"""Commands in a narrow terminal: no line is wider than it, and `--wide` and a pipe get what they always got."""

from __future__ import annotations

from pathlib import Path

import pytest

from archlang.cli import main
from archlang.compiler import check
from archlang.parts import text_of
from archlang.paths import SPECS
from archlang.sheets import Sheet
from archlang.sheets.fitting import fitted, listed
from archlang.shipped import shipped_nets
from tests.cli.pseudo import printed

COMMANDS = [
    "compare lenet5 resnet18", "compare lenet5 resnet18 alexnet vgg16", "compare lenet5 resnet18 alexnet vgg16 vgg11",
    "diff resnet18 resnet34", "diff resnet18 alexnet --all", "zoo resnet18 efficientnet_b0", "memory lenet5",
    "fit lenet5 --memory 1GiB --batch 70000", "ops", "ops conv", "report alexnet",
]  # fmt: skip


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_terminal(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 0
    piped = capsys.readouterr().out
    for columns in (60, 80):
        status, shown = printed(monkeypatch, *command.split(), columns=columns)
        assert status == 0 and max(map(len, shown.splitlines())) <= columns - 2
    assert printed(monkeypatch, *command.split(), "--wide") == (0, piped)
    assert printed(monkeypatch, *command.split(), columns=400) == (0, piped)


def assert_report_fits(name: str, monkeypatch: pytest.MonkeyPatch, *, full: bool = True) -> None:
    for more in ([], ["--full", "--columns", "all"])[: 1 + full]:
        status, shown = printed(monkeypatch, "report", name, *more, errors=False)
        assert status == 0 and max(map(len, shown.splitlines())) <= 78, (name, more)


@pytest.mark.parametrize("name", ["googlenet", "swin_t"])
def test_a_report_fits_eighty_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_report_fits(name, monkeypatch)


@pytest.mark.sweep
@pytest.mark.parametrize("path", [path for path, _ in shipped_nets()], ids=lambda path: path.stem)
def test_every_report_fits_eighty_columns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The nets that can be built without arguments."""
    for graph in check(str(path), root=SPECS).graphs:
        assert_report_fits(f"{path}:{graph.name}", monkeypatch, full=False)


def test_a_list_holds_all_that_the_table_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", "lenet5", "resnet18", "alexnet", "vgg16"]
    assert main(words) == 0
    cells = set(capsys.readouterr().out.split())
    status, shown = printed(monkeypatch, *words)
    assert status == 0 and "figure" not in shown
    missing = cells - set(shown.replace("(", "").replace(")", "").split())
    assert {word for word in missing if not word.startswith("-")} == {"figure", "ratio"}
    assert "MACs\n  lenet5    416,520\n  resnet18  1,814,073,344 (×4,355)\n" in shown


def test_few_nets_are_columns_with_units_before_they_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    status, shown = printed(monkeypatch, "compare", "lenet5", "resnet18", "vgg16", columns=72)
    assert status == 0 and shown.startswith("figure ") and "1.81 G" in shown


def test_what_an_accuracy_needs_goes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    status, shown = printed(monkeypatch, "zoo", "resnet18", columns=47)
    assert status == 0 and shown.split()[:5] == ["net", "parameters", "MACs", "top-1", "%"]
    assert " ".join(shown.split()).endswith("Not shown: input, year, published as; --wide shows all columns.")
    status, shown = printed(monkeypatch, "compare", "lenet5", "resnet18", "alexnet", "vgg16", "vgg11", columns=50)
    assert status == 0 and shown.split()[:5] == ["net", "parameters", "ratio", "MACs", "ratio"]


def test_columns_go_in_the_order_that_is_given() -> None:
    sheet = Sheet(("path", "a", "b", "c", "d", "e"), (("x", "aaaa", "bbbb", "cccc", "dddd", "eeee"),))
    assert fitted(sheet, 30, (2, 4)).headings == ("path", "a", "c", "d", "e")
    assert fitted(sheet, 30, (2, 4)).below == ("Not shown: b; --wide shows all", "columns.")
    assert fitted(sheet, 30).headings == ("path", "a", "b", "c", "d")


def test_a_list_leaves_out_what_is_empty_and_wraps() -> None:
    sheet = Sheet(
        ("", "path", "change", "MACs"), (("+", "layer1", "", 1_000), ("~", "fc", "one " * 9, 0)), above=("t",)
    )
    assert text_of(listed(sheet, 28, heads=2)) == (
        "t\n\n+  layer1\n  MACs    1,000\n\n~  fc\n"
        "  change  one one one one\n          one one one one\n          one\n  MACs    0"
    )
