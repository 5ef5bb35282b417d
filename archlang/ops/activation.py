"""Activations: one nonlinear function, value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.ops.base import Example, Expression, Module, Operator, Reach, Work, seeing_all
from archlang.ops.checks import check_axis, check_dtype
from archlang.ops.runs import ELEMENTWISE
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class Pointwise(Operator):
    """What the activations share: the type stays, one function maps each value, the output is saved for backward."""

    family: ClassVar[str] = "activation"
    pointwise = True
    runs = replace(ELEMENTWISE, saved="output")
    target: ClassVar[str]
    integers: ClassVar[bool] = False  # whether integers are accepted; they stay integers

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word, integers=self.integers)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(activated=x.values)

    def torch(self, x: TensorType) -> Module | Expression:
        return Module(self.target)


class Relu(Pointwise):
    """max(0, x) (Nair and Hinton 2010). No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(ELEMENTWISE, saved="output", overwrites=True)
    word: ClassVar[str] = "relu"
    noted: ClassVar[str] = "ReLU"
    target: ClassVar[str] = "torch.nn.ReLU"
    integers: ClassVar[bool] = True
    elsewhere: ClassVar[tuple[str, ...]] = ("ReLU",)
    examples: ClassVar[tuple[Example, ...]] = (Example("relu", "3x4x4"), Example("relu", "7"))


class Tanh(Pointwise):
    """Hyperbolic tangent. No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "tanh"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    target: ClassVar[str] = "torch.nn.Tanh"
    elsewhere: ClassVar[tuple[str, ...]] = ("Tanh",)
    examples: ClassVar[tuple[Example, ...]] = (Example("tanh", "3x4x4"),)


class Sigmoid(Pointwise):
    """1 / (1 + exp(-x)). No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "sigmoid"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    target: ClassVar[str] = "torch.nn.Sigmoid"
    elsewhere: ClassVar[tuple[str, ...]] = ("Sigmoid", "logistic")
    examples: ClassVar[tuple[Example, ...]] = (Example("sigmoid", "3x4x4"),)


class Softmax(Pointwise):
    """exp(x) divided by its sum along `axis`; 0 is the batch, -1 the last axis. No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(ELEMENTWISE, layout="contiguous", saved="output")
    word: ClassVar[str] = "softmax"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis")
    elsewhere: ClassVar[tuple[str, ...]] = ("Softmax",)
    examples: ClassVar[tuple[Example, ...]] = (Example("softmax", "10"), Example("softmax axis=2", "3x4x5"))

    axis: int = 1

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_axis(x, self.axis, self.word)
        return super().outputs(x)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, [x.axes[self.axis]]))

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Softmax", (("dim", self.axis),))
