"""What two processes run for test_processes.py, started by torchrun: `-m tests.train.processes FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from archlang.recipes import Evaluated
from archlang.train.running import Where, run
from archlang.train.session import Session
from archlang.train.synchronizing import synchronize
from archlang.train.world import World, joined
from tests.train.recipes import recipe_of

NET = """
block unit(width) {{ conv 3x3 width pad=1 -> {norm}relu }}
net tiny(width=4) {{
  input image: 1x8x8
  unit width -> unit width -> maxpool 2x2
  flatten -> dropout 0.3 -> fc: linear 10
  output
}}
train run = tiny {{
  data digits
  view normalize
  loss crossentropy
  optimizer adamw
  group biases weight_decay=0
  freeze fc until=1
  schedule onecycle max_lr=0.02 by=step
  batch 200; epochs 2; accumulate {parts}
  ema 0.9
  metric accuracy
}}
"""


class Stop(Exception):
    """Ends a run."""


def made(norm: str = "", parts: int = 1) -> Evaluated:
    """Return the recipe, with a layer of normalisation in each block, and so many parts of a batch."""
    return recipe_of(NET.format(norm=norm, parts=parts))


def trained(one: Evaluated, folder: Path, world: World, stop_at: int = 0, *, resume: bool = False) -> None:
    """Run a recipe; it ends after the step `stop_at`, if that is given."""

    def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
        if stop_at and loss is not None and session.step == stop_at:
            raise Stop

    with suppress(Stop):
        run(one.recipe, one.graph, Where(folder, resume=resume, world=world), {}, show)


def steady(norm: str = "") -> Evaluated:
    """Return the recipe without what draws numbers, with batches that two processes divide evenly."""
    text = NET.format(norm=norm, parts=1).replace("dropout 0.3 -> ", "").replace("epochs 2", "steps 6")
    text = text.replace("adamw", "sgd lr=0.02 momentum=0.9")  # Adam enlarges gradients that are zero but for rounding
    return recipe_of(text.replace("  freeze fc until=1\n", ""))


def normalised() -> nn.Module:
    """Return a module in float64 with batch norm of several kinds, and the first weights."""
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5, affine=False),
        nn.Flatten(), nn.Linear(20, 6), nn.BatchNorm1d(6, momentum=None), nn.BatchNorm1d(6, track_running_stats=False),
    )  # fmt: skip
    return made.double()


def stepped(module: nn.Module, part: slice) -> dict[str, Tensor]:
    """Train a module for three steps on a part of each batch; return its state and the gradients of the last step."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5, momentum=0.9)
    for step in range(3):
        numbers = torch.arange(12 * 2 * 36, dtype=torch.float64) * (step + 1) * 0.37
        images, wanted = numbers.sin().view(12, 2, 6, 6)[part], numbers[:72].cos().view(12, 6)[part]
        optimizer.zero_grad()
        (module(images) - wanted).square().mean().backward()
        optimizer.step()
    gradients = {f"gradient of {name}": one.grad for name, one in module.named_parameters() if one.grad is not None}
    return {**module.state_dict(), **gradients}


def main(folder: Path) -> None:
    """Run by two processes, whole and in shards: from the start, and from where one process stopped."""
    with joined("cpu") as world:
        own = normalised()
        synchronize(own)
        found = stepped(DistributedDataParallel(own), slice(6 * world.rank, 6 * world.rank + 6))
        if world.is_first:
            torch.save(found, folder / "synchronised.pt")
        trained(steady(), folder / "steady", world)
        trained(steady("batchnorm -> "), folder / "steady norm", replace(world, syncs=True))
        shards = World(world.size, world.rank, world.local, shards=True)
        for name, place in (("whole", world), ("shards", shards)):
            trained(made(), folder / name, place)
            trained(made("batchnorm -> "), folder / f"{name} norm", place)
            trained(made(), folder / f"{name} stopped", place, stop_at=11)
            trained(made(parts=2), folder / f"{name} resumed", place, resume=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
