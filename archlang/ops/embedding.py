"""Tables that give a vector for each whole number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Example,
    Kind,
    Module,
    Natural,
    Operator,
    Reach,
    Saved,
    Scratch,
    Size,
    Temporaries,
    Wanted,
    Weight,
    Work,
    seeing_all,
)
from archlang.ops.layouts import is_contiguous, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType, param_type

Positive = Annotated[float, Field(gt=0)]


class Table(Operator):
    """What tables share: `count` vectors of `width` values, which the integers of the input select."""

    family: ClassVar[str] = "embedding"
    pointwise = True
    runs = replace(ONE_CALL, autocast="float32")
    positional: ClassVar[Mapping[str, Kind]] = {"count": "number", "width": "number"}
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-rank",
        width="torch returns empty vectors",
        padding="torch counts it from the end",
        max_norm="torch sets every vector to 0, or turns it around",
        p="torch computes something that is not a norm",
    )

    count: Size
    width: Size
    padding: Natural | None = None
    max_norm: Positive | None = None
    p: Positive = 2.0
    by_frequency: bool = False

    def check(self, x: TensorType) -> None:
        """Check that integers flow in, and that the `padding` number is in the table."""
        if x.dtype not in ("int64", "int32"):
            message = f"{self.word} takes whole numbers, but its input {x} is {x.dtype}"
            raise Rejected("wrong-dtype", message, help="write `dtype=int64` at the input", about="input")
        if self.padding is not None and self.padding >= self.count:
            message = f"`padding` of {self.word} must be below the table's {self.count} rows, not {self.padding}"
            raise Rejected("out-of-range", message, about="padding")

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (self.count, self.width)),)

    def work(self, x: TensorType) -> Work:
        looked_up = x.values * self.width
        return Work(moved=looked_up, normalised=looked_up if self.max_norm else 0)

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        return Work(moved=x.values * self.width * wanted.weights)

    def torch(self, x: TensorType) -> Module:
        options = (
            ("padding_idx", self.padding, None),
            ("max_norm", self.max_norm, None),
            ("norm_type", self.p, 2.0),
            ("scale_grad_by_freq", self.by_frequency, False),
        )
        return Module("torch.nn.Embedding", (("num_embeddings", self.count), ("embedding_dim", self.width)), options)


class Embedding(Table):
    """A learned vector of `width` values for each integer from 0 to `count` - 1: n t -> n t c. No MACs.

    The vector of the number `padding` is 0 at first and is not trained. With `max_norm` each vector that is used is
    scaled in place so that its `p`-norm is at most that. With `by_frequency=true` a gradient is divided by how often
    its number occurs in the batch.

        c' = width
        params = count*width
    """

    word: ClassVar[str] = "embedding"
    elsewhere: ClassVar[tuple[str, ...]] = ("Embedding", "embed", "lookup_table")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("embedding 10 4", "6 int64"),
        Example("embedding 7 3", "2 int32"),
        Example("embedding 7 3 padding=0 by_frequency=true", "5 int64"),
        Example("embedding 7 3 max_norm=1.0 p=1.0", "5 int64"),
    )

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        self.check(x)
        if "c" in x.axes or "n" not in x.axes:
            message = f"embedding gives each number channels, but its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        return (TensorType((*x.shape, self.width), (*x.axes, "c")),)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (_numbers(x) if self.max_norm else Saved("input", when="weights"),)


class EmbeddingBag(Table):
    """The sum, mean or largest value of the vectors of a bag of integers: n t -> n c. No MACs.

    The vectors are like those of `embedding`. The number `padding` is ignored; a bag that holds nothing else gives 0.
    torch's bags of different lengths, one after the other in one long row, have no batch and are not accepted.

        c' = width
        params = count*width
        comparisons = (t - 1)*width if largest
        elementwise = t*width if not largest
    """

    runs = replace(ONE_CALL, forward=None, autocast="float32")
    word: ClassVar[str] = "embedding_bag"
    elsewhere: ClassVar[tuple[str, ...]] = ("EmbeddingBag",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("embedding_bag 10 4", "6 int64"),
        Example("embedding_bag 7 3 mode=sum", "5 int32"),
        Example("embedding_bag 7 3 mode=max padding=0", "5 int64"),
        Example("embedding_bag 7 3 mode=sum by_frequency=true padding=1", "5 int64"),
        Example("embedding_bag 7 3 max_norm=1.0 p=1.0", "5 int64"),
    )

    mode: Literal["mean", "sum", "max"] = "mean"

    @property
    def _counts_bags(self) -> bool:
        """Whether the forward pass notes the bag of each number."""
        return self.mode != "sum" or self.padding is not None

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        self.check(x)
        if len(x.axes) != 2 or x.axes[0] != "n" or x.axes[1] == "c":
            message = f"embedding_bag takes bags n t, but its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        if self.mode == "max" and self.by_frequency:
            message = "embedding_bag with mode=max cannot divide gradients by frequency"
            raise Rejected("out-of-range", message, about="by_frequency")
        return (TensorType((x["n"], self.width), ("n", "c")),)

    def work(self, x: TensorType) -> Work:
        looked_up = super().work(x)
        if self.mode == "max":
            return replace(looked_up, moved=0, comparisons=looked_up.moved - x["n"] * self.width)
        return replace(looked_up, moved=0, elementwise=looked_up.moved)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        # the numbers, bag after bag; the start and length of each bag, and the row of each largest value
        n, t = x.shape
        each = Saved("own", shape=(n,), dtype=x.dtype, when="weights", name="bags")
        rows = replace(each, shape=(n, self.width)) if self.mode == "max" else each
        kept = (_numbers(x), each, each, rows)
        if not self._counts_bags:
            return kept
        # the bag of each number; torch allocates one place more than there are numbers
        bags = replace(each, shape=(n, t), name="bag of each")
        return (*kept, bags, replace(bags, shape=(1,), per_image=False))

    def temporaries(self, x: TensorType) -> Temporaries:
        """Return what is saved of its own in training: in an inference it is alive until the result is returned."""
        own = (prod(one.shape) for one in self.saved(laid(x)) if one.what == "own")
        return ((param_type((sum(own),), x.dtype),),)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        """Return the counts of which the bags of the numbers are the sums."""
        n, t = laid(x).shape
        return (param_type((n * t + 1,), x.dtype),) if self._counts_bags else ()

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        """Return the sorted numbers, their places before and after; of the largest values, those of bags not empty.

        The bags of the numbers are made here, if the forward pass needed none.
        """
        n, t = laid(x).shape
        if self.mode == "max":
            values = param_type((n * self.width,), x.dtype)
            return (values, replace(values, dtype="float32"), param_type((n,), "int64"))
        bags = () if self._counts_bags else (param_type((n * t + 1,), x.dtype),)
        return (*bags, param_type((n * t,), x.dtype), *(param_type((n * t,), "int64"),) * 2)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x))

    def symbols(self, x: TensorType) -> Mapping[str, int]:
        return {"largest": self.mode == "max"}

    def torch(self, x: TensorType) -> Module:
        module = super().torch(x)
        return Module("torch.nn.EmbeddingBag", module.args, (*module.options, ("mode", self.mode, "mean")))


def _numbers(x: TensorType) -> Saved:
    """Return the numbers, which torch copies if they are not contiguous."""
    if is_contiguous(laid(x)):
        return Saved("input", when="weights")
    return Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy")
