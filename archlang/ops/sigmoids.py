"""Sigmoids: curves that level off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.ops.activation import Pointwise
from archlang.ops.base import Example, Expression, Saved
from archlang.ops.formula import ByFormula
from archlang.ops.runs import ELEMENTWISE
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class Softsign(ByFormula, Pointwise):
    """x/(1 + |x|) (Glorot and Bengio 2010). x and 1 + |x| are saved for backward. No weights, no MACs.

    activated = c*h*w
    """

    formula: ClassVar[str] = "x / (x.abs() + 1)"
    word: ClassVar[str] = "softsign"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    target: ClassVar[str] = "torch.nn.Softsign"
    elsewhere: ClassVar[tuple[str, ...]] = ("Softsign", "soft_sign")
    examples: ClassVar[tuple[Example, ...]] = (Example("softsign", "3x4x4"), Example("softsign", "7"))


class LogSigmoid(Pointwise):
    """log(1/(1 + exp(-x))). x and, on the CPU, exp(-|x|) are saved for backward. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(ELEMENTWISE, layout="contiguous")
    word: ClassVar[str] = "logsigmoid"
    target: ClassVar[str] = "torch.nn.LogSigmoid"
    elsewhere: ClassVar[tuple[str, ...]] = ("LogSigmoid", "log_sigmoid")
    examples: ClassVar[tuple[Example, ...]] = (Example("logsigmoid", "3x4x4"), Example("logsigmoid", "7"))

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        own = Saved("own", shape=x.shape, dtype=x.dtype, per_image="n" in x.axes, when="inputs", name="exponentials")
        return (Saved("input", when="inputs"), own)


class ScaledTanh(ByFormula, Pointwise):
    """1.7159*tanh(2/3*x), which is about 1 at 1 and -1 at -1 (LeCun et al. 1998, appendix A). No weights, no MACs.

    activated = c*h*w
    """

    formula: ClassVar[str] = "1.7159 * (x * (2 / 3)).tanh()"
    word: ClassVar[str] = "scaled_tanh"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    elsewhere: ClassVar[tuple[str, ...]] = ("ScaledTanh", "lecun_tanh", "stanh")
    examples: ClassVar[tuple[Example, ...]] = (Example("scaled_tanh", "3x4x4"), Example("scaled_tanh", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("1.7159 * torch.tanh({0} * (2 / 3))")
