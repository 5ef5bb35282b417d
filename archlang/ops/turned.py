"""An operator of the last axis, applied to another one. It has its own file because few nets import it."""

from __future__ import annotations

from pydantic import InstanceOf

from archlang.ops.base import Operator
from archlang.ops.composed import Composed, Part
from archlang.ops.rearranging import turned_parts
from archlang.shapes import TensorType


class Turned(Composed):
    """The axis is exchanged with the last one, `inner` is applied, and the two are exchanged again."""

    inner: InstanceOf[Operator]
    axis: int

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        return turned_parts(self.inner, x, self.axis)
