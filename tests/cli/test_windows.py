"""What Windows lacks or forbids, on any machine: device names, separators, code pages, signals, forks, links."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from archlang import files
from archlang.cli.recipe_run import _folder  # pyright: ignore[reportPrivateUsage]
from archlang.compiler import SpecError, load
from archlang.files import UNFINISHED, portable, write_whole
from tests.specs import net_of

WITHOUT = """
import os, signal, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("fork", "kill", "mkfifo", "getuid", "geteuid", "statvfs", "sched_getaffinity", "uname", "wait4", "setsid"):
    delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGALRM", "SIGPROF", "setitimer", "pthread_sigmask"):
    delattr(signal, name)
def refused(*_, **__):
    raise OSError(1314, "a required privilege is not held by the client")
os.link = os.symlink = refused
def replaced(source, target, replace=os.replace):
    held = [os.path.realpath(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd")]
    for path in (source, target):
        if os.path.exists(path) and os.path.realpath(path) in held:
            raise PermissionError(13, "the process cannot access the file because it is being used", str(path))
    replace(source, target)
os.replace = replaced
from archlang.cli import main
for words in sys.argv[1:]:
    status = main(words.split())
    assert status == 0, (words, status)
"""
COMMANDS = (
    "check n.arch", "report n.arch", "why n.arch", "memory n.arch", "fit n.arch --memory 1GiB", "build n.arch -o n.py",
    "build n.arch -o n.py", "render n.arch -o n.dot", "render n.arch -o n.dot", "fmt n.arch", "diff n.arch n.arch",
    "report n.arch --format html -o n.html", "ops conv", "zoo lenet5 resnet18", "explain too-large",
)  # fmt: skip


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the stand-in for Windows' locks asks /proc")
def test_commands_need_nothing_that_windows_lacks(tmp_path: Path) -> None:
    (tmp_path / "n.arch").write_text(net_of("conv 3x3 8->relu # größer → λ"), encoding="utf-8")
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", WITHOUT, *COMMANDS],
        cwd=tmp_path, env={**variables, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-800:]
    assert (tmp_path / "n.py").exists() and (tmp_path / "n.html").exists() and (tmp_path / "n.dot").exists()
    assert "größer → λ" in (tmp_path / "n.arch").read_text(encoding="utf-8")
    assert not [*tmp_path.glob(f"{UNFINISHED[0]}*")]


@pytest.mark.parametrize("name", ["con", "Aux", "NUL", "com1", "lpt9", "prn"])
def test_no_file_has_the_name_of_a_device(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert portable(name) == f"{name}_"
    assert _folder(Namespace(resume=None, out=None), name) == Path("runs") / f"{name}_"
    assert portable("console") == "console"


def test_the_path_of_a_use_has_slashes_on_every_system(tmp_path: Path) -> None:
    (tmp_path / "n.arch").write_text('use "parts\\blocks.arch": pair\n' + net_of("relu"))
    with pytest.raises(SpecError) as told:
        load(str(tmp_path / "n.arch"))
    (found,) = told.value.diagnostics
    assert (found.code, found.span.line) == ("bad-path", 1)
    assert found.help is not None and "\\" not in found.help


def test_what_killed_processes_left_goes_after_an_hour_where_none_can_be_asked_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: Any) -> None:
        raise AssertionError("this ends a process on Windows")

    windows = SimpleNamespace(**{**vars(os), "name": "nt", "kill": kill})
    monkeypatch.setattr(files, "os", windows)
    ours = files._own()  # pyright: ignore[reportPrivateUsage]
    old, new = (tmp_path / f"{ours}{number}-x{UNFINISHED[1]}" for number in (11, 12))
    for path in (old, new):
        path.write_text("part")
    os.utime(old, (0, 0))
    write_whole(tmp_path / "n.svg", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([new.name, "n.svg"])
