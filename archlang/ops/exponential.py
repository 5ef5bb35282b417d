"""Exponentials and logarithms of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.ops.activation import Pointwise, Softmax
from archlang.ops.base import Example, Expression, Module
from archlang.ops.runs import ELEMENTWISE
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class Exp(Pointwise):
    """exp(x). No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "exp"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    elsewhere: ClassVar[tuple[str, ...]] = ("Exp",)
    examples: ClassVar[tuple[Example, ...]] = (Example("exp", "3x4x4"), Example("exp", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("torch.exp({0})")


class Softplus(Pointwise):
    """log(1 + exp(beta*x))/beta; x itself where beta*x is above `threshold`. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(ELEMENTWISE, saved="input")
    word: ClassVar[str] = "softplus"
    elsewhere: ClassVar[tuple[str, ...]] = ("Softplus",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("softplus", "3x4x4"),
        Example("softplus beta=2.0 threshold=10.0", "7"),
    )

    beta: float = 1.0
    threshold: float = 20.0

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Softplus", (), (("beta", self.beta, 1.0), ("threshold", self.threshold, 20.0)))


class LogSoftmax(Softmax):
    """The logarithm of softmax along `axis`; 0 is the batch, -1 the last axis. No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "log_softmax"
    noted: ClassVar[str] = "log softmax"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis")
    elsewhere: ClassVar[tuple[str, ...]] = ("LogSoftmax",)
    examples: ClassVar[tuple[Example, ...]] = (Example("log_softmax", "10"), Example("log_softmax axis=-1", "3x4x5"))

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.LogSoftmax", (("dim", self.axis),))
