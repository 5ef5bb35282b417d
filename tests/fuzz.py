"""Programs mutated from the shipped specs, checked and lowered: `python -m tests.fuzz --count 50000 --seed 7`.

Each gives Graphs or diagnostics; a traceback, more than 2 s of CPU (for the check, and again to lower what was checked)
or more than 1 GiB of addresses is a failure, and the program is kept. A program follows from the seed and its number.
"""

from __future__ import annotations

import json
import resource
import shutil
import signal
import sys
import warnings
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from re import findall
from tempfile import TemporaryDirectory, mkdtemp
from time import process_time
from traceback import extract_tb
from types import FrameType

from archlang.compiler import CallError, Checked, check
from archlang.diagnostics import as_json
from archlang.lower import torch_source
from archlang.parse import parse
from archlang.paths import SPECS
from tests.mutations import mutated

SECONDS = (
    5.0  # of CPU, a program: twice what the slowest takes on a slow machine, and the steps have a limit of their own
)
BYTES = 2**30
LOWERED = 3  # one of this many programs is lowered
WHOLE = 5  # one of this many programs has all its nets checked, the others one net

Serve = Callable[[Connection, int, range], None]


class TooSlow(BaseException):
    """A program took more CPU time than it may; no `except Exception` catches it."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a program. `failure` is empty if it was answered; similar failures have the same text."""

    number: int
    kind: str = ""
    answer: str = ""  # "graphs", "diagnostics" or, if the call could not be made, "refused"
    parsed: bool = False
    lowered: bool = False
    seconds: float = 0.0
    failure: str = ""


@dataclass
class Found:
    """The result of a run: the count of each outcome, the slowest program, the failures and their files."""

    count: int = 0
    seconds: float = 0.0
    tally: Counter[str] = field(default_factory=Counter[str])
    slowest: Outcome = field(default_factory=lambda: Outcome(0))
    failures: dict[str, list[Path]] = field(default_factory=dict[str, "list[Path]"])

    def summary(self) -> str:
        """Return the shares, the slowest program and each failure, one a line."""
        shares = ", ".join(f"{self.tally[what] / self.count:.1%} {what}" for what in sorted(self.tally))
        slow = (
            f"slowest: number {self.slowest.number}, {self.slowest.seconds:.2f} s; {self.seconds:.0f} s of CPU in all"
        )
        failed = [f"{len(kept)} times {failure}\n  {kept[0]}" for failure, kept in self.failures.items()]
        return "\n".join([f"{self.count} programs: {shares}", slow, *(failed or ["no failure"])])


# ---- one program


def outcome(path: Path, seed: int, number: int) -> Outcome:
    """Write the program of that number beside the shipped specs, and return its outcome.

    One that is too slow is tried again, since a busy machine makes any program slow once.
    """
    first = _tried(path, seed, number)
    return _tried(path, seed, number) if TooSlow.__name__ in first.failure else first


def _tried(path: Path, seed: int, number: int) -> Outcome:
    kind, _, data = mutated(seed, number)
    path.write_bytes(data)
    start = process_time()
    answer, parsed, lowered, failure = "", False, False, ""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        answer, parsed, lowered = _answered(path, number, data)
    except CallError:
        answer = "refused"
    except (Exception, TooSlow) as error:  # noqa: BLE001  to find those that nobody meant is what this is for
        frame = next(f for f in reversed(extract_tb(error.__traceback__)) if "site-packages" not in f.filename)
        place = f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        failure = (
            f"{type(error).__name__} at {'any place' if isinstance(error, TooSlow) else place}: {str(error)[:200]}"
        )
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return Outcome(number, kind, answer, parsed, lowered, process_time() - start, failure)


def _answered(path: Path, number: int, data: bytes) -> tuple[str, bool, bool]:
    names = findall(r"^net (\w+)", data.decode(errors="ignore").replace("\r", ""), 8)
    spec = str(path) if number % WHOLE == 0 or not names else f"{path}:{names[number // WHOLE % len(names)]}"
    checked = check(spec)
    _told(checked)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    lowered = number % LOWERED == 0 and bool(checked.graphs)
    if lowered:
        compile(torch_source(checked.graphs[0]), "<lowered>", "exec")
    parsed = not checked.diagnostics or not parse(checked.source)[1]
    return "graphs" if checked.graphs else "diagnostics", parsed, lowered


def _told(checked: Checked) -> None:
    """Check that there is an answer, and that each diagnostic can be shown at a place in the text."""
    assert checked.graphs or checked.recipes or checked.diagnostics, "neither a Graph, a recipe nor a diagnostic"
    assert len({graph.name for graph in checked.graphs}) == len(checked.graphs)
    for diagnostic, shown in zip(checked.diagnostics, checked.rendered(), strict=True):
        json.dumps(as_json(diagnostic))
        span = diagnostic.span
        lines = checked.sources[span.file].lines()
        assert shown.startswith(f"{diagnostic.severity}[{diagnostic.code}]: ") and diagnostic.message
        assert 1 <= span.line <= len(lines) and 1 <= span.column <= len(lines[span.line - 1]) + 1, "a place outside"
        assert (span.end_line, span.end_column) > (span.line, span.column), "an empty place"


# ---- many programs, on several cores


def _serve(results: Connection, seed: int, numbers: range) -> None:
    """Run the programs of these numbers in a process of its own, one after the other, under limits."""
    limited()
    with TemporaryDirectory(prefix="archlang-fuzz-") as folder:
        shutil.copytree(SPECS, folder, dirs_exist_ok=True)
        for number in numbers:
            # a process that is stuck where Python's handler cannot run is killed; the parent sees the pipe end
            resource.setrlimit(resource.RLIMIT_CPU, (int(process_time() + 5 * SECONDS) + 1, resource.RLIM_INFINITY))
            results.send(outcome(Path(folder) / "mutated.arch", seed, number))
    results.close()


def limited() -> None:
    """Hold this process to the limits: warnings are errors, the timer is heard, addresses end at 1 GiB."""
    warnings.simplefilter("error")
    signal.signal(signal.SIGPROF, too_slow)
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def too_slow(signum: int, frame: FrameType | None) -> None:
    """Raise the timer's error."""
    raise TooSlow(f"more than {SECONDS} s of CPU")


def outcomes(count: int, seed: int, workers: int, serve: Serve = _serve) -> Iterator[Outcome]:
    """Yield the outcome of each of `count` programs, in the order in which they end; `serve` runs in the workers."""
    shares = [range(first, count, workers) for first in range(workers)]
    waiting = {_started(serve, seed, numbers): numbers for numbers in shares}
    while waiting:
        for results in wait(list(waiting)):
            assert isinstance(results, Connection)
            numbers = waiting.pop(results)
            try:
                done = results.recv()
            except EOFError:
                if not numbers:
                    continue
                done = Outcome(numbers[0], failure="the process died")
                results = _started(serve, seed, numbers[1:])
            waiting[results] = numbers[1:]
            yield done


def _started(serve: Serve, seed: int, numbers: range) -> Connection:
    mine, its = get_context("spawn").Pipe(duplex=False)
    get_context("spawn").Process(target=serve, args=(its, seed, numbers), daemon=True).start()
    its.close()
    return mine


def fuzz(count: int, seed: int, keep: Path, workers: int = 2) -> Found:
    """Check `count` programs; those that fail, and the slowest one, are kept as files in the folder `keep`."""
    found = Found(count)
    for done in outcomes(count, seed, workers):
        found.seconds += done.seconds
        found.slowest = max(found.slowest, done, key=lambda outcome: outcome.seconds)
        for what in (done.answer, "parse" if done.parsed else "", "lowered" if done.lowered else ""):
            found.tally[what] += bool(what)
        if done.failure:
            found.failures.setdefault(done.failure, []).append(_kept(keep, seed, done))
    found.tally = Counter({what: number for what, number in found.tally.items() if what})
    _kept(keep, seed, found.slowest)
    return found


def _kept(keep: Path, seed: int, done: Outcome) -> Path:
    path = keep / f"{seed}-{done.number}.arch"
    path.write_bytes(mutated(seed, done.number)[2])
    return path


def main() -> int:
    """Run the command: print the seed and the result. Return 1 if a program failed."""
    parser = ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    keep = Path(mkdtemp(prefix="archlang-fuzz-kept-"))
    sys.stdout.write(f"seed {chosen.seed}; kept in {keep}\n")
    sys.stdout.flush()
    found = fuzz(chosen.count, chosen.seed, keep, chosen.workers)
    sys.stdout.write(found.summary() + "\n")
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
