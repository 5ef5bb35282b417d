"""Colour in a terminal, where it is asked for, and nowhere else; below it the text is the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archlang.cli import main
from archlang.parts import Line, text_of
from archlang.sheets import Sheet, as_text, lines_of
from tests.cli.pseudo import printed

WRONG = "net n {\n  input x: [3, 8, 8]\n  conv 3x3 8 pading=1\n  output\n}\n"
COLOURS = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    path = tmp_path / "n.arch"
    path.write_text(WRONG)
    return str(path)


def test_a_mistake_in_a_terminal(
    wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", wrong]) == 1
    plain = capsys.readouterr().err
    assert "\x1b" not in plain
    status, shown = printed(monkeypatch, "check", wrong)
    text, _, more = shown.partition("\n\n")
    assert status == 1 and COLOURS.sub("", text) + "\n" == plain and "tells more" in more
    lines = text.splitlines()
    assert lines[0] == "\x1b[1;31merror[unknown-argument]\x1b[0m\x1b[1m: conv has no argument named `pading`\x1b[0m"
    assert lines[3] == "\x1b[1;34m3 |\x1b[0m   conv 3x3 8 pading=1"
    assert lines[4] == "\x1b[1;34m  |\x1b[0m\x1b[1;31m              ^^^^^^\x1b[0m"
    assert lines[5] == "\x1b[1;36mhelp\x1b[0m: did you mean `pad`?"


def test_every_command_colours_mistakes(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (["report", wrong], ["why", wrong, "x"], ["compare", wrong], ["memory", wrong]):
        status, shown = printed(monkeypatch, *words)
        assert status == 1 and shown.startswith("\x1b[1;31merror[unknown-argument]\x1b[0m")
    status, shown = printed(monkeypatch, "report", "lenet5", "--columns", "nothing")
    assert status == 2 and shown.startswith("archlang: \x1b[1;31merror[")


def test_a_warning_is_yellow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "n.arch"
    path.write_text("net n {\n  input x: [4]\n  linear 3 -> argmax axis=1\n  output\n}\n")
    status, shown = printed(monkeypatch, "check", str(path))
    assert status == 0 and "\x1b[1;33mwarning[" in shown


def test_headings_and_totals_are_bold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "lenet5", "--columns", "path,op,params"]) == 0
    plain = capsys.readouterr().out
    status, shown = printed(monkeypatch, "report", "lenet5", "--columns", "path,op,params")
    assert status == 0 and COLOURS.sub("", shown) == plain
    strong = [line for line in shown.splitlines() if line.startswith("\x1b[1m")]
    assert [COLOURS.sub("", line).split()[0] for line in strong] == ["path", "total"]


@pytest.mark.parametrize(
    "variables, terminal, piped",
    [
        ({}, True, False), ({"NO_COLOR": "1"}, False, False), ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True), ({"FORCE_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False), ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True, True),
    ],
)  # fmt: skip
def test_what_the_environment_asks_for(
    variables: dict[str, str], terminal: bool, piped: bool, wrong: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in printed(monkeypatch, "check", wrong)[1]) is terminal
    main(["check", wrong])
    assert ("\x1b" in capsys.readouterr().err) is piped
    main(["report", "lenet5"])
    assert ("\x1b" in capsys.readouterr().out) is piped


def test_a_spec_writes_no_sequence_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "n.arch"
    path.write_text('net n {\n  input x: [3]\n  rearrange "\x1b[5m\x9b2J"\n  output\n}\n')
    for words in (["check", str(path)], ["check", f"{path}:\x1b[5m"], ["report", "lenet5", "--columns", "\x1b[5m"]):
        shown = printed(monkeypatch, *words)[1]
        left = COLOURS.sub(lambda found: "" if found[0] in ALLOWED else found[0], shown)
        assert "\x1b" not in left and "\x9b" not in left and left


ALLOWED = {f"\x1b[{code}m" for code in ("0", "1", "2", "1;31", "1;32", "1;33", "1;34", "1;36")}


def test_parts_are_the_text() -> None:
    sheet = Sheet(("path", "a"), (("x", 1),), ("total", 1), ("above",), ("below",))
    lines: list[Line] = lines_of(sheet)
    assert text_of(lines) == as_text(sheet)
    assert [line[0][0] for line in lines] == ["", "", "strong", "faint", "", "faint", "strong", "", ""]
