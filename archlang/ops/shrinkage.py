"""Shrinkage: functions that draw values towards zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.ops.activation import Pointwise
from archlang.ops.base import Example, Kind, Module
from archlang.ops.formula import ByFormula
from archlang.ops.runs import ELEMENTWISE
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

NotNegative = Annotated[float, Field(ge=0)]


class _Shrink(Pointwise):
    """What both share: the half width of the zone that becomes zero. The input is saved for backward."""

    runs = replace(ELEMENTWISE, saved="input")
    positional: ClassVar[Mapping[str, Kind]] = {"width": "number"}


class Hardshrink(_Shrink):
    """0 where |x| is at most `width`, x elsewhere (Donoho and Johnstone 1994). No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "hardshrink"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(width="torch takes 0, a layer that gives no values")
    elsewhere: ClassVar[tuple[str, ...]] = ("Hardshrink", "hard_shrink", "hard_threshold")
    examples: ClassVar[tuple[Example, ...]] = (Example("hardshrink 0.5", "3x4x4"), Example("hardshrink", "7"))

    width: NotNegative = 0.5

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Hardshrink", (), (("lambd", self.width, 0.5),))


class Softshrink(_Shrink):
    """0 where |x| is at most `width`; elsewhere x is moved towards 0 by it (Donoho 1995). No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "softshrink"
    elsewhere: ClassVar[tuple[str, ...]] = ("Softshrink", "soft_shrink", "soft_threshold")
    examples: ClassVar[tuple[Example, ...]] = (Example("softshrink 0.25", "3x4x4"), Example("softshrink", "6x7 n t c"))

    width: NotNegative = 0.5

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Softshrink", (), (("lambd", self.width, 0.5),))


class Tanhshrink(ByFormula, Pointwise):
    """x - tanh(x). tanh(x) is saved for backward. No weights, no MACs.

    activated = c*h*w
    """

    formula: ClassVar[str] = "x - x.tanh()"
    word: ClassVar[str] = "tanhshrink"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")
    target: ClassVar[str] = "torch.nn.Tanhshrink"
    elsewhere: ClassVar[tuple[str, ...]] = ("Tanhshrink", "tanh_shrink")
    examples: ClassVar[tuple[Example, ...]] = (Example("tanhshrink", "3x4x4"), Example("tanhshrink", "7"))
