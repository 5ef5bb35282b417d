"""An operator of the last axis, applied to another one. It has its own file because few nets import it."""

from __future__ import annotations

from pydantic import InstanceOf

from archlang.ops.base import Operator
from archlang.ops.composed import Composed, Part
from archlang.ops.rearranging import Permute
from archlang.shapes import TensorType


class Turned(Composed):
    """The axis is exchanged with the last one, `inner` is applied, and the two are exchanged again."""

    inner: InstanceOf[Operator]
    axis: int

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        names = list(x.axes)
        names[self.axis], names[-1] = names[-1], names[self.axis]
        turn, back = Permute(axes=" ".join(names)), Permute(axes=" ".join(x.axes))
        return Part(turn, (0,)), Part(self.inner, (1,)), Part(back, (2,))
