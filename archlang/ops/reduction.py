"""Axes summed up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Kind, Operator, Reach, Saved, Work, seeing_all
from archlang.ops.checks import check_axis, check_dtype
from archlang.shapes import TensorType


class _Reduction(Operator):
    """What the two share: the axes, counted as axes are, and whether they stay, with one position."""

    positional: ClassVar[Mapping[str, Kind]] = {"axes": "list"}

    axes: tuple[int, ...] | None = None
    axis: int | None = None
    keep: bool = False

    def _reduced(self, x: TensorType) -> tuple[int, ...]:
        if (self.axis is None) == (self.axes is None):
            message = f"{self.word} takes an axis or a list of them"
            raise Rejected("missing-argument", message, help=f"write `{self.word} axis=1`", about="axis")
        found = (self.axis,) if self.axis is not None else self.axes or ()
        for axis in found:
            check_axis(x, axis, self.word)
        if not found or len({axis % len(x.axes) for axis in found}) < len(found):
            raise Rejected("no-such-axis", f"{self.word} takes each axis once, and one at least", about="axes")
        return tuple(axis % len(x.axes) for axis in found)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word)
        gone = self._reduced(x)
        sizes = [(1 if at in gone else size, axis) for at, (size, axis) in enumerate(zip(x.shape, x.axes, strict=True))]
        kept = [pair for at, pair in enumerate(sizes) if self.keep or at not in gone]
        return (TensorType(tuple(size for size, _ in kept), tuple(axis for _, axis in kept), x.dtype),)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return ()

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, [x.axes[at] for at in self._reduced(x)]))

    def torch(self, x: TensorType) -> Expression:
        self._reduced(x)
        axes = self.axis if self.axes is None else self.axes
        return Expression(f"{{0}}.{self.word}({axes}{', keepdim=True' if self.keep else ''})")


class Mean(_Reduction):
    """The mean along one axis, `mean axis=2`, or several, `mean [2, 3]`; with `keep=true` they stay, of size 1.

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


class Sum(_Reduction):
    """The sum along one axis, `sum axis=2`, or several, `sum [2, 3]`; with `keep=true` they stay, of size 1.

    No weights, no MACs.
    """

    word: ClassVar[str] = "sum"
    elsewhere: ClassVar[tuple[str, ...]] = ("Sum", "reduce_sum")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("sum axis=1", "6x8 n t c"),
        Example("sum [2, 3] keep=true", "3x4x5"),
        Example("sum [-1, 1]", "3x4x5"),
    )

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values - self.outputs(x)[0].values)
