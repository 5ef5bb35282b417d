"""The largest and the smallest along axes, and where they are."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from archlang.ops.base import Example, Expression, Scratch, Wanted, Work
from archlang.ops.checks import check_dtype
from archlang.ops.reduction import AxisReduction, Reduction, shared_out
from archlang.ops.runs import ONE_CALL
from archlang.shapes import TensorType


class _Extremum(Reduction):
    """What both share: one comparison for each value but the first; the input and the result are saved for backward."""

    runs = replace(ONE_CALL, saved="input and output", autocast="given")
    integers: ClassVar[bool] = True

    def work(self, x: TensorType) -> Work:
        return Work(comparisons=x.values - self.outputs(x)[0].values)

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return shared_out(x, *self.outputs(x)) if any(wanted.inputs) else ()


class Max(_Extremum):
    """The largest value along one axis, `max axis=2`, or several, `max [2, 3]`; `keep=true` keeps them with size 1.

    If several values are the largest, each gets an equal share of the gradient. No weights, no MACs.
    """

    word: ClassVar[str] = "max"
    elsewhere: ClassVar[tuple[str, ...]] = ("reduce_max", "amax", "max_over_time")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("max axis=1", "6x8 n t c"),
        Example("max axis=-1", "3x7"),
        Example("max [2, 3] keep=true", "3x4x5"),
        Example("max [-1, 1]", "3x4x5"),
    )

    def torch(self, x: TensorType) -> Expression:
        self.reduced(x)
        return Expression(f"{{0}}.amax({self.written()})")


class Min(_Extremum):
    """The smallest value along one axis, `min axis=2`, or several, `min [2, 3]`; `keep=true` keeps them with size 1.

    If several values are the smallest, each gets an equal share of the gradient. No weights, no MACs.
    """

    word: ClassVar[str] = "min"
    elsewhere: ClassVar[tuple[str, ...]] = ("reduce_min", "amin")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("min axis=1", "6x8 n t c"),
        Example("min axis=-1", "3x7"),
        Example("min [2, 3] keep=true", "3x4x5"),
        Example("min [-1, 1]", "3x4x5"),
    )

    def torch(self, x: TensorType) -> Expression:
        self.reduced(x)
        return Expression(f"{{0}}.amin({self.written()})")


class _Place(AxisReduction):
    """What both share: an index, counted from 0, replaces an axis. Nothing before it is trained through it."""

    runs = replace(ONE_CALL, saved="nothing", autocast="given")

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word, integers=True)
        y = self.reduced(x)
        return (TensorType(y.shape, y.axes, "int64"),)

    def work(self, x: TensorType) -> Work:
        return Work(comparisons=x.values - self.reduced(x).values)


class ArgMax(_Place):
    """The index of the largest value along `axis`, such as the class. `keep=true` keeps the axis with size 1.

    The result is int64. No weights, no MACs.
    """

    word: ClassVar[str] = "argmax"
    elsewhere: ClassVar[tuple[str, ...]] = ("ArgMax", "arg_max")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("argmax axis=1", "6x4x5"),
        Example("argmax axis=-1 keep=true", "6x8 n t c"),
    )


class ArgMin(_Place):
    """The index of the smallest value along `axis`, such as the nearest code. `keep=true` keeps the axis.

    The axis has size 1 then. The result is int64. No weights, no MACs.
    """

    word: ClassVar[str] = "argmin"
    elsewhere: ClassVar[tuple[str, ...]] = ("ArgMin", "arg_min")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("argmin axis=1", "6x4x5"),
        Example("argmin axis=-1 keep=true", "6x8 n t c"),
    )
