"""Overlapping patches of a map, laid out one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, GradientPlace, Kind, Module, Natural, Reach, Scratch, Slide, Work
from archlang.ops.checks import check_dtype
from archlang.ops.layouts import laid
from archlang.ops.phases import table
from archlang.ops.runs import ONE_CALL
from archlang.ops.sliding import Sliding
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Geometry, Sizes, Stride, brief, each, slid
from archlang.shapes import TensorType


class Unfold(Sliding):
    """The values under each window as channels, one window after another: n c h w becomes n c*k*k t (im2col).

    A product of matrices over them is a convolution (Chellapilla, Puri and Simard 2006). Channels are outermost, then
    the rows of the window. No weights, no MACs.

        c' = c*k*k
    """

    runs = replace(ONE_CALL, saved="nothing", autocast="given")
    word: ClassVar[str] = "unfold"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Unfold", "im2col", "extract_patches", "extract_image_patches")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "wrong-dtype")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("unfold 2x2/2", "3x4x6"),
        Example("unfold 2x2/3", "3x5x6"),
        Example("unfold 3x3 pad=1", "2x5x4"),
        Example("unfold 3x2/2x1 pad=[1, 0] dilation=[1, 2]", "2x5x6"),
    )

    kernel: Sizes
    stride: Stride = 1
    pad: Natural | tuple[Natural, ...] = 0
    dilation: Stride = 1

    def geometry(self, x: TensorType) -> Geometry:
        if len(self.kernel) != 2:
            message = f"unfold takes a window of two sides, but `kernel` has {len(self.kernel)}"
            raise Rejected("window-rank", message, about="kernel")
        stride, dilation = each(self.stride, 2, "stride"), each(self.dilation, 2, "dilation")
        return Geometry(self.kernel, stride, each(self.pad, 2, "pad"), dilation)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        sizes = slid(x, self.word, self.geometry(x))
        check_dtype(x, self.word)
        return (TensorType((x.shape[0], x["c"] * prod(self.kernel), prod(sizes.values())), ("n", "c", "t"), x.dtype),)

    def work(self, x: TensorType) -> Work:
        return Work(moved=self.outputs(x)[0].values)

    # forward and backward, torch makes a tensor as large as its input and resizes it; its memory never shrinks

    def spare_values(self, x: TensorType) -> tuple[int]:
        known = laid(x)
        (y,) = self.outputs(known)
        return (max(prod(known.shape) - prod(y.shape), 0),)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        (y,) = self.outputs(x)
        return (x,) if prod(y.shape) > prod(x.shape) else ()  # its first memory, which is too small

    def gradient_places(self, x: TensorType) -> tuple[GradientPlace]:
        return ("resized",)

    def reach(self, x: TensorType) -> Reach:
        geometry = self.geometry(x)
        counts = slid(x, self.word, geometry)
        sides = zip(counts, geometry.stride, geometry.extent, geometry.pad, geometry.dilation, strict=True)
        windows = zip(*product(*map(range, counts.values())), strict=True)  # row by row, along each axis
        told: dict[str, Slide] = {}
        for (axis, step, extent, pad, dilation), places in zip(sides, windows, strict=True):
            firsts = (place * step - pad for place in places)
            told[axis] = table([(first, first + extent - 1) for first in firsts], every=dilation, axis="t")
        return Reach(told)

    def torch(self, x: TensorType) -> Module:
        found = self.geometry(x)
        numbers = (("dilation", found.dilation, 1), ("padding", found.pad, 0), ("stride", found.stride, 1))
        options = tuple((name, brief(value), default) for name, value, default in numbers)
        return Module("torch.nn.Unfold", (("kernel_size", brief(self.kernel)),), options)
