"""Axes summed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.ops.base import Example, Expression, Kind, Operator, Reach, Scratch, Work, seeing_all
from archlang.ops.checks import check_axis, check_axis_or_axes, check_dtype
from archlang.ops.halves import in_floats
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class Reduction(Operator):
    """What they share: the axes, counted from the batch, 0, and whether they are kept with size 1."""

    runs = replace(ONE_CALL, saved="nothing", autocast="given")
    positional: ClassVar[Mapping[str, Kind]] = {"axes": "list"}
    integers: ClassVar[bool] = False  # whether integers are accepted too
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", "batch-axis")

    axes: tuple[int, ...] | None = None
    axis: int | None = None
    keep: bool = False

    def reduced(self, x: TensorType) -> tuple[int, ...]:
        """Return the numbers of the axes that are removed, or kept with size 1."""
        return tuple(axis % len(x.axes) for axis in check_axis_or_axes(x, self.axis, self.axes, self.word))

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word, integers=self.integers)
        gone = self.reduced(x)
        sizes = [(1 if at in gone else size, axis) for at, (size, axis) in enumerate(zip(x.shape, x.axes, strict=True))]
        kept = [pair for at, pair in enumerate(sizes) if self.keep or at not in gone]
        return (TensorType(tuple(size for size, _ in kept), tuple(axis for _, axis in kept), x.dtype),)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, [x.axes[at] for at in self.reduced(x)]))

    def torch(self, x: TensorType) -> Expression:
        self.reduced(x)
        return Expression(f"{{0}}.{self.word}({self.written()})")

    def written(self, *options: str) -> str:
        """Return the arguments of torch's method: the axes, other arguments, whether the axes are kept."""
        axes = self.axis if self.axes is None else self.axes
        return ", ".join([str(axes), *options, *(["keepdim=True"] if self.keep else [])])


def shared_out(x: TensorType, y: TensorType) -> Scratch:
    """Return what spreads a gradient over the values that gave a result: where they stand, how many, their shares."""
    return replace(x, dtype="bool"), replace(y, dtype="int64"), y, x


class AxisReduction(Operator):
    """Reductions of a single axis. torch's method has the operator's name."""

    runs = ONE_CALL
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", "batch-axis")

    axis: int
    keep: bool = False

    def reduced(self, x: TensorType) -> TensorType:
        """Return the type without that axis, or with one position of it."""
        check_axis(x, self.axis, self.word)
        at = self.axis % len(x.axes)
        kept = 1 if self.keep else 0
        shape = (*x.shape[:at], *(1,) * kept, *x.shape[at + 1 :])
        return TensorType(shape, (*x.axes[:at], *x.axes[at : at + kept], *x.axes[at + 1 :]), x.dtype)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, [x.axes[self.axis]]))

    def torch(self, x: TensorType) -> Expression:
        self.reduced(x)
        return Expression(f"{{0}}.{self.word}({self.axis}{', keepdim=True' if self.keep else ''})")


class Mean(Reduction):
    """The mean along one axis, `mean axis=2`, or several, `mean [2, 3]`; `keep=true` keeps them with size 1.

    A result takes an addition for each value but the first, and a division. No weights, no MACs.
    """

    word: ClassVar[str] = "mean"
    elsewhere: ClassVar[tuple[str, ...]] = ("Mean", "reduce_mean")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("mean axis=1", "6x8 n t c"),
        Example("mean [2, 3] keep=true", "3x4x5"),
        Example("mean [-1, 1]", "3x4x5"),
    )

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        return in_floats(x)


class Sum(Reduction):
    """The sum along one axis, `sum axis=2`, or several, `sum [2, 3]`; `keep=true` keeps them with size 1.

    No weights, no MACs.
    """

    runs = replace(ONE_CALL, gradients="part", saved="nothing", autocast="given")
    word: ClassVar[str] = "sum"
    elsewhere: ClassVar[tuple[str, ...]] = ("Sum", "reduce_sum")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("sum axis=1", "6x8 n t c"),
        Example("sum [2, 3] keep=true", "3x4x5"),
        Example("sum [-1, 1]", "3x4x5"),
    )

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values - self.outputs(x)[0].values)
