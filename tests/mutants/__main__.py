"""Plant a seeded sample of faults, one at a time, and print how many of them the tests notice.

python -m tests.mutants --count 300 --seed 1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path

from tests.mutants.covering import Covering, covering
from tests.mutants.faults import ROOT, Fault, faults
from tests.mutants.planting import Outcome, paths, planted, warm

PACKAGES = ("shapes", "facts", "elaborate", "program", "lower")
# those that take longest for what they notice in these packages
LEFT_OUT = (
    "concurrent", "fuzz", "golden_run", "house", "laws", "lecture_pictures", "nets", "one_file", "parity",
    "parse_scale", "plot", "render", "speed", "train", "verify", "website", "weights", "wheel", "zoo", "zoo_command",
)  # fmt: skip


def main() -> int:
    arguments = _arguments()
    files = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if path.stem.removeprefix("test_") not in LEFT_OUT
    ]
    found = covering([*(arguments.tests or files), "-m", "not sweep"], Path(arguments.folder))
    every = [fault for path in paths(arguments.packages) for fault in faults(path)]
    chosen = sorted(every, key=lambda fault: _drawn(arguments.seed, fault))[: arguments.count]
    warm()
    _refuse_a_broken_run(chosen[0], found)
    outcomes: list[Outcome] = []

    def outcome_of(fault: Fault) -> Outcome:
        return _outcome(fault, found, arguments.seconds)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(outcome_of, chosen):
            outcomes.append(outcome)
            print(_told(outcome), flush=True)
    _print_score(outcomes, len(every))
    _print_doubts(outcomes)
    return 0


def _drawn(seed: int, fault: Fault) -> bytes:
    """A number that follows from the seed and the fault alone, so that a change elsewhere leaves the sample alone."""
    return blake2b(f"{seed} {fault.name} {fault.row} {fault.column} {fault.after}".encode()).digest()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="how many faults (300)")
    parser.add_argument("--seed", type=int, default=1, help="which faults (1)")
    parser.add_argument("--packages", nargs="+", default=PACKAGES, help="packages or modules of archlang")
    parser.add_argument("--tests", nargs="+", help="test files (all but those that take long)")
    parser.add_argument("--seconds", type=float, default=60, help="of tests for each fault, the fastest first (60)")
    parser.add_argument("--jobs", type=int, default=1, help="faults at once (1)")
    parser.add_argument("--folder", default=str(ROOT / ".mutants"), help="where the covered lines are noted")
    return parser.parse_args()


def _refuse_a_broken_run(fault: Fault, found: Covering) -> None:
    """End the command if tests that are run as they are for a fault fail without one."""
    tests, spent = _within(found, fault, 10)
    if tests and planted(None, tests, spent) != ("", False):
        raise SystemExit(f"without a fault, too, one of these tests fails: {', '.join(tests)}")


def _outcome(fault: Fault, found: Covering, seconds: float) -> Outcome:
    tests, spent = _within(found, fault, seconds)
    if not tests:
        return Outcome(fault)
    killer, timed_out = planted(fault, tests, spent)
    return Outcome(fault, killer, timed_out, len(tests))


def _within(found: Covering, fault: Fault, seconds: float) -> tuple[list[str], float]:
    """As many of the tests that run the line as fit, the fastest first, and what they take."""
    chosen: list[str] = []
    spent = 0.0
    for test in found.tests(fault):
        if chosen and spent + found.seconds[test] > seconds:
            break
        chosen.append(test)
        spent += found.seconds[test]
    return chosen, spent


def _told(outcome: Outcome) -> str:
    if outcome.timed_out:
        return f"timed out   {outcome.fault}"
    if outcome.killer:
        return f"killed      {outcome.fault}  [{outcome.killer}]"
    return f"{'SURVIVED' if outcome.tests else 'NO TEST'}    {outcome.fault}  [{outcome.tests} tests]"


def _print_score(outcomes: Sequence[Outcome], every: int) -> None:
    killed, timed_out = sum(bool(one.killer) for one in outcomes), sum(one.timed_out for one in outcomes)
    part = 100 * (killed + timed_out) / len(outcomes)
    print(f"\nof {len(outcomes)} faults, drawn from {every}: {killed} killed, {timed_out} timed out: {part:.1f}%")
    for outcome in outcomes:
        if not outcome.killed:
            print(_told(outcome))


def _print_doubts(outcomes: Sequence[Outcome]) -> None:
    """Tests that are said to kill, and fail without any fault."""
    killers = sorted({one.killer for one in outcomes if "::" in one.killer})
    for killer in _failing(killers):
        print(f"DOUBTFUL: {killer} fails without a fault", file=sys.stderr)


def _failing(tests: Sequence[str]) -> Iterator[str]:
    if tests and planted(None, tests, 10_000) != ("", False):
        for test in tests:
            if planted(None, [test], 10_000) != ("", False):
                yield test


if __name__ == "__main__":
    sys.exit(main())
