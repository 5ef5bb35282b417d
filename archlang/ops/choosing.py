"""Values that a mask chooses: one of two, or a number in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.ops.arithmetic import Broadcast
from archlang.ops.base import (
    Example,
    Expression,
    GradientPlace,
    Kind,
    Saved,
    Scratch,
    Wanted,
    Work,
)
from archlang.ops.checks import check_dtype
from archlang.ops.comparing import check_truth
from archlang.ops.in_steps import new_or_summed
from archlang.ops.layouts import Strides, blended, contiguous, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class _Choosing(Broadcast):
    """What both share: an axis of size 1 is repeated to the others' size; a mask without a batch is for all images."""

    join = False
    runs = replace(ONE_CALL, backward=None, autocast="given")
    mask: ClassVar[int]  # which of the inputs the mask is
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "unequal-axes", "unequal-dtypes", "unequal-shapes", "wrong-dtype"
    )

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        mask = inputs[self.mask]
        values = [x for at, x in enumerate(inputs) if at != self.mask]
        check_truth(mask, self.word)
        for x in values:
            check_dtype(x, self.word, integers=True)
        chosen = [*values, TensorType(mask.shape, mask.axes, values[0].dtype)]
        self.check_alike((*chosen,))
        return (self.broadcast((*chosen,))[-1],)

    def work(self, *inputs: TensorType) -> Work:
        return Work(moved=self.outputs(*inputs)[0].values)

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        floats = tuple(at for at, x in enumerate(inputs) if x.is_float)
        return (Saved("input", self.mask, when=floats),) if floats else ()

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        (y,) = self.outputs(*map(laid, inputs))
        return (blended(y.shape, *map(laid, inputs)),)

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        return self.outputs(*inputs) * 2  # at most: zeros, and what is chosen of the gradient

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple(new_or_summed(x, y) for x in inputs)


class Where(_Choosing):
    """The first of two values where a mask is true, the second elsewhere: `(mask, a, b) -> where`.

    No weights, no MACs.

        moved = c'*h'*w'
    """

    word: ClassVar[str] = "where"
    flows: ClassVar[Mapping[str, str]] = {"mask": "(mask, a, b) -> where", "condition": "(mask, a, b) -> where"}
    mask: ClassVar[int] = 0
    arity: ClassVar[tuple[int, ...]] = (3,)
    elsewhere: ClassVar[tuple[str, ...]] = ("Where", "select_where")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("where", "3x4x5 bool, 3x4x5, 3x4x5"),
        Example("where", "1x4x5 bool, 3x4x5, 3x1x1"),
    )

    def torch(self, *inputs: TensorType) -> Expression:
        self.outputs(*inputs)
        return Expression("torch.where({0}, {1}, {2})")


class MaskedFill(_Choosing):
    """The value, with a number in its place where a mask is true: `(x, mask) -> masked_fill 0`.

    No weights, no MACs.

        moved = c'*h'*w'
    """

    word: ClassVar[str] = "masked_fill"
    flows: ClassVar[Mapping[str, str]] = {"mask": "(x, mask) -> masked_fill 0"}
    mask: ClassVar[int] = 1
    arity: ClassVar[tuple[int, ...]] = (2,)
    positional: ClassVar[Mapping[str, Kind]] = {"value": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("MaskedFill", "mask_fill")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("masked_fill -1.5", "3x4x5, 3x4x5 bool"),
        Example("masked_fill 0.5", "3x4x5, 1x4x5 bool"),
    )

    value: float

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        return (contiguous(self.outputs(*map(laid, inputs))[0].shape),)  # torch fills a contiguous copy

    def torch(self, *inputs: TensorType) -> Expression:
        self.outputs(*inputs)
        return Expression(f"{{0}}.masked_fill({{1}}, {self.value!r})")
