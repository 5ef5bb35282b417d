"""Random choices that depend only on a seed and a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from tests.mutations import Choices

Item = TypeVar("Item")


class Draws(Choices):
    """Choices with chances and weights."""

    def chance(self, percent: int) -> bool:
        """Return True in this many of 100 draws."""
        return self.below(100) < percent

    def weighted(self, weights: Mapping[Item, int]) -> Item:
        """Return one of the keys; a key of weight 2 comes twice as often as one of weight 1."""
        drawn = self.below(sum(weights.values()))
        for item, weight in weights.items():
            drawn -= weight
            if drawn < 0:
                return item
        raise AssertionError("the weights add up to what is drawn")
