"""Small specs that ask for much, in every command that creates no tensors: `python -m tests.resources`.

Each command on each spec runs in a process of its own, forked when Python has started, with 500 MiB of addresses. It
must answer or refuse within 2 s of CPU. `--only WORDS` takes the specs whose names hold them, `--seconds` another limit
for a machine on which other programs run.
"""

from __future__ import annotations

import os
import resource
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from archlang.cli import main as archlang
from tests.resource_specs import SPECS

SECONDS, BYTES, KILLED = 2.0, 500 * 2**20, 20  # of CPU; of addresses; of CPU, after which the process is ended
COMMANDS = (
    "check n.arch", "report n.arch", "report n.arch --full --format json", "why n.arch", "why n.arch 0",
    "fit n.arch --memory 1GiB", "memory n.arch --batch 8", "build n.arch -o n.py", "diff n.arch n.arch",
    "render n.arch -o n.svg", "render n.arch --full -o n.dot", "plot n.arch -o p.svg --accuracy n=50",
    "fmt --check n.arch", "sizes n.arch",
)  # fmt: skip
ANSWERS = (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took on a spec, in seconds of CPU and bytes that were in memory; and its last words."""

    spec: str
    command: str
    status: int
    seconds: float
    bytes: int
    said: str

    def wrong(self, seconds: float) -> str:
        """Return what is wrong with it, or nothing."""
        if self.status not in ANSWERS or "Traceback" in self.said:
            return f"ended with {self.status}: {self.said[-300:].strip()}"
        return f"{self.seconds:.1f} s" if self.seconds > seconds else ""


def ran(spec: str, command: str, folder: Path) -> Run:
    """Run a command in a fork of this process, within the limits."""
    said = folder / "said.txt"
    child = os.fork()
    if child == 0:
        _become(command, folder, said)
    _, status, used = os.wait4(child, 0)
    text = said.read_text(encoding="utf-8", errors="replace")
    return Run(
        spec, command, os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss * 2**10, text
    )


def _become(command: str, folder: Path, said: Path) -> None:
    """Turn this process into the command, and end it."""
    status = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (KILLED, KILLED))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        os.chdir(folder)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = archlang(command.split())
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 70
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def runs(specs: dict[str, Callable[[], str]], commands: Sequence[str]) -> Iterator[Run]:
    """Run each command on each spec, in a folder that holds nothing else."""
    for name, spec in specs.items():
        for command in commands:
            with TemporaryDirectory(prefix="archlang-resources-") as folder:
                (Path(folder) / "n.arch").write_text(spec(), encoding="utf-8")
                yield ran(name, command, Path(folder))


def main() -> int:
    """Print what was wrong, and the slowest. Return 1 if anything was."""
    parser = ArgumentParser(prog="python -m tests.resources", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", default="", metavar="WORDS")
    parser.add_argument("--command", action="append", metavar="WORD", help="only this command; several are allowed")
    chosen = parser.parse_args()
    specs = {name: spec for name, spec in SPECS.items() if chosen.only in name}
    commands = [line for line in COMMANDS if not chosen.command or line.split()[0] in chosen.command]
    done, wrong = list[Run](), 0
    for run in runs(specs, commands):
        done.append(run)
        if told := run.wrong(chosen.seconds):
            wrong += 1
            sys.stdout.write(f"{run.spec}: archlang {run.command}: {told}\n")
            sys.stdout.flush()
    slow, large = max(done, key=lambda run: run.seconds), max(done, key=lambda run: run.bytes)
    sys.stdout.write(f"{len(specs)} specs, {len(done)} runs: {wrong} wrong\n")
    sys.stdout.write(f"the slowest, {slow.seconds:.2f} s: {slow.spec}: archlang {slow.command}\n")
    sys.stdout.write(f"the largest, {large.bytes / 2**20:.0f} MiB: {large.spec}: archlang {large.command}\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
