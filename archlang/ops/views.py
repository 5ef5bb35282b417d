"""What views share: the result is the input's memory, and nothing is saved for backward."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from archlang.ops.base import Operator, Work
from archlang.ops.layouts import Strides, contiguous, laid, viewed
from archlang.ops.runs import ONE_CALL
from archlang.shapes import TensorType, param_type


class View(Operator):
    """An operator whose results are views of its input's memory."""

    family: ClassVar[str] = "layout"
    runs = replace(ONE_CALL, view=True, saved="nothing", autocast="given")

    def work(self, x: TensorType) -> Work:
        return Work()

    def strides(self, x: TensorType) -> tuple[Strides, ...]:
        return (laid(x).strides,) * len(self.outputs(x))


class Viewed(View):
    """A part of other operators: a value without a batch in another shape of as many values, as `view` returns it."""

    shape: tuple[int, ...]

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        return (param_type(self.shape, x.dtype),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        return (viewed(known.shape, known.strides, self.shape) or contiguous(self.shape),)


class Reshaped(Viewed):
    """A part of other operators: the same as `reshape` returns it, a copy where its memory cannot have that shape."""

    def view(self, x: TensorType) -> bool:
        known = laid(x)
        return viewed(known.shape, known.strides, self.shape) is not None
