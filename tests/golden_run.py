"""What the commands print for every net there is, before and after a change that must not alter any of it.

    python -m tests.golden_run write DIR             # the outputs of this tree
    python -m tests.golden_run compare OLD DIR       # the first lines that differ, file by file; exit 1 if any do
    python -m tests.golden_run against REVISION      # both: the revision is checked out beside, and removed again

`--every N` takes each Nth net only. A commit that reshapes the code quotes `no difference` from this command.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from difflib import unified_diff
from filecmp import cmp
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
MUTATED = 600  # programs with mistakes, whose messages are compared
LINES = 12  # of each difference

# one line for each command: the folder of its outputs, and its words before and after the net
OF_A_NET: dict[str, tuple[list[str], list[str]]] = {
    "build": (["build"], []),
    "report": (["report"], ["--columns", "all", "--batch", "2", "--mode", "train"]),
    "report-json": (["report"], ["--format", "json"]),
    "training": (["memory"], ["--batch", "2", "--optimizer", "adam", "--format", "json"]),
    "inference": (["memory"], ["--batch", "2", "--mode", "inference", "--format", "json"]),
    "why": (["why"], ["--format", "json"]),
    "fmt": (["fmt", "--check"], []),
}


@dataclass(frozen=True)
class Case:
    """A command to run from the root of a tree, and the file that keeps what it prints."""

    name: str
    words: tuple[str, ...]
    text: bytes = b""  # of a program that is given on standard input


def cases(every: int = 1) -> Iterator[Case]:
    """Yield the commands over the shipped nets, the tests' nets, and programs with mistakes."""
    from archlang.ops import registry
    from tests.mutations import mutated

    for path in sorted([*(ROOT / "specs").rglob("*.arch"), *(ROOT / "tests" / "nets").glob("*.arch")]):
        file = str(path.relative_to(ROOT))
        yield Case(f"check/{_flat(file)}", ("check", file))
        names = _nets(path)
        for net in names[::every]:
            for command, (before, after) in OF_A_NET.items():
                spec = file if command == "fmt" else f"{file}:{net}"
                yield Case(f"{command}/{_flat(file)}-{net}", (*before, spec, *after))
        for one, other in list(pairwise(names))[::every]:
            yield Case(f"diff/{_flat(file)}-{one}-{other}", ("diff", f"{file}:{one}", f"{file}:{other}"))
    for word in sorted(registry()):
        yield Case(f"ops/{word}", ("ops", word))
    for number in range(0, MUTATED, every):
        yield Case(f"mistakes/{number}", ("check", "-"), mutated(7, number)[2])


def _flat(file: str) -> str:
    return file.removesuffix(".arch").replace("/", "_")


def _nets(path: Path) -> list[str]:
    from archlang.compiler import check

    return [graph.name for graph in check(str(path)).graphs]


def printed(case: Case) -> str:
    """Return the exit status of a command and what it prints; a traceback's last line where there is one."""
    from archlang.cli import main

    out, error = io.StringIO(), io.StringIO()
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(case.text))
    try:
        with redirect_stdout(out), redirect_stderr(error):
            status: object = main(case.words)
    except SystemExit as stopped:
        status = stopped.code
    except Exception as failed:  # noqa: BLE001  a traceback that stays the same is no difference
        status = f"{type(failed).__name__}: {failed}"
    finally:
        sys.stdin = stdin
    return f"exit {status}\n{out.getvalue()}{error.getvalue()}"


def _write_share(folder: Path, every: int, share: int, shares: int) -> None:
    os.chdir(ROOT)
    for case in list(cases(every))[share::shares]:
        path = folder / f"{case.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(printed(case), encoding="utf-8")


def write(folder: Path, every: int, workers: int = 2) -> None:
    """Write a file for each command into a folder."""
    context = get_context("spawn")
    running = [context.Process(target=_write_share, args=(folder, every, n, workers)) for n in range(workers)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    if any(process.exitcode for process in running):
        raise SystemExit("a worker failed")


def differences(old: Path, new: Path) -> Iterator[str]:
    """Yield a unified diff, cut short, for each output that is not the same in both folders."""
    names = {path.relative_to(folder) for folder in (old, new) for path in folder.rglob("*.txt")}
    for name in sorted(names):
        one, other = old / name, new / name
        if not (one.exists() and other.exists()):
            yield f"{name}: only in the {'old' if one.exists() else 'new'} tree"
        elif not cmp(one, other, shallow=False):
            lines = unified_diff(_lines(one), _lines(other), f"old/{name}", f"new/{name}", n=0, lineterm="")
            yield "\n".join(line for line, _ in zip(lines, range(LINES), strict=False))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _compare(old: Path, new: Path) -> int:
    found = list(differences(old, new))
    count = len(list(new.rglob("*.txt")))
    sys.stdout.write("\n".join([*found, f"{count} outputs: {len(found) or 'no'} difference{'s' * (len(found) > 1)}\n"]))
    return 1 if found else 0


def against(revision: str, every: int) -> int:
    """Compare this tree with a revision, by the revision's own commands over its own nets."""
    with TemporaryDirectory(prefix="archlang-golden-") as made:
        tree, old, new = (Path(made) / name for name in ("tree", "old", "new"))
        git = ["git", "-C", str(ROOT)]
        subprocess.run([*git, "worktree", "add", "--quiet", "--detach", str(tree), revision], check=True)
        try:
            # this file's own text runs in the old tree too, so that both sides are asked the same
            (tree / "tests" / Path(__file__).name).write_text(Path(__file__).read_text(encoding="utf-8"), "utf-8")
            words = [sys.executable, "-m", "tests.golden_run", "write", str(old), "--every", str(every)]
            subprocess.run(words, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, check=True)
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)
        write(new, every)
        return _compare(old, new)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = ArgumentParser(prog="python -m tests.golden_run", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    for name, words in {"write": ["folder"], "compare": ["old", "folder"], "against": ["revision"]}.items():
        action = actions.add_parser(name)
        for word in words:
            action.add_argument(word, type=str if word == "revision" else Path)
        action.add_argument("--every", type=int, default=1, metavar="N")
    chosen = parser.parse_args(argv)
    run: dict[str, Callable[[], int | None]] = {
        "write": lambda: write(chosen.folder, chosen.every),
        "compare": lambda: _compare(chosen.old, chosen.folder),
        "against": lambda: against(chosen.revision, chosen.every),
    }
    return run[chosen.action]() or 0


if __name__ == "__main__":
    sys.exit(main())
