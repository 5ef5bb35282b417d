"""Arithmetic with one number, value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.ops.base import Example, Expression, Kind, Work
from archlang.ops.elementary import Elementary
from archlang.ops.runs import ELEMENTWISE, WITH_A_NUMBER
from archlang.shapes import TensorType


class _Linear(Elementary):
    """Functions with a constant slope: nothing is saved for backward, and they count as arithmetic."""

    runs = replace(ELEMENTWISE, saved="nothing")

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values)


class Neg(_Linear):
    """-x. No weights, no MACs.

    elementwise = c*h*w
    """

    word: ClassVar[str] = "neg"
    elsewhere: ClassVar[tuple[str, ...]] = ("Neg", "negative", "negate")
    examples: ClassVar[tuple[Example, ...]] = (Example("neg", "3x4x4"), Example("neg", "7"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("-{0}")


class Scale(_Linear):
    """factor*x, as the branches of Inception-ResNet are scaled (Szegedy et al. 2016, arXiv:1602.07261, section 3.3).

    No weights, no MACs.

        elementwise = c*h*w
    """

    runs = replace(WITH_A_NUMBER, saved="nothing")
    word: ClassVar[str] = "scale"
    positional: ClassVar[Mapping[str, Kind]] = {"factor": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Rescaling", "mul_scalar")
    examples: ClassVar[tuple[Example, ...]] = (Example("scale 0.1", "3x4x4"), Example("scale -2", "7"))

    factor: float

    def torch(self, x: TensorType) -> Expression:
        return Expression(f"{{0}} * {self.factor!r}")


class Shift(_Linear):
    """x + offset: `neg -> shift 1` is 1 - x. No weights, no MACs.

    elementwise = c*h*w
    """

    runs = replace(WITH_A_NUMBER, gradients="whole", saved="nothing")
    word: ClassVar[str] = "shift"
    positional: ClassVar[Mapping[str, Kind]] = {"offset": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("add_scalar", "plus_constant")
    examples: ClassVar[tuple[Example, ...]] = (Example("shift 1", "3x4x4"), Example("shift -0.5", "7"))

    offset: float

    def torch(self, x: TensorType) -> Expression:
        return Expression(f"{{0}} + {self.offset!r}")


class Square(Elementary):
    """x*x. No weights, no MACs.

    elementwise = c*h*w
    """

    runs = replace(ELEMENTWISE, saved="input", scratch=2)
    word: ClassVar[str] = "square"
    elsewhere: ClassVar[tuple[str, ...]] = ("Square", "squared")
    examples: ClassVar[tuple[Example, ...]] = (Example("square", "3x4x4"), Example("square", "7"))

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values)

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.square()")
