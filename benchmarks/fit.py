"""`archlang fit`, tried for real: `python -m benchmarks.fit`.

The largest batch that it tells for a limited memory is trained for a step, and so is one of 5% more; torch's allocator
says what they take, without the scratch of single calls (tests/allocator.py). Then a batch of twice the size is trained
with the blocks recomputed that `fit` chooses, by torch.utils.checkpoint. SGD with momentum, float32, on the CPU.

Prints Markdown; docs/benchmarks/fit.md is its output with a date. `--check` exits with 1 where a batch that is told to
fit does not, or one of 5% more does.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass

from archlang.compiler import Net, load
from archlang.facts.memory import Setup
from archlang.fit import Plan, largest_batch, plan
from tests.allocator import images, recomputing, training

MIB = 2**20
CASES = (
    ("lenet5", 32), ("resnet20", 160), ("mobilenet_v3_small", 512), ("squeezenet1_1", 512), ("resnet18", 512),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tried:
    """A net and a memory in MiB; the largest batch, 5% more, and what they took; twice the batch, by a plan."""

    net: str
    memory: int
    batch: int
    bytes: int
    more: int
    more_bytes: int
    plan: Plan | None
    plan_bytes: int

    @property
    def right(self) -> bool:
        """Whether a batch fits if it is said to fit, and only then."""
        budget = self.memory * MIB
        return self.bytes <= budget < self.more_bytes and self.plan_bytes <= budget

    def __str__(self) -> str:
        planned = "none fits | - |"
        if self.plan is not None:
            blocks, price = len(self.plan.recomputed), self.plan.price
            planned = f"{blocks} blocks, {price:.1%} | {self.plan_bytes / MIB:.1f} |"
        first = f"| {self.net} | {self.memory} | {self.batch} | {self.bytes / MIB:.1f} "
        return f"{first}| {self.more} | {self.more_bytes / MIB:.1f} | {2 * self.batch} | {planned}"


def taken(net: Net, batch: int, recomputed: tuple[str, ...] = ()) -> int:
    """Return the bytes that a step of training takes, the calls at these paths recomputed."""
    module = net.module(seed=0)
    recomputing(module, recomputed)
    inputs = images(net.graph, batch)
    return training(net.graph, module, inputs, "momentum", recomputes=bool(recomputed)).peak_bytes


def tried() -> Iterator[Tried]:
    """Yield each case, run."""
    for name, memory in CASES:
        net, budget = load(name), memory * MIB
        batch = largest_batch(net.graph, Setup(), budget)
        more = max(batch + 1, -(-batch * 105 // 100))
        found = plan(net.graph, Setup(2 * batch), budget)
        by_plan = taken(net, 2 * batch, found.recomputed) if found else 0
        yield Tried(name, memory, batch, taken(net, batch), more, taken(net, more), found, by_plan)


def main() -> int:
    """Try and print; the exit status."""
    parser = ArgumentParser(description="archlang fit, tried for real")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a batch is not as told")
    arguments = parser.parse_args()
    head = "| net | memory, MiB | largest batch | took, MiB | 5% more | took | twice | recomputed, price | took |"
    sys.stdout.write(f"{head}\n|---|---:|---:|---:|---:|---:|---:|---|---:|\n")
    right = True
    for one in tried():
        right = right and one.right
        sys.stdout.write(f"{one}\n")
        sys.stdout.flush()
    return 0 if right or not arguments.check else 1


if __name__ == "__main__":
    raise SystemExit(main())
