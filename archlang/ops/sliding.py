"""Operators with a window that slides over a map: how far it sees, and what formulas call its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from archlang.diagnostics import Rejected
from archlang.ops.base import Operator, Reach
from archlang.ops.windows import Geometry, brief, window_reach
from archlang.shapes import TensorType


class Sliding(Operator):
    """An operator with a window that slides over a map."""

    def geometry(self, x: TensorType) -> Geometry:
        """Return the window, its steps and the borders of the map. Raises `Rejected` if they do not fit."""
        raise TypeError(f"{type(self).__name__} does not say how its window slides")

    def keeping(self, x: TensorType) -> Self | None:
        geometry, fields = self.geometry(x), type(self).model_fields
        if "pad" not in fields or any(extent % 2 == 0 for extent in geometry.extent):
            return None
        changed: dict[str, object] = {"pad": brief([extent // 2 for extent in geometry.extent])}
        if "stride" in fields and "stride" not in self.model_fields_set:
            changed["stride"] = 1  # the stride of a pool is its window if none is written
        kept = self.model_copy(update=changed)
        try:
            (y, *_) = kept.outputs(x)
        except Rejected:
            return None
        return kept if y.shape[2:] == x.shape[2:] else None

    def reach(self, x: TensorType) -> Reach:
        return window_reach(self.geometry(x))

    def symbols(self, x: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        return self.geometry(x).symbols
