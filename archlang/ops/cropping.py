"""The middle of a map, or another part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from archlang.diagnostics import Rejected
from archlang.open_numbers import is_open
from archlang.ops.base import Condition, Example, Expression, Kind, Natural, Reach, Slide
from archlang.ops.checks import check_channels
from archlang.ops.in_calls import Calls
from archlang.ops.layouts import laid
from archlang.ops.parts import Course
from archlang.ops.runs import ONE_CALL_FORWARD
from archlang.ops.sized import as_read
from archlang.ops.stricter import beyond_torch
from archlang.ops.views import View
from archlang.ops.windows import Sizes, each
from archlang.shapes import TensorType


class Crop(View):
    """The middle of a map, of that size: `crop 388x388`. If an odd number is cut off, one more is cut off at the end.

    `start` gives the first position along each axis instead. U-Net crops the maps that it has kept to the size of the
    upsampled ones (Ronneberger et al. 2015, arXiv:1505.04597): `(kept) -> crop like=up`. No weights, no MACs.

        n c h w -> n c h' w'
        h' = size
    """

    runs = replace(ONE_CALL_FORWARD, view=True, saved="nothing", autocast="given")
    word: ClassVar[str] = "crop"
    family: ClassVar[str] = "other"
    positional: ClassVar[Mapping[str, Kind]] = {"size": "window"}
    elsewhere: ClassVar[tuple[str, ...]] = ("CenterCrop", "center_crop", "Cropping2D", "Cropping1D", "Cropping3D")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("crop 2x3", "3x5x6"),
        Example("crop 4x4 start=[0, 2]", "3x5x6"),
        Example("crop [3] start=1", "2x7"),
        Example("crop 2x3x4", "2x3x5x4"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-rank", "no-such-position", size="torch returns an empty tensor", start="torch counts it from the end"
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("size", "start")
    alike: ClassVar[tuple[str, int] | None] = ("size", 2)

    size: Sizes
    start: Natural | tuple[Natural, ...] | None = None

    def _sides(self, x: TensorType) -> list[tuple[int, int]]:
        """Return how many positions are cut off before and after, for each axis of positions."""
        check_channels(x, self.word, 1)
        sizes = x.shape[2:]
        wanted = each(self.size, len(sizes), "size")
        for axis, size, kept in zip(x.axes[2:], sizes, wanted, strict=True):
            if kept > size:
                message = f"{x} has {size} positions along {axis}, but `size` of crop is {kept}"
                raise Rejected("no-such-position", message, about="size")
        spare = [size - kept for size, kept in zip(sizes, wanted, strict=True)]
        first = [rest // 2 for rest in spare] if self.start is None else each(self.start, len(sizes), "start")
        for at, (begin, rest) in enumerate(zip(first, spare, strict=True)):
            if begin > rest:
                message = f"{wanted[at]} positions from {begin} on are more than {x} has along {x.axes[2 + at]}"
                raise Rejected("no-such-position", message, about="start")
        return [(begin, rest - begin) for begin, rest in zip(first, spare, strict=True)]

    def conditions(self, x: TensorType) -> Iterator[Condition]:
        for size, kept, (begin, _) in zip(x.shape[2:], self.size, self._sides(x), strict=True):
            start = 0 if self.start is None else begin
            yield start, ">=", 0
            yield start + kept, "<=", size

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        self._sides(x)
        return (x.resized(**dict(zip(x.axes[2:], self.size, strict=True))),)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course | None:
        (x,) = inputs
        known, calls, value = laid(x), Calls(x), 0
        shape = known.shape
        for axis, (cut, size) in enumerate(zip(self._sides(x), self.size, strict=True), 2):
            if any(cut):
                shape = (*shape[:axis], size, *shape[axis + 1 :])
                value = calls.looked(shape, value, known.strides, spread=True)
        return calls.course(self) if value else None

    def reach(self, x: TensorType) -> Reach:
        return Reach({axis: Slide(1, 1, -begin) for axis, (begin, _) in zip(x.axes[2:], self._sides(x), strict=True)})

    def torch(self, x: TensorType) -> Expression:
        if is_open(self.size) or is_open(self.start):
            begins = (begin for begin, _ in self._sides(as_read(x)))
            cuts = [f"{begin}:{begin + kept}" for begin, kept in zip(begins, self.size, strict=True)]
            return Expression(f"{{0}}[:, :, {', '.join(cuts)}]")
        # counted from both ends, so that maps of other sizes are cut alike
        cuts = [f"{begin or ''}:{-behind if behind else ''}" for begin, behind in self._sides(x)]
        return Expression(f"{{0}}[:, :, {', '.join(cuts)}]")
