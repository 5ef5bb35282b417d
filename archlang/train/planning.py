"""Chooses the blocks that a run recomputes, so that a step fits in the memory that is asked for.

Recomputing changes no weight, so a run may go on with another plan, or without one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from archlang.diagnostics import Rejected
from archlang.facts.memory import memory
from archlang.facts.memory.words import amount
from archlang.files import write_whole
from archlang.fit import Plan, plans
from archlang.ir import Graph
from archlang.program import Program, program_of
from archlang.program.passes import recomputing, slimming
from archlang.recipes import Recipe
from archlang.train.memory import setup_of_recipe
from archlang.train.world import World

SAVE = "save"  # asks for a slim module
FILE = "memory.json"  # in the run folder: what was asked for, and the plan


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """The bytes that a step may take, or `save`; and the plan for it."""

    budget: int | str
    chosen: Plan

    @property
    def is_slim(self) -> bool:
        """Whether the module keeps no normalised value that a convolution reads."""
        return self.chosen.slim

    @property
    def recomputed(self) -> tuple[str, ...]:
        """The paths of these blocks."""
        return self.chosen.recomputed

    def program(self, graph: Graph) -> Program:
        """Return how the net runs."""
        program = recomputing(program_of(graph), self.recomputed)
        return slimming(program) if self.is_slim else program

    def __str__(self) -> str:
        """Return it as one sentence."""
        needed = amount(self.chosen.memory.needed_bytes)
        if isinstance(self.budget, str):
            return f"a step takes {needed}: no normalised value is kept for a convolution"
        fits = f"within {amount(self.budget)} a step takes {needed}"
        if self.is_slim:
            fits += " with a slim module"
        if not self.recomputed:
            return f"{fits}, and no block is recomputed" if self.is_slim else f"{fits}, and nothing is recomputed"
        price = f"{100 * self.chosen.price:.1f}% more multiply-accumulates"
        return f"{fits}, for {price}: recomputed in the backward pass are {', '.join(self.recomputed)}"


def planned(recipe: Recipe, graph: Graph, budget: int | str, world: World) -> MemoryPlan:
    """Return the blocks to recompute so that a step of one process fits. Raises `Rejected` if none that was tried does.

    Nor is there a plan for what is not simulated: some optimisers, shards, and recomputed blocks under autocast.
    """
    if world.shards:
        raise _refused("what a step takes with `--shard` is not simulated")
    setup = setup_of_recipe(recipe)
    if setup is None:
        raise _refused(f"what a step takes with the optimiser {recipe.optimizer.word} is not simulated")
    try:
        if isinstance(budget, str) and world.syncs:
            raise _refused("`--sync-batchnorm` replaces the norms of a slim module")
        if isinstance(budget, str):
            return MemoryPlan(budget, Plan((), memory(graph, setup, slim=True), 0, 0, slim=True))
        found = plans.planned(graph, setup, budget, slims=not world.syncs)
    except ValueError as error:  # no choice fits, or something is unknown
        raise Rejected("does-not-fit", str(error), about="memory") from None
    if found.recomputed and world.syncs:
        raise _refused("`--sync-batchnorm` counts every batch that a block runs on, also where it runs again")
    return MemoryPlan(budget, found)


def _refused(why: str) -> Rejected:
    return Rejected("bad-option", f"{why}, so no plan is made", help="leave out `--memory`", about="memory")


def keep(folder: Path, plan: MemoryPlan | None) -> None:
    """Write the plan of a run to its folder; without one, remove that of the run before."""
    if plan is None:
        (folder / FILE).unlink(missing_ok=True)
        return
    content = {
        "memory": plan.budget,
        "slim": plan.is_slim,
        "recomputed": plan.recomputed,
        "needed_bytes": plan.chosen.memory.needed_bytes,
        "step_macs": plan.chosen.step_macs,
        "extra_macs": plan.chosen.extra_macs,
    }
    write_whole(folder / FILE, json.dumps(content, indent=2) + "\n")


def asked_before(folder: Path) -> int | str | None:
    """Return the bytes that a run was asked to fit in, or `save`; None if it was asked for neither."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        asked = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))["memory"]
        return SAVE if asked == SAVE else int(asked)
    except (ValueError, KeyError, TypeError) as error:
        raise Rejected("bad-checkpoint", f"{path} cannot be read: {error}") from None
