"""Schedules in phases that torch does not put together: a warm-up before a plateau, and `swa` behind any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archlang.diagnostics import Rejected
from archlang.recipes import Recipe
from archlang.recipes.lasting import reaches, told, too_long
from archlang.train.averaging import swa_schedule

if TYPE_CHECKING:
    from torch.optim import Optimizer


@dataclass
class WarmedPlateau:
    """torch's LinearLR for `length` steps or epochs, then ReduceLROnPlateau, which reads the result of each epoch."""

    warm: Any
    plateau: Any
    length: int
    done: int = 0

    def warm_up(self) -> None:
        """Step the warm-up, as long as it lasts."""
        if self.done < self.length:
            self.warm.step()
            self.done += 1

    def step(self, result: float) -> None:
        """Give the result of an epoch to the plateau, behind the warm-up."""
        if self.done >= self.length:
            self.plateau.step(result)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of both schedules."""
        return {"_schedulers": [self.warm.state_dict(), self.plateau.state_dict()], "done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put both schedules into a state."""
        warm, plateau = state["_schedulers"]
        self.warm.load_state_dict(warm)
        self.plateau.load_state_dict(plateau)
        self.done = state["done"]


@dataclass
class ThenAveraged:
    """A schedule, or a constant rate, up to the epochs that `swa` averages; then torch's SWALR."""

    before: Any
    recipe: Recipe
    optimizer: Optimizer
    swa: Any = None  # made with the rate of the first epoch that is averaged

    def begin(self) -> None:
        """Make SWALR for the rate that was reached, before the first step whose epoch is averaged."""
        self.swa = swa_schedule(self.recipe, self.optimizer)

    def average(self) -> None:
        """Step the rate towards that of `swa`, at the end of an epoch."""
        self.swa.step()

    def step(self, result: float) -> None:
        """Give the result of an epoch to the first schedule, as long as it lasts."""
        if self.swa is None:
            self.before.step(result)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of both schedules."""
        return {"_schedulers": [{} if one is None else one.state_dict() for one in (self.before, self.swa)]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put both schedules into a state."""
        before, swa = state["_schedulers"]
        if self.before is not None:
            self.before.load_state_dict(before)
        if swa:
            self.swa = swa_schedule(self.recipe, self.optimizer)
            self.swa.load_state_dict(swa)


def tick(schedule: Any) -> None:
    """Step a schedule, unless it waits for the result of an epoch."""
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    if isinstance(schedule, WarmedPlateau):
        schedule.warm_up()
    elif isinstance(schedule, ThenAveraged):
        tick(schedule.before)
    elif schedule is not None and not isinstance(schedule, ReduceLROnPlateau):
        schedule.step()


def check_lengths(recipe: Recipe, steps: int, per_epoch: int) -> None:
    """Raise `Rejected` for a schedule that is longer than the run, now that the steps of an epoch are known."""
    written = recipe.origins.get("steps")
    is_tried = written is not None and written.file == "--set"  # a recipe is tried by `--set steps=2`
    for reach in reaches(recipe):
        run = steps if reach.unit == "step" else -(-steps // per_epoch)
        if (reach.unit == "step" or not is_tried) and too_long(reach, run):
            raise Rejected("out-of-range", told(reach, run))
