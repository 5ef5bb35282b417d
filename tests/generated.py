"""Random nets held against torch and an interpreter: `python -m tests.generated --count 50000 --seed 7`.

Each failure is printed once for each kind, as the smallest spec that was found for it, with the number that makes it.
"""

from __future__ import annotations

import sys
import warnings
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from time import process_time
from traceback import extract_tb

from tests.generator.holding import Difference, hold
from tests.generator.programs import program
from tests.generator.shrinking import shrunk

CHUNK = 50


@dataclass(frozen=True)
class Failure:
    """A net that does not hold: its number, what kind of failure, and what was told and found."""

    number: int
    kind: str
    message: str


@dataclass
class Found:
    """What a run found; like failures have the same kind."""

    count: int = 0
    seconds: float = 0.0
    failures: dict[str, list[Failure]] = field(default_factory=dict[str, list[Failure]])

    def add(self, failures: list[Failure]) -> None:
        for one in failures:
            self.failures.setdefault(one.kind, []).append(one)


def failure(text: str, number: int = 0) -> Failure | None:
    """What is wrong with a net, or None. An exception that nobody meant is told by the place that raised it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hold(text)
    except Difference as difference:
        return Failure(number, difference.kind, str(difference))
    except Exception as error:  # noqa: BLE001  to find those that nobody meant is what this is for
        frame = next((one for one in reversed(extract_tb(error.__traceback__)) if "archlang" in one.filename), None)
        place = f"{frame.filename.rpartition('archlang/')[2]} in {frame.name}" if frame else "any place"
        return Failure(number, f"{type(error).__name__} at {place}", str(error)[:300])
    return None


def failures_of(seed: int, numbers: range) -> tuple[list[Failure], float]:
    """The failures among the nets of these numbers, and the seconds of CPU that they took."""
    start = process_time()
    tried = (failure(program(seed, number).text(), number) for number in numbers)
    return [one for one in tried if one is not None], process_time() - start


def smallest(seed: int, one: Failure, seconds: float = 60) -> str:
    """The text of a failing net, made as small as it can be within so many seconds of CPU."""

    def fails(text: str) -> bool:
        found = failure(text)
        return found is not None and found.kind == one.kind

    return shrunk(program(seed, one.number), fails, seconds).text()


def _chunks(seed: int, first: int, count: int) -> Iterator[tuple[int, range]]:
    for start in range(first, first + count, CHUNK):
        yield seed, range(start, min(start + CHUNK, first + count))


def _served(task: tuple[int, range]) -> tuple[list[Failure], float]:
    import torch

    torch.set_num_threads(1)
    return failures_of(*task)


def main() -> int:
    """The command: print each kind of failure, shrunk; 1 where there is one."""
    parser = ArgumentParser(prog="python -m tests.generated", description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first net")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--shrink", type=float, default=60, help="seconds for each kind of failure; 0 leaves it as it is"
    )
    parser.add_argument("--show", type=int, help="print the net of this number, and hold it")
    chosen = parser.parse_args()
    if chosen.show is not None:
        text = program(chosen.seed, chosen.show).text()
        sys.stdout.write(f"{text}\n{failure(text, chosen.show) or 'it holds'}\n")
        return 0
    found = Found(chosen.count)
    with get_context("spawn").Pool(chosen.workers) as pool:
        for failures, seconds in pool.imap_unordered(_served, _chunks(chosen.seed, chosen.first, chosen.count)):
            found.seconds += seconds
            for one in failures:
                if one.kind not in found.failures:
                    sys.stdout.write(f"number {one.number}: {one.message}\n")
                    sys.stdout.flush()
            found.add(failures)
    _tell(found, chosen.seed, chosen.shrink)
    return 1 if found.failures else 0


def _tell(found: Found, seed: int, seconds: float) -> None:
    total = sum(map(len, found.failures.values()))
    sys.stdout.write(f"{found.count} nets, seed {seed}: {total} failures; {found.seconds:.0f} s of CPU\n")
    for kind, failures in sorted(found.failures.items(), key=lambda item: -len(item[1])):
        first = min(failures, key=lambda one: one.number)
        sys.stdout.write(f"\n== {len(failures)} of {kind}: {', '.join(str(one.number) for one in failures[:8])}\n")
        text = smallest(seed, first, seconds) if seconds else program(seed, first.number).text()
        sys.stdout.write(f"{text}{failure(text)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
