"""A process that is killed while it writes leaves the old file or the new one; the next run removes what it left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

OLD, NEW = b"old" * 50_000, b"new" * 70_000
WRITER = """
import sys
from archlang.files import write_fresh, write_whole
new = b"new" * 70_000
sys.stdout.write("ready\\n")
sys.stdout.flush()
while True:
    write_whole("whole.bin", new)
    write_fresh("fresh.bin", new)
"""


def killed(folder: Path, delay_us: int) -> None:
    """Run the writer, kill it after a delay, and check what is there."""
    (folder / "whole.bin").write_bytes(OLD)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", WRITER]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
            time.sleep(delay_us / 1e6)
        finally:
            writer.kill()
    assert writer.returncode == -signal.SIGKILL
    assert (folder / "whole.bin").read_bytes() in (OLD, NEW)
    fresh = list(folder.glob("fresh*.bin"))
    assert all(path.read_bytes() == NEW for path in fresh)
    for path in fresh:
        path.unlink()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.mark.parametrize("count", [5, pytest.param(150, marks=pytest.mark.sweep)])
def test_a_killed_process_leaves_no_part(count: int, tmp_path: Path) -> None:
    from archlang.files import write_whole

    for number in range(count):
        killed(tmp_path, 400 + 977 * (number % 20))
    write_whole(tmp_path / "next.bin", b"x")
    assert left(tmp_path) == []


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archlang.files import write_fresh

    def refused(source: str, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(target))

    monkeypatch.setattr(os, "link", refused)
    paths = [write_fresh(tmp_path / "a.bin", b"x") for _ in range(2)]
    assert [path.name for path in paths] == ["a.bin", "a-2.bin"]
    assert all(path.read_bytes() == b"x" for path in paths) and left(tmp_path) == []


def test_temporary_files_of_others_stay(tmp_path: Path) -> None:
    """Those of a process that runs, and those of another machine."""
    from archlang.files import _own, write_fresh  # pyright: ignore[reportPrivateUsage]

    alive, other = f"{_own()}{os.getppid()}-x.tmp", ".archlang-elsewhere-1-x.tmp"
    for name in (alive, other, f"{_own()}4194399-x.tmp"):
        (tmp_path / name).touch()
    assert write_fresh(tmp_path / "a.bin", b"x").read_bytes() == b"x"
    assert left(tmp_path) == sorted([alive, other])
