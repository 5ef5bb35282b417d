"""What the commands that try many drawn inputs share: they count outcomes, and name the first input of each failure."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Collection, Iterable

Tallied = tuple[Counter[str], dict[str, int]]


def tallied(numbers: Iterable[int], outcome: Callable[[int], str], good: Collection[str]) -> Tallied:
    """Return how often each good outcome came and how often another, and the first number of each other one."""
    tally: Counter[str] = Counter()
    failed: dict[str, int] = {}
    for number in numbers:
        found = outcome(number)
        tally[found if found in good else "failed"] += 1
        if found not in good:
            failed.setdefault(found, number)
    return tally, failed


def command(
    name: str,
    description: str | None,
    count: int,
    drawn: Callable[[int, int], str],
    failures: Callable[[int, int], Tallied],
) -> int:
    """Run the command of a module: try many inputs, or print one. Return 1 if an input failed."""
    parser = ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, metavar="NUMBER", help="print the input of this number")
    chosen = parser.parse_args()
    if chosen.show is not None:
        sys.stdout.write(drawn(chosen.seed, chosen.show) + "\n")
        return 0
    tally, failed = failures(chosen.count, chosen.seed)
    sys.stdout.write(", ".join(f"{number} {what}" for what, number in tally.most_common()) + "\n")
    for what, number in failed.items():
        sys.stdout.write(f"{number}: {what}\n")
    return 1 if failed else 0
