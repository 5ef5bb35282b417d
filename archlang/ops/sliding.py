"""Operators with a window that slides over a map: how far it sees, and what formulas call its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from archlang.diagnostics import Rejected
from archlang.ops.base import Kind, Lecture, Operator, Reach
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Geometry, Sizes, Stride, brief, short, window_reach
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


class Pool(Sliding):
    """What the pools share: a window, and a stride, by default the size of the window."""

    family: ClassVar[str] = "pooling"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "wrong-dtype")
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window"}

    kernel: Sizes
    stride: Stride | None = None

    def lecture(self, x: TensorType) -> Lecture:
        return Lecture(f"POOL{short(self.kernel)}")
