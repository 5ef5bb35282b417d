"""Comparisons, value by value, and the logic of their truth values: not, and, or."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.arithmetic import Broadcast
from archlang.ops.base import Example, Expression, Kind, Operator, Temporaries, Work
from archlang.ops.checks import check_dtype
from archlang.ops.in_steps import in_turn
from archlang.ops.layouts import Strides, laid, like_with_a_number
from archlang.ops.runs import ELEMENTWISE, ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

_RUNS = replace(ONE_CALL, saved="nothing", autocast="given")


class Comparison(Broadcast):
    """Comparisons of one value with a number, or of two values; the result is bool and has no gradient."""

    join = False
    runs = _RUNS
    arity: ClassVar[tuple[int, ...]] = (1, 2)
    positional: ClassVar[Mapping[str, Kind]] = {"value": "number"}
    sign: ClassVar[str]  # Python's
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("unequal-axes", "unequal-dtypes", "unequal-shapes", "wrong-dtype"),
        "missing-argument": "there is nothing to compare with",
        "unknown-argument": "there are two things to compare with",
    }

    value: float | None = None

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        for x in inputs:
            check_dtype(x, self.word, integers=True)
        if len(inputs) == 1 and self.value is None:
            help = f"write `{self.word} 0`, or let two values flow in: `(a, b) -> {self.word}`"
            raise Rejected("missing-argument", f"{self.word} of one value takes a number", help=help, about="value")
        if len(inputs) == 2 and self.value is not None:
            message = f"{self.word} of two values takes no number"
            raise Rejected("unknown-argument", message, about="value")
        y = inputs[0] if len(inputs) == 1 else super().outputs(*inputs)[0]
        return (TensorType(y.shape, y.axes, "bool"),)

    def work(self, *inputs: TensorType) -> Work:
        return Work(comparisons=self.outputs(*inputs)[0].values)

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        return (like_with_a_number(laid(inputs[0])),) if len(inputs) == 1 else super().strides(*inputs)

    def torch(self, *inputs: TensorType) -> Expression:
        self.outputs(*inputs)
        if self.value is None:
            return Expression(f"{{0}} {self.sign} {{1}}")
        is_whole = self.value.is_integer() and not inputs[0].is_float
        return Expression(f"{{0}} {self.sign} {int(self.value) if is_whole else self.value!r}")


class Less(Comparison):
    """Whether a value is less than a number, `less 0`, or than a second value. No weights, no MACs.

    comparisons = c'*h'*w'
    """

    word: ClassVar[str] = "less"
    sign: ClassVar[str] = "<"
    elsewhere: ClassVar[tuple[str, ...]] = ("lt", "Less")
    examples: ClassVar[tuple[Example, ...]] = (Example("less 0.5", "3x4x4"), Example("less", "6x4 n t c, 6x1 n t c"))


class LessEqual(Comparison):
    """Whether a value is at most a number, `less_equal 0`, or at most a second value. No weights, no MACs.

    comparisons = c'*h'*w'
    """

    word: ClassVar[str] = "less_equal"
    sign: ClassVar[str] = "<="
    elsewhere: ClassVar[tuple[str, ...]] = ("le", "LessOrEqual")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("less_equal 0.5", "3x4x4"),
        Example("less_equal", "6x4 n t c, 4 param"),
    )


class Greater(Comparison):
    """Whether a value is greater than a number, `greater 0`, or than a second value. No weights, no MACs.

    comparisons = c'*h'*w'
    """

    word: ClassVar[str] = "greater"
    sign: ClassVar[str] = ">"
    elsewhere: ClassVar[tuple[str, ...]] = ("gt", "Greater")
    examples: ClassVar[tuple[Example, ...]] = (Example("greater 0.5", "3x4x4"), Example("greater", "7, 7"))


class GreaterEqual(Comparison):
    """Whether a value is at least a number, `greater_equal 0`, or at least a second value. No weights, no MACs.

    comparisons = c'*h'*w'
    """

    word: ClassVar[str] = "greater_equal"
    sign: ClassVar[str] = ">="
    elsewhere: ClassVar[tuple[str, ...]] = ("ge", "GreaterOrEqual")
    examples: ClassVar[tuple[Example, ...]] = (Example("greater_equal 0.5", "3x4x4"), Example("greater_equal", "7, 7"))


class Equal(Comparison):
    """Whether a value equals a number, `equal 0`, or a second value. No weights, no MACs.

    comparisons = c'*h'*w'
    """

    word: ClassVar[str] = "equal"
    sign: ClassVar[str] = "=="
    elsewhere: ClassVar[tuple[str, ...]] = ("eq", "Equal")
    examples: ClassVar[tuple[Example, ...]] = (Example("equal 3", "6 int64"), Example("equal", "7, 7"))


class NotEqual(Comparison):
    """Whether a value differs from a number, `not_equal 0`, or a second value: which tokens are no padding.

    No weights, no MACs.

        comparisons = c'*h'*w'
    """

    word: ClassVar[str] = "not_equal"
    sign: ClassVar[str] = "!="
    elsewhere: ClassVar[tuple[str, ...]] = ("ne", "NotEqual")
    examples: ClassVar[tuple[Example, ...]] = (Example("not_equal 3", "6 int64"), Example("not_equal", "7, 7"))


def check_truth(x: TensorType, operator: str) -> None:
    """Raise `Rejected` unless the input holds truth values."""
    if x.dtype != "bool":
        message = f"{operator} takes truth values, but its input {x} is {x.dtype}"
        help = "compare it first: `not_equal 0`, `greater 0.5`"
        raise Rejected("wrong-dtype", message, help=help, about="input")


_ALL_KINDS = beyond_torch("wrong-dtype")


class LogicalNot(Operator):
    """True where the input is false. No weights, no MACs.

    comparisons = c*h*w
    """

    pointwise = True
    runs = replace(ELEMENTWISE, saved="nothing", autocast="given")
    word: ClassVar[str] = "logical_not"
    elsewhere: ClassVar[tuple[str, ...]] = ("Not", "bitwise_not", "invert")
    stricter: ClassVar[Mapping[str, str]] = _ALL_KINDS
    examples: ClassVar[tuple[Example, ...]] = (Example("logical_not", "3x4x4 bool"), Example("logical_not", "7 bool"))

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_truth(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(comparisons=x.values)

    def torch(self, x: TensorType) -> Expression:
        return Expression("~{0}")


class _Logical(Broadcast):
    """What `and` and `or` share: they take truth values, and repeat an axis of size 1 to the others' size."""

    runs = _RUNS
    of_one = True
    sign: ClassVar[str]
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "too-few-inputs", "unequal-axes", "unequal-shapes", "wrong-dtype"
    )

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        for x in inputs:
            check_truth(x, self.word)
        return super().outputs(*inputs)

    def work(self, *inputs: TensorType) -> Work:
        return Work(comparisons=sum(x.values for x in self.broadcast(inputs)[1:]))

    def temporaries(self, *inputs: TensorType) -> Temporaries:
        return in_turn(self.broadcast(inputs)[1:-1])

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(f" {self.sign} ".join(f"{{{at}}}" for at in range(len(inputs))))


class LogicalAnd(_Logical):
    """True where all inputs are true, so that several masks become one. An axis of size 1 is repeated.

    No weights, no MACs.

        comparisons = (inputs - 1)*c'*h'*w' if equal
    """

    word: ClassVar[str] = "logical_and"
    sign: ClassVar[str] = "&"
    elsewhere: ClassVar[tuple[str, ...]] = ("And", "bitwise_and")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("logical_and", "3x4x4 bool, 3x4x4 bool"),
        Example("logical_and", "1x6 bool, 6x6 bool, 6x1 bool"),
    )


class LogicalOr(_Logical):
    """True where at least one input is true. An axis of size 1 is repeated. No weights, no MACs.

    comparisons = (inputs - 1)*c'*h'*w' if equal
    """

    word: ClassVar[str] = "logical_or"
    sign: ClassVar[str] = "|"
    elsewhere: ClassVar[tuple[str, ...]] = ("Or", "bitwise_or")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("logical_or", "3x4x4 bool, 3x4x4 bool"),
        Example("logical_or", "1x6 bool, 6x6 bool, 6x1 bool"),
    )
