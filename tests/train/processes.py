"""What two processes run for test_processes.py, started by torchrun: `-m tests.train.processes FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from archlang.recipes import Evaluated
from archlang.train.running import Where, run
from archlang.train.session import Session
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


def main(folder: Path) -> None:
    """Run by two processes, whole and in shards: from the start, and from where one process stopped."""
    with joined("cpu") as world:
        shards = World(world.size, world.rank, world.local, shards=True)
        for name, place in (("whole", world), ("shards", shards)):
            trained(made(), folder / name, place)
            trained(made("batchnorm -> "), folder / f"{name} norm", place)
            trained(made(), folder / f"{name} stopped", place, stop_at=11)
            trained(made(parts=2), folder / f"{name} resumed", place, resume=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
