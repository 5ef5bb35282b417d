"""Joins of values of one shape, value by value: their sum, their mean, the largest and the smallest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Autocast, Example, Expression, GradientPlace, Saved, Scratch, Temporaries, Wanted, Work
from archlang.ops.checks import check_dtype
from archlang.ops.in_steps import combined, in_turn, kept_with_steps, losing_axes, whole_or_new
from archlang.ops.join_cures import expansion, projection
from archlang.ops.joining import Join, shapes
from archlang.ops.layouts import Strides
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class _Alike(Join):
    """Values with a batch have equal shapes; a parameter is repeated along axes that it lacks or that have size 1."""

    pointwise = True
    of_one = True
    runs = replace(ONE_CALL, fresh=True, saved="nothing", autocast="given")

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self.check_alike(inputs)
        batched = tuple(x for x in inputs if "n" in x.axes)
        if len({x.shape for x in batched}) > 1:
            message = f"{self.word} needs equal shapes, but these differ: {shapes(batched)}"
            raise Rejected("unequal-shapes", message, help=projection(batched) or expansion(batched), about="input")
        return (self.broadcast(inputs)[-1],)

    def work(self, *inputs: TensorType) -> Work:
        return Work(elementwise=sum(x.values for x in self.broadcast(inputs)[1:]))

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        return (combined(self, inputs),)


class Add(_Alike):
    """The sum, value by value, of values of equal shape. No weights, no MACs.

    elementwise = (inputs - 1)*c'*h'*w' if equal
    """

    word: ClassVar[str] = "add"
    noted: ClassVar[str] = "+"
    elsewhere: ClassVar[tuple[str, ...]] = ("Add", "plus", "eltwise_add")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("add", "8x5x4, 8x5x4"),
        Example("add", "7, 7, 7"),
        Example("add", "6x4 n t c, 1x6x4 param"),
    )

    def autocast(self, *inputs: TensorType) -> Autocast:
        return Autocast("widest" if len(inputs) == 2 else "given")

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple(whole_or_new(x, y) for x in inputs)

    def viewed_gradients(self, *inputs: TensorType) -> tuple[int, ...]:
        return losing_axes(inputs, *self.outputs(*inputs))

    def temporaries(self, *inputs: TensorType) -> Temporaries:
        return in_turn(self.broadcast(inputs)[1:-1])

    def overwrites(self, *inputs: TensorType) -> tuple[int, ...]:
        is_simple = len(inputs) == 2 and all(x.is_float for x in inputs)
        return tuple(at for at, x in enumerate(inputs) if is_simple and (x,) == self.outputs(*inputs))

    def torch_over(self, at: int, *inputs: TensorType) -> Expression:
        return Expression(f"{{{at}}}.add_({{{1 - at}}})")

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(" + ".join(f"{{{at}}}" for at in range(len(inputs))))


class Average(_Alike):
    """The mean, value by value, of values of equal shape (Larsson et al. 2016, arXiv:1605.07648).

    Additions, and a division. No weights, no MACs.

        elementwise = inputs*c'*h'*w' if equal
    """

    word: ClassVar[str] = "average"
    elsewhere: ClassVar[tuple[str, ...]] = ("Average",)
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "too-few-inputs", "unequal-axes", "unequal-dtypes", "unequal-shapes", "wrong-dtype"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("average", "8x5x4, 8x5x4"),
        Example("average", "7, 7, 7"),
    )

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        for x in inputs:
            check_dtype(x, self.word)
        return super().outputs(*inputs)

    def work(self, *inputs: TensorType) -> Work:
        steps = self.broadcast(inputs)
        return Work(elementwise=sum(x.values for x in (*steps[1:], steps[-1])))

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(f"({' + '.join(f'{{{at}}}' for at in range(len(inputs)))}) / {len(inputs)}")

    def temporaries(self, *inputs: TensorType) -> Temporaries:
        return in_turn(self.broadcast(inputs)[1:])

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple("shared" if x.shape == y.shape else "new" for x in inputs)


class Maximum(_Alike):
    """The largest, value by value, of values of equal shape. Maxout: Goodfellow et al. 2013.

    No weights, no MACs.

        comparisons = (inputs - 1)*c'*h'*w' if equal
    """

    runs = replace(ONE_CALL, autocast="given")
    word: ClassVar[str] = "maximum"
    elsewhere: ClassVar[tuple[str, ...]] = ("Maximum", "eltwise_max")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("maximum", "8x5x4, 8x5x4"),
        Example("maximum", "7, 7, 7"),
    )

    def work(self, *inputs: TensorType) -> Work:
        return Work(comparisons=sum(x.values for x in self.broadcast(inputs)[1:]))

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        # each step saves both of its sides, for the gradient of either
        return kept_with_steps(self, inputs, both=True)

    def temporaries(self, *inputs: TensorType) -> Temporaries:
        return in_turn(self.broadcast(inputs)[1:-1])

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        (y,) = self.outputs(*inputs)
        return (y, *(replace(y, dtype="bool"),) * 2)  # the share of equal values, and where each is the largest

    def backward_in_one_call(self, *inputs: TensorType) -> bool | None:
        # the gradients of a step are computed by a separate call, and summed over repeated axes
        return True if len(inputs) == 2 and inputs[0].shape == inputs[1].shape else None

    def torch(self, *inputs: TensorType) -> Expression:
        text = "{0}"
        for at in range(1, len(inputs)):
            text = f"torch.{self.word}({text}, {{{at}}})"
        return Expression(text)


class Minimum(Maximum):
    """The smallest, value by value, of values of equal shape. No weights, no MACs.

    comparisons = (inputs - 1)*c'*h'*w' if equal
    """

    word: ClassVar[str] = "minimum"
    elsewhere: ClassVar[tuple[str, ...]] = ("Minimum", "eltwise_min")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("minimum", "8x5x4, 8x5x4"),
        Example("minimum", "7, 7, 7"),
    )
