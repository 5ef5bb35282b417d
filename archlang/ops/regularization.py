"""Regularisers that act only in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.ops.base import Example, Kind, Module, Operator, Saved, Work
from archlang.ops.checks import check_dtype
from archlang.ops.layouts import Strides, laid, like
from archlang.shapes import TensorType


class Dropout(Operator):
    """In training, each value is zeroed with probability p and the others scaled by 1/(1 - p).

    Srivastava et al. 2014. In evaluation it is the identity. No weights, no MACs.
    """

    word: ClassVar[str] = "dropout"
    positional: ClassVar[Mapping[str, Kind]] = {"p": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Dropout", "drop")
    examples: ClassVar[tuple[Example, ...]] = (Example("dropout 0.5", "3x4x4"), Example("dropout 0.2", "9"))

    idle: ClassVar[bool] = True

    p: Annotated[float, Field(ge=0, lt=1)] = 0.5

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work()

    def training_work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values if self.p else 0)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        # the mask holds 0 or 1/(1 - p) in the dtype of the values
        mask = Saved("own", shape=x.shape, dtype=x.dtype, per_image="n" in x.axes, name="mask", training_only=True)
        return (mask,) if self.p else ()

    def view(self, x: TensorType) -> bool:
        return not self.p

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (like(x) if self.p else laid(x).strides,)

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Dropout", (("p", self.p),))
