"""Whole numbers as vectors of zeros and a one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Kind, Module, Operator, Size, Work
from archlang.ops.course_encodings import ones_placed
from archlang.ops.parts import Course
from archlang.ops.runs import ONE_CALL
from archlang.shapes import TensorType

_ONE_HOT = '''
class OneHot(nn.Module):
    """Whole numbers as vectors of zeros and a one, in the dtype of the net."""

    def __init__(self, count):
        super().__init__()
        self.count = count
        # half(), double() and to() convert it with the weights
        self.register_buffer("like", torch.empty(0), persistent=False)

    def forward(self, x):
        return nn.functional.one_hot(x, self.count).to(self.like.dtype)
'''


class OneHot(Operator):
    """Each integer below `count` as a vector of `count` values: 1 at its place, 0 elsewhere. n t becomes n t c.

    torch's function returns integers. Here they become floats, which layers take: float32, or the dtype to which the
    net was converted, by `half()` for example. No weights, no MACs.

        c' = count
    """

    pointwise = True
    runs = replace(ONE_CALL, forward=None, saved="nothing", autocast="float32")
    word: ClassVar[str] = "one_hot"
    positional: ClassVar[Mapping[str, Kind]] = {"count": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("OneHot", "CategoryEncoding", "to_categorical")
    stricter: ClassVar[Mapping[str, str]] = {"axes-clash": "torch has no names of axes"}
    examples: ClassVar[tuple[Example, ...]] = (Example("one_hot 5", "6 int64"), Example("one_hot 9", "4 int64"))

    count: Size

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if x.dtype != "int64":
            message = f"one_hot takes whole numbers, int64, but its input {x} is {x.dtype}"
            raise Rejected("wrong-dtype", message, help="write `dtype=int64` at the input", about="input")
        if "c" in x.axes:
            raise Rejected(
                "axes-clash", f"one_hot makes channels, but its input {x} has some: {x.names}", about="input"
            )
        return (TensorType((*x.shape, self.count), (*x.axes, "c"), "float32"),)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        (x,) = inputs
        return ones_placed(self, x, self.count)

    def work(self, x: TensorType) -> Work:
        return Work(moved=self.outputs(x)[0].values)

    def torch(self, x: TensorType) -> Module:
        return Module("OneHot", (("count", self.count),), (), _ONE_HOT)
