"""Random nets compared with torch and an interpreter: `python -m tests.generated --count 50000 --seed 7`.

Each failure is printed once for each kind, as the smallest spec that was found for it, with the number that makes it.
"""

from __future__ import annotations

import sys
import warnings
from argparse import ArgumentParser
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from time import process_time
from traceback import extract_tb

from tests.fuzz import Outcome, outcomes
from tests.generator.holding import Difference, hold
from tests.generator.programs import Program, program
from tests.generator.shrinking import shrunk

DIED = "the process died"


@dataclass(frozen=True)
class Failure:
    """A net that fails: its number, the kind of failure, and both values."""

    number: int
    kind: str
    message: str


def failure(net: str | Program, number: int = 0) -> Failure | None:
    """Return what is wrong with a net, or None. An exception that nobody meant is told by the place that raised it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hold(net)
    except Difference as difference:
        return Failure(number, difference.kind, str(difference))
    except Exception as error:  # noqa: BLE001  to find those that nobody meant is what this is for
        frame = next((one for one in reversed(extract_tb(error.__traceback__)) if "archlang/" in one.filename), None)
        place = f"{frame.filename.rpartition('archlang/')[2]} in {frame.name}" if frame else "any place"
        return Failure(number, f"{type(error).__name__} at {place}", str(error)[:300])
    return None


def failures_of(seed: int, numbers: range) -> list[Failure]:
    """Return the failures among the nets of these numbers."""
    tried = (failure(program(seed, number), number) for number in numbers)
    return [one for one in tried if one is not None]


def smallest(seed: int, one: Failure, seconds: float = 60) -> Program:
    """Return a failing net, made as small as it can be within so many seconds of CPU."""

    def fails(net: Program) -> bool:
        if one.kind == DIED:
            return _dies(net.text())
        found = failure(net)
        return found is not None and found.kind == one.kind

    return shrunk(program(seed, one.number), fails, seconds)


def _dies(text: str) -> bool:
    """Return whether a net kills the process that runs it."""
    tried = get_context("spawn").Process(target=failure, args=(text,))
    tried.start()
    tried.join()
    return tried.exitcode != 0


# ---- many nets, on several cores


def _serve(results: Connection, seed: int, numbers: range) -> None:
    """Try the nets of these numbers in a process of its own, one after the other."""
    import torch

    torch.set_num_threads(1)
    for number in numbers:
        start = process_time()
        found = failure(program(seed, number), number)
        kind, message = (found.kind, found.message) if found else ("", "")
        results.send(Outcome(number, kind=kind, seconds=process_time() - start, failure=message))
    results.close()


def main() -> int:
    """Run the command: print each kind of failure, shrunk. Return 1 if there is one."""
    parser = ArgumentParser(prog="python -m tests.generated", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shrink", type=float, default=60, help="seconds for each kind of failure; 0 for none")
    parser.add_argument("--show", type=int, help="print the net of this number, and what is wrong with it")
    chosen = parser.parse_args()
    if chosen.show is not None:
        net = program(chosen.seed, chosen.show)
        sys.stdout.write(f"{net.text()}\n{failure(net, chosen.show) or 'it holds'}\n")
        return 0
    failures: dict[str, list[Failure]] = {}
    seconds = 0.0
    for done in outcomes(chosen.count, chosen.seed, chosen.workers, _serve):
        seconds += done.seconds
        if done.failure:
            one = Failure(done.number, done.kind or DIED, done.failure)
            if one.kind not in failures:
                _say(f"number {one.number}: {one.message}\n")
            failures.setdefault(one.kind, []).append(one)
    total = sum(map(len, failures.values()))
    _say(f"{chosen.count} nets, seed {chosen.seed}: {total or 'no'} failures; {seconds:.0f} s of CPU\n")
    _tell(failures, chosen.seed, chosen.shrink)
    return 1 if failures else 0


def _tell(failures: dict[str, list[Failure]], seed: int, seconds: float) -> None:
    """Print each kind of failure, the most frequent first, with the first net that shows it, made small."""
    for kind, found in sorted(failures.items(), key=lambda item: -len(item[1])):
        first = min(found, key=lambda one: one.number)
        _say(f"\n== {len(found)} of {kind}: numbers {', '.join(str(one.number) for one in found[:8])}\n")
        net = smallest(seed, first, seconds) if seconds else program(seed, first.number)
        _say(net.text() if kind == DIED else f"{net.text()}{failure(net)}\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
