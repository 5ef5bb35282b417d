"""`archlang memory` against torch's allocator, for 200 configurations: `python -m benchmarks.memory`.

Each configuration of `memory_cases.py` is run in a process of its own: a step of training or an inference, eager, on
the CPU, with random weights and inputs. Two figures are compared: what is alive between the calls of torch, and the
highest mark of the allocator, with scratch (tests/allocator.py measures both). A third of the configurations is held
out.

What is measured is kept in a file at once (`--kept`, build/memory.jsonl), so that a later call goes on where one was
stopped. `--part 2/8` measures the second of eight slices, and `--again` those that are kept as well. A process may take
12 GiB of addresses and 300 seconds; one that takes more, or that torch refuses, is a row without figures. What is told
is computed afresh, so that `--part 0/1` compares what is kept with the code as it is.

Prints Markdown of all that is kept; docs/benchmarks/memory.md is its output with a date. `--check` exits with 1
where a bar is missed.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.memory_cases import Case, cases
from benchmarks.slices import kept, part_of, run

KEPT = Path("build/memory.jsonl")
MEDIAN, NEAR, SHARE, BELOW = 0.005, 0.03, 0.95, 0.01  # the bars, for the peak with scratch


@dataclass(frozen=True, slots=True)
class Taken:
    """What a configuration took: bytes alive and at the highest mark; or why that was not measured."""

    number: int
    alive: int = 0
    peak: int = 0
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A configuration: what it took, what is told of it, and whether that is an exact figure or a bound."""

    case: Case
    taken: Taken
    alive_told: int
    peak_told: int
    bound: str = ""
    failed: str = ""

    @property
    def error(self) -> float:
        """Relative, of what is alive; above 0 where too much is told."""
        return self.alive_told / self.taken.alive - 1

    @property
    def peak_error(self) -> float:
        """Relative, of the peak with scratch."""
        return self.peak_told / self.taken.peak - 1

    def __str__(self) -> str:
        start = f"| {self.case.name.removeprefix('tests/nets/')} | {self.case.batch} | {self.case.words}"
        if self.failed:
            return f"{start} | | | | | | {self.failed} |"
        alive = f"{self.taken.alive:,} | {self.alive_told:,} | {self.error:+.3%}"
        return f"{start} | {alive} | {self.taken.peak:,} | {self.peak_told:,}{self.bound} | {self.peak_error:+.2%} |"


def taken(number: int) -> Taken:
    """Return what a configuration takes, measured here."""
    import torch

    from tests.allocator import images, inference, training

    case = cases()[number]
    net, setup = case.loaded(), case.setup()
    module, inputs = net.module(seed=0), images(net.graph, case.batch)
    if setup.dtype:
        dtype: torch.dtype = getattr(torch, setup.dtype)
        module, inputs = module.to(dtype), [x.to(dtype) if x.is_floating_point() else x for x in inputs]
    try:
        if setup.training:
            found = training(net.graph, module, inputs, setup.optimizer, autocast=setup.autocast)
        else:
            found = inference(module, inputs, setup.autocast)
    except (RuntimeError, NotImplementedError) as error:
        return Taken(number, failed=f"torch: {str(error).splitlines()[0]}")
    return Taken(number, found.peak_bytes, found.with_scratch_bytes)


def told(case: Case, taken: Taken) -> Row:
    """Return what is told of a configuration, beside what it took."""
    from archlang.facts.memory import AutocastUnknown, memory

    if taken.failed:
        return Row(case, taken, 0, 0, failed=taken.failed)
    try:
        found = memory(case.loaded().graph, case.setup())
    except AutocastUnknown as unknown:
        return Row(case, taken, 0, 0, failed=str(unknown))
    bound = " (at least)" if found.untold or found.unscratched else ""
    return Row(case, taken, found.peak_bytes, found.with_scratch_bytes, bound)


def table(title: str, rows: Sequence[Row]) -> Iterator[str]:
    """Yield the rows as Markdown, and what they come to."""
    yield f"## {title}\n"
    yield "| net | batch | setting | alive, bytes | told | error | with scratch | told | error |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|"
    yield from map(str, rows)
    known = [row for row in rows if not row.failed]
    if known:
        alive, peaks = [abs(row.error) for row in known], [abs(row.peak_error) for row in known]
        low, near = min(row.peak_error for row in known), sum(error <= NEAR for error in peaks)
        yield f"\nalive: median error {median(alive):.4%}, worst {max(alive):.2%} of {len(known)}"
        beyond = f"{near} of {len(known)} within {NEAR:.0%}, the lowest {low:+.2%}"
        yield f"\nwith scratch: median error {median(peaks):.3%}, {beyond}"
    yield f"\nwithout figures: {len(rows) - len(known)}\n"


def is_right(rows: Sequence[Row]) -> bool:
    """Return whether the bars are met; a configuration without figures meets none."""
    errors = [row.peak_error for row in rows if not row.failed]
    near = sum(abs(error) <= NEAR for error in errors)
    meets = bool(errors) and median(map(abs, errors)) <= MEDIAN and min(errors) >= -BELOW
    return meets and len(errors) == len(rows) and near >= SHARE * len(errors)


def main() -> int:
    """Measure and print; the exit status."""
    parser = ArgumentParser(description="archlang memory against torch's allocator")
    parser.add_argument("--only", default="", help="the configurations whose net or setting has this word")
    parser.add_argument("--part", default="1/1", help="a slice of the configurations: 2/8")
    parser.add_argument("--again", action="store_true", help="measure those that are kept as well")
    parser.add_argument("--kept", type=Path, default=KEPT, help=f"the file of measured rows ({KEPT})")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bar is missed")
    given = parser.parse_args()
    every = cases()
    asked = [at for at, case in enumerate(every) if given.only in f"{case.name}, {case.words}"]
    known = {one["number"] for one in kept(given.kept)}
    run(taken, [at for at in part_of(asked, given.part) if given.again or at not in known], given.kept)
    measured = {one["number"]: Taken(**one) for one in kept(given.kept)}
    rows = [told(every[at], measured[at]) for at in asked if at in measured]
    for title, held_out in (("Found out on", False), ("Held out", True)):
        sys.stdout.write("\n".join(table(title, [row for row in rows if row.case.held_out == held_out])) + "\n")
    return 0 if is_right(rows) or not given.check else 1


if __name__ == "__main__":
    raise SystemExit(main())
