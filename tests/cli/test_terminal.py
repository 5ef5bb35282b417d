"""What reaches a terminal: no escape sequences, no characters that it lacks, and no traceback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import archlang.cli
from archlang.cli import main
from archlang.cli.streams import FAULT, escaped, safe_streams

NET = "net n {\n  input x: [2]\n  linear 3\n  output\n}\n"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    known = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment}
    command = [sys.executable, "-m", "archlang", *words]
    return subprocess.run(command, cwd=folder, env=known, capture_output=True, check=False)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\x1b[31mb", "a\\x1b[31mb"), ("\x07\x08\x00", "\\x07\\x08\\x00"), ("\x9b2J\x7f", "\\x9b2J\\x7f"),
        ("a\u202eb", "a\\u202eb"), ("a\tb\nc é → 日", "a\tb\nc é → 日"),
    ],
)  # fmt: skip
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_terminal_gets_no_escape_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err, piped = Terminal(), io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with safe_streams():
        sys.stdout.write("\x1b[2Ja\n")
        sys.stderr.write("\x1b[2Jb\n")
    assert (out.getvalue(), err.getvalue()) == ("\\x1b[2Ja\n", "\\x1b[2Jb\n")
    assert sys.stdout is out and sys.stderr is err
    monkeypatch.setattr(sys, "stdout", piped)
    with safe_streams():
        sys.stdout.write("\x1b[2Ja\n")
    assert piped.getvalue() == "\x1b[2Ja\n"


def test_messages_hold_no_escape_sequences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "n.arch"
    path.write_text(NET.replace("linear 3", 'rearrange "\x1b[31m"'))
    assert main(["check", str(path)]) == 1
    assert main(["check", str(path) + ":\x1b[31m"]) == 2
    assert main(["why", "lenet5", "\x1b[31m"]) == 2
    said = capsys.readouterr().err
    assert "\x1b" not in said and "\\x1b[31m" in said


@pytest.mark.parametrize("words", [("diff", "resnet18", "resnet34"), ("compare", "lenet5", "resnet18")])
def test_a_console_that_lacks_characters(words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*words, folder=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode in (0, 1) and b"Traceback" not in done.stderr and done.stdout


def test_standard_input_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    for words in (["check", "-"], ["fmt", "-"]):
        assert main(words) == 2
        assert capsys.readouterr().err == "archlang: standard input is closed, so no spec can be read from it\n"


def test_standard_output_or_errors_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "n.arch"
    path.write_text(NET.replace("linear 3", "linear 3 4"))
    monkeypatch.setattr(sys, "stdout", None)
    for words in (["zoo", "lenet5"], ["report", "lenet5"], ["ops", "relu"], ["compare", "lenet5", "lenet5"]):
        assert main(words) == 0
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["check", str(path)]) == 1


def test_used_paths_that_lead_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.arch").symlink_to("b.arch")
    (tmp_path / "b.arch").symlink_to("a.arch")
    for name in ("a.arch", "a", "c\0.arch", "d" * 300 + ".arch"):
        (tmp_path / "n.arch").write_text(f'use "{name}": b\n{NET}')
        assert main(["check", str(tmp_path / "n.arch")]) == 1
        assert "error[no-such-file]" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train lenet5 --data mnist", "predict lenet5", "verify lenet5"])
@pytest.mark.parametrize("seed", [2**64, 2**63, -1])
def test_seeds_that_torch_does_not_take(command: str, seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--seed", str(seed)])
    assert ended.value.code == 2
    assert f"{seed} is not a whole number from 0 to 2**63 - 1" in capsys.readouterr().err


# ---- what nobody meant


FAULTY = """
def broken(name):
    raise ZeroDivisionError("on\\npurpose")
"""


def broken_in(path: str) -> Callable[[object], int]:
    """Return a function that fails in a file of this name."""
    names: dict[str, Callable[[object], int]] = {}
    exec(compile(FAULTY, path, "exec"), names)  # noqa: S102  a text of this test
    return names["broken"]


def test_a_fault_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("ARCHLANG_DEBUG", raising=False)
    monkeypatch.setattr(archlang.cli, "_answered", broken_in(archlang.cli.__file__))
    assert main(["check", "lenet5"]) == FAULT == 70
    what = "ZeroDivisionError at __init__.py:3: on purpose; please report it with this command and its files"
    assert capsys.readouterr().err == f"archlang: a fault of archlang, {what} (ARCHLANG_DEBUG=1 shows more)\n"
    monkeypatch.setattr(archlang.cli, "_answered", broken_in("/home/own.py"))
    assert main(["check", "lenet5"]) == FAULT
    what = "the code in /home/own.py failed: ZeroDivisionError at own.py:3: on purpose"
    assert capsys.readouterr().err == f"archlang: {what} (ARCHLANG_DEBUG=1 shows more)\n"
    monkeypatch.setenv("ARCHLANG_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["check", "lenet5"])


def test_no_more_memory_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def exhausted(arguments: object) -> int:
        raise MemoryError

    monkeypatch.setattr(archlang.cli, "_answered", exhausted)
    assert main(["check", "lenet5"]) == 70
    assert capsys.readouterr().err == "archlang: the machine has no more memory for this\n"


def test_an_interrupted_command_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(archlang.cli, "_answered", interrupted)
    assert main(["check", "lenet5"]) == 130
    assert capsys.readouterr().err == "archlang: interrupted\n"
