"""Regularisers that act only in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.ops.base import Example, Kind, Module, Operator, Saved, Work
from archlang.ops.checks import check_dtype
from archlang.shapes import TensorType


class Dropout(Operator):
    """In training, each value is zeroed with probability p and the others scaled by 1/(1 - p).

    Srivastava et al. 2014. In evaluation it is the identity. No weights, no MACs.
    """

    word: ClassVar[str] = "dropout"
    positional: ClassVar[Mapping[str, Kind]] = {"p": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Dropout", "drop")
    examples: ClassVar[tuple[Example, ...]] = (Example("dropout 0.5", "3x4x4"), Example("dropout 0.2", "9"))

    p: Annotated[float, Field(ge=0, lt=1)] = 0.5

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work()

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        # the mask holds 0 or 1/(1 - p) in the dtype of the values
        return (Saved("own", shape=x.shape, dtype=x.dtype, per_image="n" in x.axes),) if self.p else ()

    def view(self, x: TensorType) -> bool:
        return not self.p

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Dropout", (("p", self.p),))
