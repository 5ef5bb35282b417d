"""Operators with a window that slides over a map: how far it sees, and what formulas call its numbers."""

from __future__ import annotations

from collections.abc import Mapping

from archlang.ops.base import Operator, Reach
from archlang.ops.windows import Geometry, window_reach
from archlang.shapes import TensorType


class Sliding(Operator):
    """An operator with a window that slides over a map."""

    def geometry(self, x: TensorType) -> Geometry:
        """Return the window, its steps and the borders of the map. Raises `Rejected` if they do not fit."""
        raise TypeError(f"{type(self).__name__} does not say how its window slides")

    def reach(self, x: TensorType) -> Reach:
        return window_reach(self.geometry(x))

    def symbols(self, x: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        return self.geometry(x).symbols
