"""`archlang fit`, tried for real: `python -m benchmarks.fit`.

For 40 nets and limits of `fit_cases.py`, the largest batch that `fit` tells runs a step of training or an inference,
and so does a batch of 8% more, float32, on the CPU. The highest mark of torch's allocator says what each takes
(tests/allocator.py). `--plans` trains batches of twice the size instead, with the blocks recomputed that `fit` chooses
for five nets.

Each case runs in a process of its own and is kept at once (`--kept`, build/fit.jsonl), so that a later call goes on
where one was stopped; `--part 2/8` runs the second of eight slices, `--again` those that are kept as well.

Prints Markdown; docs/benchmarks/fit.md is its output with a date. `--check` exits with 1 unless all batches fit, and
three quarters of those of 8% more do not.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.fit_cases import Case, cases
from benchmarks.slices import kept, part_of, run

MIB = 2**20
KEPT, KEPT_PLANS = Path("build/fit.jsonl"), Path("build/fit_plans.jsonl")
PLANS = (
    Case("lenet5", 32, "momentum"), Case("resnet20", 160, "momentum"), Case("mobilenet_v3_small", 384, "momentum"),
    Case("squeezenet1_1", 384, "momentum"), Case("resnet18", 448, "momentum"),
)  # fmt: skip
SHARE = 0.75  # of the batches of 8% more that do not fit


@dataclass(frozen=True, slots=True)
class Tried:
    """A case: the largest batch and 8% more, and the bytes that each took; or why that is not known."""

    number: int
    batch: int = 0
    bytes: int = 0
    more: int = 0
    more_bytes: int = 0
    failed: str = ""

    def line(self, case: Case) -> str:
        """Return a row of the table."""
        start = f"| {case.net.removeprefix('tests/nets/')} | {case.setting} | {case.memory}"
        if self.failed:
            return f"{start} | | {self.failed} | | | |"
        words = ("yes" if self.bytes <= case.bytes else "NO", "yes" if self.more_bytes <= case.bytes else "no")
        first = f"{start} | {self.batch} | {self.bytes / MIB:.2f} | {words[0]}"
        return f"{first} | {self.more} | {self.more_bytes / MIB:.2f} | {words[1]} |"


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan: twice the largest batch, how many blocks are recomputed, the price, and the bytes that it took."""

    number: int
    batch: int = 0
    blocks: int = 0
    price: float = 0
    bytes: int = 0
    failed: str = ""

    def line(self, case: Case) -> str:
        """Return a row of the table."""
        planned = self.failed or f"{self.blocks} blocks, {self.price:.1%} | {self.bytes / MIB:.2f}"
        return f"| {case.net} | {case.memory} | {self.batch or ''} | {planned} |"


def _taken(case: Case, batch: int, recomputed: Sequence[str] = ()) -> int:
    """Return the highest mark of the allocator, the calls at these paths recomputed."""
    from archlang.compiler import load
    from tests.allocator import images, inference, recomputing, training

    net = load(case.net)
    module, inputs = net.module(seed=0), images(net.graph, batch)
    recomputing(module, recomputed)
    if case.setting == "inference":
        return inference(module, inputs).with_scratch_bytes
    return training(net.graph, module, inputs, case.setting, recomputes=bool(recomputed)).with_scratch_bytes


def tried(number: int) -> Tried:
    """Return a case, run here."""
    from archlang.compiler import load
    from archlang.fit import largest_batch

    case = cases()[number]
    batch = largest_batch(load(case.net).graph, case.setup(), case.bytes)
    if not batch:
        return Tried(number, failed="no batch fits")
    more = max(batch + 1, -(-batch * 108 // 100))
    return Tried(number, batch, _taken(case, batch), more, _taken(case, more))


def planned(number: int) -> Planned:
    """Return a plan, run here."""
    from archlang.compiler import load
    from archlang.fit import largest_batch, plan

    case = PLANS[number]
    graph = load(case.net).graph
    batch = 2 * largest_batch(graph, case.setup(), case.bytes)
    found = plan(graph, replace(case.setup(), batch=batch), case.bytes)
    if found is None:
        return Planned(number, batch, failed="none fits |")
    return Planned(number, batch, len(found.recomputed), found.price, _taken(case, batch, found.recomputed))


def _batches(found: Sequence[Tried]) -> bool:
    """Print the table of the batches; return whether the bars are met."""
    limits = [case.bytes for case in cases()]
    sys.stdout.write("| net | setting | limit, MiB | largest batch | took, MiB | fits | 8% more | took | fits |\n")
    sys.stdout.write("|---|---|---:|---:|---:|---|---:|---:|---|\n")
    sys.stdout.write("".join(f"{one.line(cases()[one.number])}\n" for one in found))
    fit = sum(not one.failed and one.bytes <= limits[one.number] for one in found)
    over = sum(not one.failed and one.more_bytes > limits[one.number] for one in found)
    sys.stdout.write(f"\n{fit} of {len(found)} fit; {over} of {len(found)} of 8% more do not\n")
    return fit == len(found) and over >= SHARE * len(found)


def _plans(found: Sequence[Planned]) -> bool:
    """Print the table of the plans; return whether each fits."""
    sys.stdout.write(
        "| net | limit, MiB | twice the batch | recomputed, price | took, MiB |\n|---|---:|---:|---|---:|\n"
    )
    sys.stdout.write("".join(f"{one.line(PLANS[one.number])}\n" for one in found))
    return all(one.bytes <= PLANS[one.number].bytes for one in found)


def main() -> int:
    """Run and print; the exit status."""
    parser = ArgumentParser(description="archlang fit, tried for real")
    parser.add_argument("--plans", action="store_true", help="twice the batch, with recomputed blocks")
    parser.add_argument("--part", default="1/1", help="a slice of the cases: 2/8; 0/1 runs none")
    parser.add_argument("--again", action="store_true", help="run those that are kept as well")
    parser.add_argument("--kept", type=Path, help=f"the file of what was run ({KEPT} or {KEPT_PLANS})")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a batch is not as told")
    given = parser.parse_args()
    file: Path = given.kept or (KEPT_PLANS if given.plans else KEPT)
    known = {one["number"] for one in kept(file)}
    numbers = range(len(PLANS if given.plans else cases()))
    wanted = [at for at in part_of(numbers, given.part) if given.again or at not in known]
    run(planned if given.plans else tried, wanted, file)
    found = kept(file)
    right = _plans([Planned(**one) for one in found]) if given.plans else _batches([Tried(**one) for one in found])
    return 0 if right or not given.check else 1


if __name__ == "__main__":
    raise SystemExit(main())
