"""Figures of a run in words: shares as percentages, promises with what was measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from statistics import mean

from archlang.recipes.recipe import Goal

COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge}
_SHARES = ("accuracy", "error", "iou", "map")


def is_share(name: str) -> bool:
    """Return whether a measure is a number from 0 to 1, which is shown as a percentage."""
    return any(word in name for word in _SHARES)


def figure(name: str, value: float) -> str:
    """Return a value of a measure as it is shown."""
    return f"{value:.2%}" if is_share(name) else f"{value:.4f}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A promise with the mean that was measured, over `seeds` runs."""

    goal: Goal
    found: float
    seeds: int

    @property
    def is_kept(self) -> bool:
        """Whether the mean is as promised."""
        return bool(COMPARE[self.goal.comparison](float(self.found), float(self.goal.value)))

    def to_json(self) -> dict[str, str | float | bool]:
        """Return the promise and what was measured, as JSON."""
        goal = self.goal
        return {
            "metric": goal.metric,
            "comparison": goal.comparison,
            "promised": goal.value,
            "measured": self.found,
            "seeds": self.seeds,
            "seeds_promised": goal.seeds,
            "kept": self.is_kept,
        }

    def __str__(self) -> str:
        goal = self.goal
        over = f", the mean of {self.seeds} seeds" if self.seeds > 1 else ""
        if self.seeds < goal.seeds:
            over = f" with {self.seeds} of {goal.seeds} seeds"
        wanted = f"{goal.comparison} {figure(goal.metric, goal.value)}"
        verdict = "kept" if self.is_kept else "not kept"
        return f"{goal.metric} {figure(goal.metric, self.found)}{over}: {wanted} is {verdict}"


def verdicts(goals: Sequence[Goal], results: Sequence[Mapping[str, float]]) -> list[Verdict]:
    """Return for each promise what was measured. `results` are the measures of each run by name, one run a seed."""
    made: list[Verdict] = []
    for goal in goals:
        values = [row[goal.metric] for row in results[: goal.seeds]]
        made.append(Verdict(goal, mean(values), len(values)))
    return made
