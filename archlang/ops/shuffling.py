"""Channels laid out as positions, positions as channels, and channels in another order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Kind, Module, Operator, Reach, Size, Slide, Work
from archlang.ops.checks import check_channels
from archlang.ops.layouts import Strides, formatted, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class PixelShuffle(Operator):
    """Channels become positions: r*r channels become an r by r square of one (Shi et al. 2016, arXiv:1609.05158).

    No weights, no MACs.

        n c h w -> n c' h' w'
        c' = c/(r*r)
        h' = r*h
    """

    runs = replace(ONE_CALL, saved="nothing", autocast="given")
    word: ClassVar[str] = "pixel_shuffle"
    family: ClassVar[str] = "upsampling"
    positional: ClassVar[Mapping[str, Kind]] = {"r": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("PixelShuffle", "depth_to_space", "subpixel")
    examples: ClassVar[tuple[Example, ...]] = (Example("pixel_shuffle 2", "8x4x5"), Example("pixel_shuffle 3", "9x2x3"))

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank")

    r: Size

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        height, width = x.spatial(2, self.word)
        if x["c"] % self.r**2:
            message = f"{x['c']} channels are not a multiple of {self.r}*{self.r}, which make a square"
            raise Rejected("channels-do-not-divide", message, about="r")
        return (x.resized(c=x["c"] // self.r**2, h=height * self.r, w=width * self.r),)

    def work(self, x: TensorType) -> Work:
        return Work(moved=x.values)

    def reach(self, x: TensorType) -> Reach:
        behind = 1 - Fraction(1, self.r)  # position i sees floor(i/r), along both axes
        return Reach(dict.fromkeys("hw", Slide(1 + behind, Fraction(1, self.r), behind)))

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (formatted(self.outputs(laid(x))[0].shape, x),)

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.PixelShuffle", (("upscale_factor", self.r),))


class PixelUnshuffle(Operator):
    """Positions become channels: each r by r square of one channel becomes r*r channels (Shi et al. 2016).

    It undoes `pixel_shuffle`. No weights, no MACs.

        n c h w -> n c' h' w'
        c' = c*(r*r)
        h' = h/r
    """

    runs = replace(ONE_CALL, saved="nothing", autocast="given")
    word: ClassVar[str] = "pixel_unshuffle"
    positional: ClassVar[Mapping[str, Kind]] = {"r": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("PixelUnshuffle", "space_to_depth", "reorg", "passthrough")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("pixel_unshuffle 2", "3x4x6"),
        Example("pixel_unshuffle 3", "1x3x6"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank")

    r: Size

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        sizes = x.spatial(2, self.word)
        for axis, size in zip(x.axes[2:], sizes, strict=True):
            if size % self.r:
                message = f"{size} along {axis} does not divide into squares of {self.r}x{self.r}"
                raise Rejected("parts-do-not-divide", message, about="r")
        height, width = sizes
        return (x.resized(c=x["c"] * self.r**2, h=height // self.r, w=width // self.r),)

    def work(self, x: TensorType) -> Work:
        return Work(moved=x.values)

    def reach(self, x: TensorType) -> Reach:
        return Reach(dict.fromkeys("hw", Slide(self.r, self.r)))

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (formatted(self.outputs(laid(x))[0].shape, x),)

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.PixelUnshuffle", (("downscale_factor", self.r),))


class ChannelShuffle(Operator):
    """Channels of each group dealt out in turn: the first of every group, the second of every group, ...

    Zhang et al. 2017 (ShuffleNet, arXiv:1707.01083), section 3.1. No weights, no MACs.
    """

    pointwise = True
    runs = replace(ONE_CALL, saved="nothing", autocast="given")
    word: ClassVar[str] = "channel_shuffle"
    positional: ClassVar[Mapping[str, Kind]] = {"groups": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("ChannelShuffle",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("channel_shuffle 2", "6x4x5"),
        Example("channel_shuffle 3", "9x4"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank")

    groups: Size

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels(x, self.word, 1)
        if x["c"] % self.groups:
            message = f"{x['c']} channels do not divide into {self.groups} groups"
            raise Rejected("groups-do-not-divide", message, about="groups")
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(moved=x.values)

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (formatted(self.outputs(laid(x))[0].shape, x),)

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.ChannelShuffle", (("groups", self.groups),))
