"""The command that compares what is printed before and after a change."""

from __future__ import annotations

from pathlib import Path

from tests.golden_run import Case, differences, printed


def test_a_command_is_recorded_with_its_exit_status() -> None:
    assert printed(Case("mistake", ("check", "-"), b"net n {\n  relo\n}\n")).startswith("exit 1\nerror[")
    assert printed(Case("right", ("fmt", "--check", "specs/lenet.arch"))) == "exit 0\n"


def test_each_output_that_changed_is_shown(tmp_path: Path) -> None:
    for folder, changed in ("old", "a\nb\n"), ("new", "a\nc\n"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.txt").write_text("a\n")
        (tmp_path / folder / "changed.txt").write_text(changed)
    (tmp_path / "old" / "gone.txt").write_text("a\n")
    changed, gone = differences(tmp_path / "old", tmp_path / "new")
    assert changed.splitlines()[-2:] == ["-b", "+c"]
    assert gone == "gone.txt: only in the old tree"
