"""Commands and tests under other versions: `python -m benchmarks.platforms --python 3.12 --torch 2.6.0 --keep DIR`.

Each pair of a Python and a torch gets a virtual environment, into which archlang is installed from this checkout as a
wheel; one that is in the folder `--keep` already is used again. In it the commands run in an empty folder, then the
tests run. Without `--python` the interpreters are listed that are here. torch for Linux takes gigabytes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
EXTRAS = "fit,plot,safetensors"
TOOLS = ("pytest>=8.3", "hypothesis>=6.100")
TESTS = ("tests/ops/test_laws.py", "tests/lower/test_built.py", "tests/elaborate/test_mistakes.py")
COMMANDS = (
    "check lenet5 resnet18", "report lenet5 --mode train", "why lenet5 classifier.0", "memory lenet5 --batch 8",
    "fit lenet5 --memory 1GiB", "render lenet5 -o lenet5.svg", "build resnet18 -o resnet18.py",
    "plot resnet18 resnet34 -o n.svg",
    "diff resnet18 resnet34", "zoo", "ops conv", "explain kernel-too-large",
)  # fmt: skip
RUN = """
import torch, archlang
net = archlang.load("lenet5")
module = net.module()
assert sum(one.numel() for one in module.parameters()) == 61_706, "other weights"
module(torch.zeros(2, 1, 32, 32)).sum().backward()
assert all(one.grad is not None for one in module.parameters()), "no gradient"
"""


class Missing(Exception):
    """An interpreter or a package cannot be had here."""


def interpreters(names: Iterable[str]) -> dict[str, str]:
    """Return the path of each interpreter that starts, by its name: a version such as 3.12, or a path."""
    found: dict[str, str] = {}
    for name in names:
        near = sorted(Path.home().glob(f".pyenv/versions/{name}*/bin/python")) if re.fullmatch(r"[\d.]+", name) else []
        for path in (*map(str, reversed(near)), shutil.which(f"python{name}"), shutil.which(name)):
            if path is not None and _version(path) is not None:
                found[name] = path
                break
    return found


def _version(path: str) -> str | None:
    done = _run([path, "-c", "import platform; print(platform.python_version())"], ROOT)
    return done.stdout.strip() if done.returncode == 0 else None


def _run(words: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    variables |= {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    return subprocess.run(words, cwd=folder, env=variables, capture_output=True, encoding="utf-8", check=False)


def environment(python: str, torch: str, folder: Path) -> Path:
    """Return the interpreter of a virtual environment with that torch and archlang, made unless it is there.

    Raises Missing if an install fails, with pip's last words.
    """
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install: list[str | Path] = [inside, "-m", "pip", "install", "-q"]
    steps: list[list[str | Path]] = [[python, "-m", "venv", folder]] * (not inside.exists())
    steps += [[*install, f"torch=={torch}"], [*install, f"{ROOT}[{EXTRAS}]", f"torch=={torch}", *TOOLS]]
    steps += [[*install, "--force-reinstall", "--no-deps", ROOT]]  # an environment that was kept has it as it was
    for words in steps:
        done = _run(words, ROOT)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.lower().startswith("error")] or [
                done.stderr[-300:]
            ]
            raise Missing(lines[0])
    return inside


def failures(inside: Path, tests: Sequence[str]) -> list[str]:
    """Return what fails in an environment: commands, the module of a net, tests."""
    failed: list[str] = []
    with TemporaryDirectory() as empty:
        for words in (*(["-m", "archlang", *line.split()] for line in COMMANDS), ["-W", "error", "-c", RUN]):
            done = _run([inside, *words], Path(empty))
            if done.returncode not in ((0, 1) if "diff" in words else (0,)):
                failed.append(f"{' '.join(words[1:])[:60]}: {_last(done.stderr)}")
    if tests:
        done = _run([inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], ROOT)
        failed += [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if done.returncode and not failed:
            failed.append(_last(done.stdout + done.stderr))
    return failed


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1][:200]


def main() -> int:
    """Print a line for each pair, and what failed. Return 1 if anything did."""
    parser = ArgumentParser(prog="python -m benchmarks.platforms", description=__doc__)
    parser.add_argument("--python", action="append", metavar="VERSION|PATH", help="an interpreter; several are allowed")
    parser.add_argument("--torch", action="append", metavar="VERSION", help="a torch; several are allowed")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the environments are kept")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="files of tests; none for the commands alone")
    chosen = parser.parse_args()
    here = interpreters(chosen.python or PYTHONS)
    for name in chosen.python or PYTHONS:
        sys.stdout.write(f"{name}: {here.get(name, 'no such interpreter here')}\n")
    if not chosen.python or not chosen.torch:
        return 0
    failed = len(here) < len(chosen.python)
    with TemporaryDirectory() as temporary:
        for path in here.values():
            for torch in chosen.torch:
                folder = (chosen.keep or Path(temporary)).resolve() / f"python-{_version(path)}-torch-{torch}"
                failed = _told(f"Python {_version(path)}, torch {torch}", path, torch, folder, chosen.tests) or failed
    return int(failed)


def _told(pair: str, python: str, torch: str, folder: Path, tests: Sequence[str]) -> bool:
    """Print the result of a pair. Return whether anything failed."""
    try:
        found = failures(environment(python, torch, folder), tests)
    except Missing as missing:
        sys.stdout.write(f"{pair}: cannot be had here: {missing}\n")
        return True
    sys.stdout.write("\n  ".join([f"{pair}: {len(found)} failed", *found]) + "\n")
    sys.stdout.flush()
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
