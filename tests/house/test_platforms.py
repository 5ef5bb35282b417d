"""The command for other versions of Python and torch: which interpreters it finds, and what it tells of a pair."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from benchmarks import platforms


def test_interpreters_that_do_not_start_are_not_found(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    assert platforms.interpreters([sys.executable, str(broken), "9.99"]) == {sys.executable: sys.executable}


def test_a_torch_that_cannot_be_had_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / f"python-{platform.python_version()}-torch-0.0.1" / "bin" / "python"
    inside.parent.mkdir(parents=True)
    inside.write_text("#!/bin/sh\necho 'WARNING: slow' >&2; echo 'ERROR: no torch' >&2; exit 1\n")
    inside.chmod(0o755)
    words = ["platforms", "--python", sys.executable, "--torch", "0.0.1", "--keep", str(tmp_path), "--tests"]
    monkeypatch.setattr(sys, "argv", words)
    assert platforms.main() == 1
    assert "torch 0.0.1: cannot be had here: ERROR: no torch\n" in capsys.readouterr().out


def test_commands_that_fail_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "COMMANDS", ("check nosuch", "diff lenet5 lenet5"))
    monkeypatch.setattr(platforms, "RUN", "1/0")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    failed = platforms.failures(Path(sys.executable), [])
    assert [line.partition(": ")[0] for line in failed] == ["archlang check nosuch", "error -c 1/0"]
