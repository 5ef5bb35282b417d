"""Joins that compute value by value: sums, products, differences, quotients, means and the largest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, GradientPlace, Saved, Work
from archlang.ops.checks import check_dtype
from archlang.ops.joining import Join, projection, shapes
from archlang.ops.layouts import Laid, Strides, blended, laid
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class _Alike(Join):
    """Values with a batch have equal shapes; a parameter is repeated along the axes that it lacks or has 1 of."""

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self.check_alike(inputs)
        batched = tuple(x for x in inputs if "n" in x.axes)
        if len({x.shape for x in batched}) > 1:
            message = f"{self.word} needs equal shapes, and these differ: {shapes(batched)}"
            raise Rejected("unequal-shapes", message, help=projection(batched), about="input")
        return (self.broadcast(inputs)[-1],)

    def work(self, *inputs: TensorType) -> Work:
        return Work(elementwise=sum(x.values for x in self.broadcast(inputs)[1:]))

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return ()

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        return (combined(self, inputs),)

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        return {"inputs": len(inputs), "equal": len({x.shape for x in inputs}) == 1}


class Add(_Alike):
    """The sum, value by value: shapes are equal, and so is the result's. No weights, no MACs.

    elementwise = (inputs - 1)*c'*h'*w' if equal
    """

    word: ClassVar[str] = "add"
    elsewhere: ClassVar[tuple[str, ...]] = ("Add", "plus", "eltwise_add")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("add", "8x5x4, 8x5x4"),
        Example("add", "7, 7, 7"),
        Example("add", "6x4 n t c, 1x6x4 param"),
    )

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple(whole_or_new(x, y) for x in inputs)

    def steps(self, *inputs: TensorType) -> tuple[tuple[TensorType, ...], ...]:
        return in_turn(self.broadcast(inputs)[1:-1])

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(" + ".join(f"{{{at}}}" for at in range(len(inputs))))


class Average(_Alike):
    """The mean, value by value: shapes are equal, and so is the result's (Larsson et al. 2016, arXiv:1605.07648).

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

    def steps(self, *inputs: TensorType) -> tuple[tuple[TensorType, ...], ...]:
        return in_turn(self.broadcast(inputs)[1:])

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple("shared" if x.shape == y.shape else "new" for x in inputs)


class Maximum(_Alike):
    """The largest, value by value: shapes are equal, and so is the result's. Maxout: Goodfellow et al. 2013.

    No weights, no MACs.

        comparisons = (inputs - 1)*c'*h'*w' if equal
    """

    word: ClassVar[str] = "maximum"
    elsewhere: ClassVar[tuple[str, ...]] = ("Maximum", "eltwise_max")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("maximum", "8x5x4, 8x5x4"),
        Example("maximum", "7, 7, 7"),
    )

    def work(self, *inputs: TensorType) -> Work:
        return Work(comparisons=sum(x.values for x in self.broadcast(inputs)[1:]))

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        # each step keeps both of its sides, for the gradient of either
        return kept_with_steps(self, inputs, both=True)

    def steps(self, *inputs: TensorType) -> tuple[tuple[TensorType, ...], ...]:
        return in_turn(self.broadcast(inputs)[1:-1])

    def torch(self, *inputs: TensorType) -> Expression:
        text = "{0}"
        for at in range(1, len(inputs)):
            text = f"torch.{self.word}({text}, {{{at}}})"
        return Expression(text)


class Minimum(Maximum):
    """The smallest, value by value: shapes are equal, and so is the result's. No weights, no MACs.

    comparisons = (inputs - 1)*c'*h'*w' if equal
    """

    word: ClassVar[str] = "minimum"
    elsewhere: ClassVar[tuple[str, ...]] = ("Minimum", "eltwise_min")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("minimum", "8x5x4, 8x5x4"),
        Example("minimum", "7, 7, 7"),
    )


class _Broadcast(Join):
    """An axis of size 1 is repeated along the others'; a parameter stands against the last axes."""

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self.check_alike(inputs)
        return (self.broadcast(inputs)[-1],)

    def work(self, *inputs: TensorType) -> Work:
        return Work(elementwise=sum(x.values for x in self.broadcast(inputs)[1:]))

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        return (combined(self, inputs),)


class Mul(_Broadcast):
    """The product, value by value. An axis of size 1 is repeated along the others': 64x1x1 times 64x56x56.

    No weights, no MACs.
    """

    word: ClassVar[str] = "mul"
    elsewhere: ClassVar[tuple[str, ...]] = ("Multiply", "multiply", "times", "eltwise_mul")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("mul", "8x5x4, 8x1x1"),
        Example("mul", "3x6, 3x6"),
        Example("mul", "4x1x5, 4x3x1, 4x3x5"),
        Example("mul", "6x4 n t c, 4 param"),
    )

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        # each step keeps one side for the gradient of the other
        return kept_with_steps(self, inputs, both=False)

    def steps(self, *inputs: TensorType) -> tuple[tuple[TensorType, ...], ...]:
        return in_turn(self.broadcast(inputs)[1:-1])

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple(new_or_summed(x, y) for x in inputs)

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(" * ".join(f"{{{at}}}" for at in range(len(inputs))))


class Sub(_Broadcast):
    """The first less the second, value by value. An axis of size 1 is repeated along the other's.

    No weights, no MACs.
    """

    word: ClassVar[str] = "sub"
    elsewhere: ClassVar[tuple[str, ...]] = ("Subtract", "subtract", "minus")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "too-many-inputs", "too-few-inputs", "unequal-axes", "unequal-dtypes", "unequal-shapes", "wrong-dtype"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("sub", "8x5x4, 8x5x4"),
        Example("sub", "6x4 n t c, 6x1 n t c"),
    )

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self.two(inputs)
        for x in inputs:
            check_dtype(x, self.word, integers=True)
        return super().outputs(*inputs)

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return ()

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return (whole_or_new(inputs[0], y), new_or_summed(inputs[1], y))

    def torch(self, *inputs: TensorType) -> Expression:
        self.two(inputs)
        return Expression("{0} - {1}")


class Div(_Broadcast):
    """The first divided by the second, value by value. An axis of size 1 is repeated along the other's.

    No weights, no MACs.
    """

    word: ClassVar[str] = "div"
    elsewhere: ClassVar[tuple[str, ...]] = ("Divide", "divide")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "too-many-inputs", "too-few-inputs", "unequal-axes", "unequal-dtypes", "unequal-shapes", "wrong-dtype"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("div", "8x5x4, 8x5x4"),
        Example("div", "6x4 n t c, 6x1 n t c"),
    )

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self.two(inputs)
        for x in inputs:
            check_dtype(x, self.word)
        return super().outputs(*inputs)

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return (Saved("input", 0, when=(1,)), Saved("input", 1))

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple(new_or_summed(x, y) for x in inputs)

    def torch(self, *inputs: TensorType) -> Expression:
        self.two(inputs)
        return Expression("{0} / {1}")


def in_turn(types: Sequence[TensorType]) -> tuple[tuple[TensorType, ...], ...]:
    """Steps of which each takes what the one before it gave."""
    return tuple((*types[max(at - 1, 0) : at], type) for at, type in enumerate(types)) + tuple((x,) for x in types[-1:])


def whole_or_new(x: TensorType, y: TensorType) -> GradientPlace:
    """Where the gradient of a summand lies: the sum's own, or what is summed up along the axes that were repeated."""
    return "whole" if x.shape == y.shape else "new"


def new_or_summed(x: TensorType, y: TensorType) -> GradientPlace:
    """Where the gradient of a factor lies: in its own memory, after it was summed up where the factor was repeated."""
    return "new" if x.shape == y.shape else "summed"


def combined(op: Join, inputs: tuple[TensorType, ...]) -> Strides:
    """The strides of what the first two give, the first three, and so on: those of the last."""
    known = tuple(map(laid, inputs))
    so_far = known[0]
    for step, x in zip(op.broadcast(known)[1:], known[1:], strict=True):
        so_far = Laid(step.shape, step.axes, step.dtype, blended(step.shape, so_far, x))
    return so_far.strides


def kept_with_steps(op: Join, inputs: tuple[TensorType, ...], both: bool) -> tuple[Saved, ...]:
    """What the steps keep of their two sides: an input, and before it the first input or what those before it give.

    A side is kept for the gradient of the other, or of either where `both` says so.
    """
    if not inputs[0].is_float:
        return ()
    kept: list[Saved] = []
    for at, left in enumerate(op.broadcast(inputs)[:-1], 1):
        before = tuple(range(at))
        for_left = (*before, at) if both else (at,)
        if at == 1:
            kept.append(Saved("input", 0, when=for_left))
        else:
            own = Saved("own", shape=left.shape, dtype=left.dtype, per_image="n" in left.axes, name="step")
            kept.append(replace(own, when=for_left))
        kept.append(Saved("input", at, when=(*before, at) if both else before))
    return tuple(kept)
