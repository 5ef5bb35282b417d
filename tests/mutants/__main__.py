"""Plant a seeded sample of faults, one at a time, and print how many of them the tests notice.

python -m tests.mutants --count 300 --seed 1

A fault meets the tests that run its line: first the one that noticed it last time, then those that were written for
faults (`test_*_corners.py`), then the fastest. What became of it is noted at once, so that a run that was cut is soon
where it was.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path

from tests.mutants.covering import CORNERS, Covering, covering
from tests.mutants.faults import ROOT, Fault, faults, paths
from tests.mutants.outcomes import History, Outcome, score
from tests.mutants.planting import planted, warm

PACKAGES = ("shapes", "facts", "elaborate", "program", "lower")
TESTS = ("elaborate", "facts", "lower")  # folders of tests: those that are about these packages
FIRST = 0.5  # seconds of tests that are tried before the others are collected


def main() -> int:
    arguments = _arguments()
    files = [
        str(path.relative_to(ROOT)) for name in TESTS for path in sorted((ROOT / "tests" / name).glob("test_*.py"))
    ]
    folder = Path(arguments.folder)
    warm()
    found = covering(arguments.tests or files, folder, arguments.jobs)
    gc.collect()
    gc.freeze()  # else each process that is forked copies all of this when it collects garbage
    history = History(folder)
    every = [fault for path in paths(arguments.packages) for fault in faults(path)]
    chosen = sorted(every, key=lambda fault: _drawn(arguments.seed, fault))[: arguments.count]
    outcomes: list[Outcome] = []

    def outcome_of(fault: Fault) -> Outcome:
        if arguments.survivors and history.killer(fault):
            return history.outcome(fault)
        return _outcome(fault, found, history, arguments.seconds)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(outcome_of, chosen):
            outcomes.append(outcome)
            if not outcome.earlier:
                history.add(outcome)
                print(outcome, flush=True)
    print(f"\n{score(outcomes, len(every))}")
    for killer in _doubtful(outcomes):
        print(f"DOUBTFUL: {killer} fails without a fault", file=sys.stderr)
    return 0


def _drawn(seed: int, fault: Fault) -> bytes:
    """Return a number that depends only on the seed and the fault, so that other changes leave the sample as it is."""
    return blake2b(f"{seed} {fault.name} {fault.row} {fault.column} {fault.after}".encode()).digest()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="how many faults (300)")
    parser.add_argument("--seed", type=int, default=1, help="which faults (1)")
    parser.add_argument("--packages", nargs="+", default=PACKAGES, help="packages or modules of archlang")
    parser.add_argument("--tests", nargs="+", help=f"test files (those in {', '.join(TESTS)})")
    parser.add_argument("--seconds", type=float, default=60, help="of tests for each fault, the fastest first (60)")
    parser.add_argument("--survivors", action="store_true", help="plant only those that no test has noticed so far")
    parser.add_argument("--jobs", type=int, default=1, help="faults at once (1)")
    parser.add_argument("--folder", default=str(ROOT / ".mutants"), help="where lines and outcomes are noted")
    return parser.parse_args()


def _outcome(fault: Fault, found: Covering, history: History, seconds: float) -> Outcome:
    tests = _within(found, found.tests(fault), seconds)
    last_time = history.killer(fault)
    corners = [test for test in tests if CORNERS in test]
    others = tests[len(corners) :]
    first = _within(found, others, FIRST) if others else []
    for part in ([last_time] if last_time in found.seconds else [], corners, first, others[len(first) :]):
        if part:
            killer, timed_out = planted(fault, part, sum(found.seconds[test] for test in part))
            if killer or timed_out:
                return Outcome(fault, killer, timed_out, len(tests))
    return Outcome(fault, tests=len(tests))


def _within(found: Covering, tests: Sequence[str], seconds: float) -> list[str]:
    """Return as many of the tests as take this long together, and at least one."""
    spent = accumulate(found.seconds[test] for test in tests)
    return [test for at, (test, so_far) in enumerate(zip(tests, spent, strict=True)) if not at or so_far <= seconds]


def _doubtful(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield tests that are recorded as killing, but fail without any fault."""
    killers = sorted({one.killer for one in outcomes if "::" in one.killer})
    if killers and planted(None, killers, 10_000) != ("", False):
        for killer in killers:
            if planted(None, [killer], 10_000) != ("", False):
                yield killer


if __name__ == "__main__":
    sys.exit(main())
