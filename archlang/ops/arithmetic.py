"""Joins that compute value by value and repeat an axis of size 1: products, differences and quotients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.ops.base import Autocast, Example, Expression, GradientPlace, Saved, Scratch, Temporaries, Wanted, Work
from archlang.ops.checks import check_dtype
from archlang.ops.in_steps import combined, in_turn, kept_with_steps, losing_axes, new_or_summed, whole_or_new
from archlang.ops.joining import Join
from archlang.ops.layouts import Strides
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class Broadcast(Join):
    """Joins that repeat an axis of size 1 to the size of the others. A parameter is aligned with the last axes."""

    pointwise = True
    runs = replace(ONE_CALL, fresh=True, autocast="given")

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self.check_alike(inputs)
        return (self.broadcast(inputs)[-1],)

    def work(self, *inputs: TensorType) -> Work:
        return Work(elementwise=sum(x.values for x in self.broadcast(inputs)[1:]))

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        return (combined(self, inputs),)


class Mul(Broadcast):
    """The product, value by value. An axis of size 1 is repeated to the others' size: 64x1x1 times 64x56x56.

    No weights, no MACs.

        elementwise = (inputs - 1)*c'*h'*w' if equal
    """

    runs = replace(ONE_CALL, fresh=True)
    of_one = True
    word: ClassVar[str] = "mul"
    noted: ClassVar[str] = "×"
    elsewhere: ClassVar[tuple[str, ...]] = ("Multiply", "multiply", "times", "eltwise_mul")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("mul", "8x5x4, 8x1x1"),
        Example("mul", "3x6, 3x6"),
        Example("mul", "4x1x5, 4x3x1, 4x3x5"),
        Example("mul", "6x4 n t c, 4 param"),
    )

    def autocast(self, *inputs: TensorType) -> Autocast:
        return Autocast("widest" if len(inputs) == 2 else "given")

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        # each step saves one side for the gradient of the other
        return kept_with_steps(self, inputs, both=False)

    def temporaries(self, *inputs: TensorType) -> Temporaries:
        return in_turn(self.broadcast(inputs)[1:-1])

    def backward_in_one_call(self, *inputs: TensorType) -> bool | None:
        return True if len(inputs) == 2 else None  # the gradients of a step are computed by a call of their own

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple(new_or_summed(x, y) for x in inputs)

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(" * ".join(f"{{{at}}}" for at in range(len(inputs))))


class Sub(Broadcast):
    """The first minus the second, value by value. An axis of size 1 is repeated to the other's size.

    No weights, no MACs.

        elementwise = c'*h'*w'
    """

    runs = replace(ONE_CALL, saved="nothing", autocast="widest")
    word: ClassVar[str] = "sub"
    noted: ClassVar[str] = "−"
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

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return (whole_or_new(inputs[0], y), new_or_summed(inputs[1], y))

    def viewed_gradients(self, *inputs: TensorType) -> tuple[int, ...]:
        return losing_axes(inputs[:1], *self.outputs(*inputs))

    def torch(self, *inputs: TensorType) -> Expression:
        self.two(inputs)
        return Expression("{0} - {1}")


class Div(Broadcast):
    """The first divided by the second, value by value. An axis of size 1 is repeated to the other's size.

    No weights, no MACs.

        elementwise = c'*h'*w'
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

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        (y,) = self.outputs(*inputs)
        return (y,) * (2 if inputs[1].shape == y.shape else 3) if wanted.inputs[1] else ()

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        (y,) = self.outputs(*inputs)
        return tuple(new_or_summed(x, y) for x in inputs)

    def torch(self, *inputs: TensorType) -> Expression:
        self.two(inputs)
        return Expression("{0} / {1}")
