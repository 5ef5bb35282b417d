"""Training in less memory, against torchvision's models: `python -m benchmarks.train_memory [NET ...]`.

Each plan is made, and a step of training (SGD with momentum, float32, on the CPU) is measured: its peak by torch's
allocator (tests/allocator.py), without the scratch of single calls, and the seconds of the processor in one thread, in
turns with torchvision's module. Both have the same weights; gradients and statistics must be equal bit by bit, and the
predicted peak within 1%. Ratios are those to torchvision's module, or to the plain one where torchvision has none.

A plan is `save`, of `net.module(memory="save")`, or a share of the plain peak, for which blocks are recomputed. If none
is found for a share, the next one of 5% more is tried. Ratios of bytes depend on the batch (`--batch`), since weights
and their gradients stay; those of time on the load of the machine. `--write` writes docs/benchmarks/train_memory.md.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

from archlang.compiler import Net, load
from archlang.facts.memory import Setup, memory
from archlang.fit import Plan, plan
from benchmarks.speed import training as step

if TYPE_CHECKING:
    from torch import Tensor, nn

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "train_memory.md"
CASES: Sequence[tuple[str, float | None]] = (  # a net, and the share of the plain peak; None for `save`
    ("mobilenet_v2", None), ("densenet121", None), ("efficientnet_b0", None), ("resnet50", None), ("resnet18", None),
    ("shufflenet_v2_x1_0", None), ("mobilenet_v3_small", None),
    ("densenet121", 0.3), ("resnet50", 0.4), ("efficientnet_b0", 0.5), ("vit_b_16", 0.35), ("resnet1202", 0.12),
)  # fmt: skip
OWN = {"resnet1202"}  # nets that torchvision has not
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan: in words, its module, and the peak that is predicted, in bytes."""

    words: str
    module: nn.Module
    told: int


@dataclass(frozen=True, slots=True)
class Row:
    """A net and a plan; the predicted peak and the measured one, that of the reference, and the ratio of speed."""

    net: str
    plan: str
    told: int
    peak: int
    reference: int
    speed: float
    is_equal: bool

    @property
    def is_right(self) -> bool:
        """Whether gradients and statistics are equal, and the peak as predicted."""
        return self.is_equal and abs(self.told / self.peak - 1) <= 0.01

    def __str__(self) -> str:
        sizes = f"{self.reference / 2**20:.0f} | {self.peak / 2**20:.0f} | {self.peak / self.reference:.2f}"
        equal = "equal" if self.is_equal else "DIFFERENT"
        return f"| {self.net} | {self.plan} | {sizes} | {self.told / self.peak - 1:+.2%} | {self.speed:.2f} | {equal} |"


def planned(net: Net, share: float | None, batch: int) -> Planned:
    """Return a plan for a batch, and its module."""
    if share is None:
        return Planned("save", net.module(memory="save"), memory(net.graph, Setup(batch), slim=True).peak_bytes)
    whole = memory(net.graph, Setup(batch)).needed_bytes
    found = plan(net.graph, Setup(batch), int(share * whole))
    if found is None:
        return planned(net, share + 0.05, batch)
    return Planned(_words(found, share), net.module(recomputed=found.recomputed), found.memory.peak_bytes)


def _words(found: Plan, share: float) -> str:
    return f"{share:.0%}: {len(found.recomputed)} blocks, {found.price:.0%} more multiply-accumulates"


def references(name: str, net: Net) -> Iterator[tuple[str, nn.Module]]:
    """Yield the modules to compare with: torchvision's; of densenet121 also its own that takes less memory."""
    if name in OWN:
        yield "plain", net.module(0)
        return
    from tests.torchvision_models import torchvision

    get: Callable[..., nn.Module] = torchvision().models.get_model
    yield "torchvision", get(name, weights=None)
    if name.startswith("densenet"):
        yield "torchvision, memory_efficient", get(name, weights=None, memory_efficient=True)


def rows(name: str, share: float | None, batch: int) -> Iterator[Row]:
    """Yield the row of a plan, and before it those of torchvision's other modules."""
    import torch

    from tests.allocator import images, training

    net = load(name)
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    (_, reference), *others = references(name, net)
    inputs = images(net.graph, batch)
    ours = planned(net, share, batch)
    ran = [(ours.words, ours.module, ours.told), *((words, other, 0) for words, other in others if share is None)]
    peak = training(net.graph, _alike(reference, reference), inputs, "momentum", recomputes=True).peak_bytes
    for words, module, told in reversed(ran):
        is_equal = _is_equal(module, reference, inputs[0])
        speed = _speed(partial(step, module, inputs[0]), partial(step, reference, inputs[0]))
        taken = training(net.graph, _alike(module, module), inputs, "momentum", recomputes=True).peak_bytes
        yield Row(name, words, told or taken, taken, peak, speed, is_equal)


def _alike(module: nn.Module, other: nn.Module) -> nn.Module:
    """Return the module with the weights and statistics of another, and without gradients."""
    module.load_state_dict(other.state_dict())
    module.zero_grad(set_to_none=True)
    return module


def _is_equal(module: nn.Module, reference: nn.Module, image: Tensor) -> bool:
    """Return whether a step leaves equal outputs, gradients and statistics."""
    import torch

    _alike(module, reference)
    first, second = step(reference, image), step(module, image)
    state = reference.state_dict()
    are_equal = all(map(torch.equal, first, second)) and len(first) == len(second)
    return are_equal and all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


def _speed(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Return the median of rounds: seconds of the reference by those of ours."""
    ratios: list[float] = []
    for _ in range(ROUNDS):
        began = process_time()
        ours()
        between = process_time()
        theirs()
        ratios.append((process_time() - between) / (between - began))
    return median(ratios)


_HEAD = "| net | plan | peak of torchvision, MiB | of the plan | ratio | predicted | speed | gradients, statistics |"
_PAGE = """# Training in less memory

Measured on {day} by `python -m benchmarks.train_memory --batch {batch} --write`, torch {torch}: a step of training with
batches of {batch}, SGD with momentum, float32, on the CPU. `save` is `net.module(memory="save")`, a
[slim module](../memory.md#slim-modules); a share is that of the plain peak, for which blocks are recomputed
(`net.module(memory=BYTES, batch=N)`). `predicted` is by how much the simulation is off. The ratio of bytes is smaller
for larger batches, since weights, their gradients and the momentum are the same for each. A speed above 1 is faster
than torchvision's module{busy}.

{head}
|---|---|---:|---:|---:|---:|---:|---|
{rows}

resnet1202 takes images of 32x32, and is compared with archlang's plain module. torchvision's own `memory_efficient`
DenseNet updates its running statistics twice in each step.
"""


def page(found: Sequence[Row], batch: int) -> str:
    """Return the page with the rows of the table."""
    import torch

    load, cores = os.getloadavg()[1], os.cpu_count() or 1
    busy = f"; the speeds are rough: {load:.0f} programs ran on {cores} cores" if load > cores + 1 else ""
    rows = "\n".join(map(str, found))
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    return _PAGE.format(day=day, batch=batch, torch=torch.__version__, busy=busy, head=_HEAD, rows=rows)


def main(arguments: Sequence[str]) -> int:
    """Print a row for each plan; return 1 if one is not equal or not as predicted."""
    import torch

    parser = ArgumentParser(description="training in less memory, against torchvision's models")
    parser.add_argument("nets", nargs="*")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/train_memory.md")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    found: list[Row] = []
    for name, share in CASES:
        if not chosen.nets or name in chosen.nets:
            for row in rows(name, share, chosen.batch):
                found.append(row)
                sys.stdout.write(f"{row}\n")
                sys.stdout.flush()
    if chosen.write:
        PAGE.write_text(page(found, chosen.batch), encoding="utf-8")
    return 0 if all(row.is_right or row.plan.startswith("torchvision") for row in found) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
