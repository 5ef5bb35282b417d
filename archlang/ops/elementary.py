"""Elementary functions, value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.activation import Pointwise
from archlang.ops.base import Example, Expression, Kind, Scratch, Wanted
from archlang.ops.runs import ELEMENTWISE
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class Elementary(Pointwise):
    """Functions of floats, value by value."""

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")


class _Kept(Elementary):
    """Functions whose input is saved for backward."""

    runs = replace(ELEMENTWISE, saved="input")


class Abs(_Kept):
    """|x|. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(_Kept.runs, scratch=1)
    word: ClassVar[str] = "abs"
    elsewhere: ClassVar[tuple[str, ...]] = ("Abs", "absolute")
    examples: ClassVar[tuple[Example, ...]] = (Example("abs", "3x4x4"), Example("abs", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.abs()")


class Sqrt(Elementary):
    """The square root; of values below 0 it is NaN. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(Elementary.runs, scratch=1)
    word: ClassVar[str] = "sqrt"
    elsewhere: ClassVar[tuple[str, ...]] = ("Sqrt", "square_root")
    examples: ClassVar[tuple[Example, ...]] = (Example("sqrt", "3x4x4"), Example("sqrt", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.sqrt()")


class Rsqrt(Elementary):
    """1 over the square root; of values below 0 it is NaN. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(Elementary.runs, scratch=2)
    word: ClassVar[str] = "rsqrt"
    elsewhere: ClassVar[tuple[str, ...]] = ("reciprocal_sqrt", "inverse_sqrt")
    examples: ClassVar[tuple[Example, ...]] = (Example("rsqrt", "3x4x4"), Example("rsqrt", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.rsqrt()")


class Reciprocal(Elementary):
    """1/x. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(Elementary.runs, scratch=2)
    word: ClassVar[str] = "reciprocal"
    elsewhere: ClassVar[tuple[str, ...]] = ("Reciprocal", "inverse")
    examples: ClassVar[tuple[Example, ...]] = (Example("reciprocal", "3x4x4"), Example("reciprocal", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.reciprocal()")


class Pow(_Kept):
    """x to the power p, a constant; of values below 0 it is NaN unless p is whole. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(_Kept.runs, scratch=2)
    word: ClassVar[str] = "pow"
    positional: ClassVar[Mapping[str, Kind]] = {"p": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Pow", "power", "exponentiation")
    examples: ClassVar[tuple[Example, ...]] = (Example("pow 3", "3x4x4"), Example("pow 0.75", "7"))

    p: float

    def torch(self, x: TensorType) -> Expression:
        return Expression(f"{{0}}.pow({self.p!r})")


class Log(_Kept):
    """The natural logarithm; of values below 0 it is NaN. No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "log"
    elsewhere: ClassVar[tuple[str, ...]] = ("Log", "logarithm", "natural_log")
    examples: ClassVar[tuple[Example, ...]] = (Example("log", "3x4x4"), Example("log", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.log()")


class Sin(_Kept):
    """The sine, as in sinusoidal nets (Sitzmann et al. 2020, arXiv:2006.09661). No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(_Kept.runs, scratch=1)
    word: ClassVar[str] = "sin"
    elsewhere: ClassVar[tuple[str, ...]] = ("Sin", "sine", "Siren")
    examples: ClassVar[tuple[Example, ...]] = (Example("sin", "3x4x4"), Example("sin", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.sin()")


class Cos(_Kept):
    """The cosine. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(_Kept.runs, scratch=2)
    word: ClassVar[str] = "cos"
    elsewhere: ClassVar[tuple[str, ...]] = ("Cos", "cosine")
    examples: ClassVar[tuple[Example, ...]] = (Example("cos", "3x4x4"), Example("cos", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.cos()")


class Sign(Elementary):
    """-1, 0 or 1. Its gradient is 0 everywhere: nothing before it is trained through it. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(ELEMENTWISE, saved="nothing")
    word: ClassVar[str] = "sign"
    elsewhere: ClassVar[tuple[str, ...]] = ("Sign", "sgn", "signum")
    examples: ClassVar[tuple[Example, ...]] = (Example("sign", "3x4x4"), Example("sign", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.sign()")


class Clamp(_Kept):
    """x limited to the range from `low` to `high`; one of them may be omitted.

    `hardtanh` has both, with the defaults -1 and 1. If `low` is above `high`, torch returns `high` everywhere. No
    weights, no MACs.

        activated = c*h*w
    """

    word: ClassVar[str] = "clamp"
    elsewhere: ClassVar[tuple[str, ...]] = ("clip", "clip_by_value", "clamp_min", "clamp_max")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("clamp low=0.25 high=0.75", "3x4x4"),
        Example("clamp low=0.5", "7"),
        Example("clamp high=0.5", "7"),
    )

    low: float | None = None
    high: float | None = None

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if self.low is None and self.high is None:
            help = "write `clamp low=0`, `clamp high=1` or both"
            raise Rejected("missing-argument", "clamp takes `low`, `high` or both", help=help, about="low")
        return super().outputs(x)

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return (replace(x, dtype="bool"),) * 2  # where it is within the range

    def torch(self, x: TensorType) -> Expression:
        bounds = {"min": self.low, "max": self.high}
        self.outputs(x)
        return Expression(f"{{0}}.clamp({', '.join(f'{k}={v!r}' for k, v in bounds.items() if v is not None)})")
