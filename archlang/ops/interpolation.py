"""Interpolation between positions of a map: how many values each mode takes, and which of them a position sees."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal

from archlang.ops.base import Slide
from archlang.ops.phases import phased

Mode = Literal["nearest", "nearest_exact", "linear", "bilinear", "bicubic", "trilinear"]
NEIGHBOURS = {"nearest": 1, "nearest_exact": 1, "linear": 2, "bilinear": 4, "bicubic": 16, "trilinear": 8}


@dataclass(frozen=True, slots=True)
class Interpolation:
    """A mode of interpolation, and whether the corners of both maps coincide."""

    mode: Mode
    align_corners: bool

    def seen(self, size: int, wanted: int) -> Slide:
        """Return the smallest slide that holds what each position sees: the value at or beside i*step + first.

        A position between two of the input sees `far` neighbours on each side: 1 in linear modes, 2 in cubic ones. A
        position that coincides with one of the input sees only that one.
        """
        corners, copies = int(self.align_corners), NEIGHBOURS[self.mode] == 1
        step = Fraction(size - corners, max(wanted - corners, 1))
        middle = {"nearest": Fraction(0), "nearest_exact": step / 2}.get(self.mode, (step - 1) / 2)
        first, far = (Fraction(0) if corners else middle), 2 if self.mode == "bicubic" else 1
        places = [at * step + first for at in range(step.denominator)]  # then it repeats
        between = [0 if copies or place.denominator == 1 else far for place in places]
        sides = zip(map(floor, places), between, strict=True)
        return phased([(place - max(side - 1, 0), place + side) for place, side in sides], step)
