"""Rectifiers and steps: functions with a corner, a jump or a bend at zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.activation import Pointwise
from archlang.ops.base import Example, Expression, Kind, Module, Saved
from archlang.ops.elementary import Sign
from archlang.ops.in_parts import InParts
from archlang.ops.parts import Part
from archlang.ops.runs import ELEMENTWISE, WITH_A_NUMBER
from archlang.ops.scaling import Scale, Shift
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

_LEAST_ALPHA = 2.0**-127  # whose reciprocal float32 holds


class _Rectifier(Pointwise):
    """What the rectifiers share: the input is saved for backward."""

    runs = replace(ELEMENTWISE, saved="input")


class Celu(_Rectifier):
    """x where x > 0, alpha*(exp(x/alpha) - 1) elsewhere (Barron 2017, arXiv:1704.07483). No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "celu"
    noted: ClassVar[str] = "CELU"
    elsewhere: ClassVar[tuple[str, ...]] = ("CELU",)
    examples: ClassVar[tuple[Example, ...]] = (Example("celu", "3x4x4"), Example("celu alpha=0.5", "7"))

    alpha: Annotated[float, Field(gt=0)] = 1.0

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if self.alpha < _LEAST_ALPHA:
            message = f"torch divides by `alpha` in float32, and 1/{self.alpha:g} is more than that holds"
            raise Rejected("out-of-range", message, help="`relu` is what remains of it", about="alpha")
        return super().outputs(x)

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.CELU", (), (("alpha", self.alpha, 1.0),))


class Mish(_Rectifier):
    """x*tanh(log(1 + exp(x))) (Misra 2019, arXiv:1908.08681). No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(_Rectifier.runs, overwrites=True)
    word: ClassVar[str] = "mish"
    noted: ClassVar[str] = "Mish"
    target: ClassVar[str] = "torch.nn.Mish"
    elsewhere: ClassVar[tuple[str, ...]] = ("Mish",)
    examples: ClassVar[tuple[Example, ...]] = (Example("mish", "3x4x4"), Example("mish", "7"))


class Hardtanh(_Rectifier):
    """min(max(low, x), high) (Collobert 2004). No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(WITH_A_NUMBER, saved="input", overwrites=True)
    word: ClassVar[str] = "hardtanh"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    elsewhere: ClassVar[tuple[str, ...]] = ("Hardtanh", "hard_tanh")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("hardtanh", "3x4x4"),
        Example("hardtanh low=-0.5 high=0.75", "7"),
        Example("hardtanh low=0.0", "3x4x4"),
    )

    low: float = -1.0
    high: float = 1.0

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if self.low >= self.high:
            message = f"`low` of hardtanh must be below `high`, but these are {self.low} and {self.high}"
            raise Rejected("out-of-range", message, about="low")
        return super().outputs(x)

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Hardtanh", (), (("min_val", self.low, -1.0), ("max_val", self.high, 1.0)))


class Threshold(_Rectifier):
    """x where x is above `threshold`, `value` elsewhere. No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "threshold"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    positional: ClassVar[Mapping[str, Kind]] = {"threshold": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("ThresholdedReLU", "thresholded_relu")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("threshold 0.5", "3x4x4"),
        Example("threshold 0.1 value=-1.0", "7"),
    )

    threshold: float
    value: float = 0.0

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Threshold", (("threshold", self.threshold), ("value", self.value)))


class _Ceil(Sign):
    """The least whole number that is not less: a part of `step`, which runs as `sign` does."""


class Step(InParts, Pointwise):
    """1 where x >= 0, 0 elsewhere (McCulloch and Pitts 1943; Heaviside's step). No weights, no MACs.

    Its gradient is 0 everywhere, so that nothing before it is trained through it, and nothing is saved. torch.heaviside
    has no backward pass at all; this is ceil((sign(x) + 1)/2), which has the same values.

        activated = c*h*w
    """

    word: ClassVar[str] = "step"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    elsewhere: ClassVar[tuple[str, ...]] = ("heaviside", "binary_step", "hardlim")
    examples: ClassVar[tuple[Example, ...]] = (Example("step", "3x4x4"), Example("step", "7"))

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        half = Scale(factor=0.5)
        return Part(Sign(), (0,)), Part(Shift(offset=1), (1,)), Part(half, (2,)), Part(_Ceil(), (3,))

    def torch(self, x: TensorType) -> Expression:
        return Expression("torch.ceil((torch.sign({0}) + 1) / 2)")


class RandomRelu(_Rectifier):
    """x where x > 0, elsewhere x times a slope, which is drawn in training for each value, from `low` to `high`.

    In evaluation the slope is (low + high)/2 (Xu et al. 2015, arXiv:1505.00853). A tensor of slopes is saved for
    backward, also in evaluation. No weights, no MACs.

        activated = c*h*w
    """

    runs = replace(ELEMENTWISE, layout="contiguous")
    saves_unfilled = True
    word: ClassVar[str] = "rrelu"
    elsewhere: ClassVar[tuple[str, ...]] = ("RReLU", "randomized_relu")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("rrelu", "3x4x4", training=False),
        Example("rrelu low=0.1 high=0.2", "7", training=False),
    )

    low: float = 1 / 8
    high: float = 1 / 3

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if self.low > self.high:
            message = f"`low` of rrelu must be at most `high`, but these are {self.low} and {self.high}"
            raise Rejected("out-of-range", message, about="low")
        return super().outputs(x)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        slopes = Saved("own", shape=x.shape, dtype=x.dtype, per_image="n" in x.axes, when="inputs", name="slopes")
        return (Saved("input", when="inputs"), slopes)

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.RReLU", (), (("lower", self.low, 1 / 8), ("upper", self.high, 1 / 3)))
