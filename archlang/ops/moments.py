"""Products, norms, variances and running sums along axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Operator, Reach, Scratch, Slide, Wanted, Work
from archlang.ops.checks import check_axis, check_dtype
from archlang.ops.reduction import AxisReduction, Reduction, shared_out
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class _Kept(Reduction):
    """Reductions whose input and result are saved for backward."""

    runs = replace(ONE_CALL, saved="input and output", autocast="given")


class Prod(AxisReduction):
    """The product along `axis`; with `keep=true` the axis stays, of size 1. No weights, no MACs."""

    runs = replace(ONE_CALL, saved="input and output", autocast="float32")
    word: ClassVar[str] = "prod"
    elsewhere: ClassVar[tuple[str, ...]] = ("reduce_prod", "ReduceProd")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("prod axis=1", "6x8 n t c"),
        Example("prod axis=2 keep=true", "3x4x5"),
    )

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word)
        return (self.reduced(x),)

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values - self.reduced(x).values)

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        where, count, _, share = shared_out(x, self.reduced(x))
        return (where, count, share) if any(wanted.inputs) else ()


class _Spread(Reduction):
    """What both share: squared differences from the mean, whose sum is divided by the count minus 1."""

    correction: Annotated[int, Field(ge=0)] = 1

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        outputs = super().outputs(x)
        count = prod(x.shape[at] for at in self.reduced(x))
        if count <= self.correction:
            what = "one value has" if count == 1 else f"{count} values have"
            message = f"{what} no {self.word} with correction={self.correction}"
            raise Rejected("one-position", message, help="write `correction=0`", about="correction")
        return outputs

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return (x, *self.outputs(x) * 3) if any(wanted.inputs) else ()

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=4 * x.values)

    def torch(self, x: TensorType) -> Expression:
        self.outputs(x)
        options = () if self.correction == 1 else (f"correction={self.correction}",)
        return Expression(f"{{0}}.{self.word}({self.written(*options)})")


class Var(_Spread):
    """The variance along one axis or several: the sum of squared differences from the mean, over the count minus 1.

    `correction` is the number that is subtracted from the count, which must be larger: otherwise torch warns, and its
    result is no number. A value takes a sum and a difference, a square and a sum. With `keep=true` the axes stay. No
    weights, no MACs.

        elementwise = 4*c*h*w
    """

    runs = replace(ONE_CALL, saved="input", autocast="given")
    word: ClassVar[str] = "var"
    elsewhere: ClassVar[tuple[str, ...]] = ("variance", "reduce_variance")
    stricter: ClassVar[Mapping[str, str]] = {
        **Reduction.stricter,
        "one-position": "torch warns and returns NaN",
        "correction": "it may be negative there",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example("var axis=1", "6x8 n t c"),
        Example("var axis=-1", "3x7"),
        Example("var [2, 3] keep=true", "3x4x5"),
        Example("var [-1, 1] correction=0", "3x4x5"),
    )


class Std(_Spread):
    """The standard deviation along one axis or several: the root of `var`. StyleGAN's last layers take it.

    `correction` is the number that is subtracted from the count, which must be larger: otherwise torch warns, and its
    result is no number. With `keep=true` the axes stay. No weights, no MACs.

        elementwise = 4*c*h*w
    """

    runs = replace(ONE_CALL, saved="input and output", autocast="given")
    word: ClassVar[str] = "std"
    elsewhere: ClassVar[tuple[str, ...]] = ("stddev", "reduce_std", "standard_deviation")
    stricter: ClassVar[Mapping[str, str]] = Var.stricter
    examples: ClassVar[tuple[Example, ...]] = (
        Example("std axis=1", "6x8 n t c"),
        Example("std axis=-1", "3x7"),
        Example("std [2, 3] keep=true", "3x4x5"),
        Example("std [-1, 1] correction=0", "3x4x5"),
    )

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=4 * x.values, activated=self.outputs(x)[0].values)


class Norm(_Kept):
    """(sum of |x|**p)**(1/p) along one axis or several; with `keep=true` they stay, of size 1.

    p is at least 1. torch accepts less, but that is no norm. No weights, no MACs.
    """

    word: ClassVar[str] = "vector_norm"
    elsewhere: ClassVar[tuple[str, ...]] = ("ReduceL2", "reduce_euclidean_norm")
    stricter: ClassVar[Mapping[str, str]] = {**Reduction.stricter, "p": "below 1 it is not a norm"}
    examples: ClassVar[tuple[Example, ...]] = (
        Example("vector_norm axis=1", "6x8 n t c"),
        Example("vector_norm axis=-1", "3x7"),
        Example("vector_norm [2, 3] p=1 keep=true", "3x4x5"),
        Example("vector_norm [-1, 1] p=3", "3x4x5"),
    )

    p: Annotated[float, Field(ge=1)] = 2.0

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(activated=x.values + y.values, elementwise=x.values - y.values)

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        (y,) = self.outputs(x)
        many = (x, x, *shared_out(x, y)) if self.p == float("inf") else (x, y, replace(y, dtype="bool"))
        return many if any(wanted.inputs) else ()

    def torch(self, x: TensorType) -> Expression:
        self.reduced(x)
        return Expression(f"torch.linalg.vector_norm({{0}}, {self.p!r}, {self.written()})")


class LogSumExp(_Kept):
    """The logarithm of the sum of exp(x) along one axis or several: a smooth largest value.

    With `keep=true` the axes stay, of size 1. No weights, no MACs.
    """

    word: ClassVar[str] = "logsumexp"
    elsewhere: ClassVar[tuple[str, ...]] = ("log_sum_exp", "reduce_logsumexp", "ReduceLogSumExp")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("logsumexp axis=1", "6x8 n t c"),
        Example("logsumexp axis=-1", "3x7"),
        Example("logsumexp [2, 3] keep=true", "3x4x5"),
        Example("logsumexp [-1, 1]", "3x4x5"),
    )

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(activated=x.values + y.values, elementwise=x.values - y.values)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        return (x, *self.outputs(x))  # the differences from the largest, and these

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return (x, x) if any(wanted.inputs) else ()


class CumSum(Operator):
    """The running sum along `axis`: position i holds the sum of those up to i. No weights, no MACs."""

    runs = replace(ONE_CALL, saved="nothing", autocast="given", scratch=2)
    word: ClassVar[str] = "cumsum"
    elsewhere: ClassVar[tuple[str, ...]] = ("CumSum", "cumulative_sum", "prefix_sum")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", "batch-axis")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("cumsum axis=1", "6x8 n t c"),
        Example("cumsum axis=-1", "3x4x5"),
    )

    axis: int

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_axis(x, self.axis, self.word)
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values - x.values // x.shape[self.axis])

    def reach(self, x: TensorType) -> Reach:
        axis, size = x.axes[self.axis], x.shape[self.axis]
        return Reach() if axis in ("c", "_") else Reach({axis: Slide(size, 1, size - 1, past=True)})

    def torch(self, x: TensorType) -> Expression:
        check_axis(x, self.axis, self.word)
        return Expression(f"{{0}}.cumsum({self.axis})")
