"""What views share: the result is the input's memory, and nothing is saved for backward."""

from __future__ import annotations

from dataclasses import replace

from archlang.ops.base import Operator, Work
from archlang.ops.layouts import Strides, laid
from archlang.ops.runs import ONE_CALL
from archlang.shapes import TensorType


class View(Operator):
    """An operator whose results are views of its input's memory."""

    runs = replace(ONE_CALL, view=True, saved="nothing", autocast="given")

    def work(self, x: TensorType) -> Work:
        return Work()

    def strides(self, x: TensorType) -> tuple[Strides, ...]:
        return (laid(x).strides,) * len(self.outputs(x))
