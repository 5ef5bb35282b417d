"""Linear units: functions that keep large values unchanged and reduce those below zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from archlang.ops.activation import Pointwise
from archlang.ops.base import (
    Autocast,
    Example,
    Module,
    Saved,
    Scratch,
    Wanted,
    Weight,
    Work,
)
from archlang.ops.checks import check_channels, check_dtype
from archlang.ops.runs import ELEMENTWISE, WITH_A_NUMBER
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class _Unit(Pointwise):
    """What the linear units share: the input is saved for backward."""

    runs = replace(ELEMENTWISE, saved="input")


class Relu6(_Unit):
    """min(max(0, x), 6) (Howard et al. 2017). No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(WITH_A_NUMBER, saved="input", overwrites=True)
    word: ClassVar[str] = "relu6"
    noted: ClassVar[str] = "ReLU6"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    target: ClassVar[str] = "torch.nn.ReLU6"
    elsewhere: ClassVar[tuple[str, ...]] = ("ReLU6",)
    examples: ClassVar[tuple[Example, ...]] = (Example("relu6", "3x4x4"), Example("relu6", "6x7 n t c"))


class LeakyRelu(_Unit):
    """x where x > 0, slope*x elsewhere (Maas, Hannun and Ng 2013). No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "leaky_relu"
    noted: ClassVar[str] = "leaky ReLU"
    elsewhere: ClassVar[tuple[str, ...]] = ("LeakyReLU", "lrelu")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("leaky_relu", "3x4x4"),
        Example("leaky_relu slope=0.1", "7"),
    )

    slope: float = 0.01

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.LeakyReLU", (), (("negative_slope", self.slope, 0.01),))


class PRelu(Pointwise):
    """x where x > 0, elsewhere x times a learned slope: one, or one for each channel with `channelwise=true`.

    He et al. 2015 (arXiv:1502.01852). `slope` is the initial value of the learned slope. No MACs.

        params = 1
        params = c if channelwise
        activated = c*h*w
    """

    runs = replace(WITH_A_NUMBER, backward=None, autocast=Autocast("lower", (("weight", "any"),)))
    word: ClassVar[str] = "prelu"
    noted: ClassVar[str] = "PReLU"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank")
    elsewhere: ClassVar[tuple[str, ...]] = ("PReLU",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("prelu", "3x4x4"),
        Example("prelu channelwise=true slope=0.1", "3x4"),
    )

    slope: float = 0.25
    channelwise: bool = False

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word, weighted=True)
        if self.channelwise:
            check_channels(x, self.word)
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (x["c"] if self.channelwise else 1,)),)

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        return Work(activated=x.values * wanted.any)

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return (x, x)  # at most: gradients of the slopes before they are summed

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (Saved("input"),)  # for the gradient of the slope as well

    def torch(self, x: TensorType) -> Module:
        count = x["c"] if self.channelwise else 1
        return Module("torch.nn.PReLU", (), (("num_parameters", count, 1), ("init", self.slope, 0.25)))


class Elu(_Unit):
    """x where x > 0, alpha*(exp(x) - 1) elsewhere (Clevert et al. 2015, arXiv:1511.07289). No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "elu"
    noted: ClassVar[str] = "ELU"
    elsewhere: ClassVar[tuple[str, ...]] = ("ELU",)
    examples: ClassVar[tuple[Example, ...]] = (Example("elu", "3x4x4"), Example("elu alpha=0.5", "7"))

    alpha: float = 1.0

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.ELU", (), (("alpha", self.alpha, 1.0),))


class Selu(_Unit):
    """1.0507*(x where x > 0, 1.6733*(exp(x) - 1) elsewhere) (Klambauer et al. 2017, arXiv:1706.02515).

    No weights, no MACs.

        activated = c*h*w
    """

    word: ClassVar[str] = "selu"
    noted: ClassVar[str] = "SELU"
    target: ClassVar[str] = "torch.nn.SELU"
    elsewhere: ClassVar[tuple[str, ...]] = ("SELU",)
    examples: ClassVar[tuple[Example, ...]] = (Example("selu", "3x4x4"), Example("selu", "7"))


class Gelu(_Unit):
    """x times the probability that a standard normal value is below it (Hendrycks and Gimpel 2016, arXiv:1606.08415).

    `approximate=tanh` is the paper's formula with tanh. No weights, no MACs.

        activated = c*h*w
    """

    word: ClassVar[str] = "gelu"
    noted: ClassVar[str] = "GELU"
    elsewhere: ClassVar[tuple[str, ...]] = ("GELU",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("gelu", "6x7 n t c"),
        Example("gelu approximate=tanh", "3x4x4"),
    )

    approximate: Literal["none", "tanh"] = "none"

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.GELU", (), (("approximate", self.approximate, "none"),))


class Silu(_Unit):
    """x/(1 + exp(-x)), also known as swish (Ramachandran et al. 2017, arXiv:1710.05941). No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(_Unit.runs, overwrites=True)
    word: ClassVar[str] = "silu"
    noted: ClassVar[str] = "SiLU"
    target: ClassVar[str] = "torch.nn.SiLU"
    elsewhere: ClassVar[tuple[str, ...]] = ("SiLU", "swish")
    examples: ClassVar[tuple[Example, ...]] = (Example("silu", "3x4x4"), Example("silu", "7"))


class Hardswish(_Unit):
    """x*min(max(0, x + 3), 6)/6 (Howard et al. 2019, arXiv:1905.02244). No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(_Unit.runs, overwrites=True)
    word: ClassVar[str] = "hardswish"
    target: ClassVar[str] = "torch.nn.Hardswish"
    elsewhere: ClassVar[tuple[str, ...]] = ("Hardswish", "hard_swish", "h_swish")
    examples: ClassVar[tuple[Example, ...]] = (Example("hardswish", "3x4x4"), Example("hardswish", "7"))


class Hardsigmoid(_Unit):
    """min(max(0, x + 3), 6)/6 (Howard et al. 2019, arXiv:1905.02244). No weights, no MACs.

    activated = c*h*w
    """

    runs = replace(_Unit.runs, overwrites=True)
    word: ClassVar[str] = "hardsigmoid"
    target: ClassVar[str] = "torch.nn.Hardsigmoid"
    elsewhere: ClassVar[tuple[str, ...]] = ("Hardsigmoid", "hard_sigmoid", "h_sigmoid")
    examples: ClassVar[tuple[Example, ...]] = (Example("hardsigmoid", "3x4x4"), Example("hardsigmoid", "7"))
