"""Tables that give a vector for each whole number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Kind, Module, Operator, Saved, Size, Wanted, Weight, Work
from archlang.shapes import TensorType


class Embedding(Operator):
    """A learned vector of `width` values for each whole number from 0 to `count` - 1: n t -> n t c. No MACs.

    c' = width
    params = count*width
    """

    word: ClassVar[str] = "embedding"
    positional: ClassVar[Mapping[str, Kind]] = {"count": "number", "width": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Embedding", "embed", "lookup_table")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("embedding 10 4", "6 int64"),
        Example("embedding 7 3", "2 int32"),
    )

    count: Size
    width: Size

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if x.dtype not in ("int64", "int32"):
            message = f"embedding takes whole numbers, and its input {x} is {x.dtype}"
            raise Rejected("wrong-dtype", message, help="write `dtype=int64` at the input", about="input")
        if "c" in x.axes or "n" not in x.axes:
            message = f"embedding gives each number channels, and its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        return (TensorType((*x.shape, self.width), (*x.axes, "c")),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (self.count, self.width)),)

    def work(self, x: TensorType) -> Work:
        return Work(moved=x.values * self.width)

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        return Work(moved=self.work(x).moved * wanted.weights)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (Saved("input", when="weights"),)

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Embedding", (("num_embeddings", self.count), ("embedding_dim", self.width)))
