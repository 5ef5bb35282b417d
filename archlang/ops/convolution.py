"""Convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Kind, Lecture, Module, Operator, Reach, Saved, Size, Weight, Work
from archlang.ops.checks import check_dtype, check_groups
from archlang.ops.layouts import Strides, contiguous, formatted, laid
from archlang.ops.windows import Geometry, Pad, Sizes, Stride, brief, check_sides, each, pads, short, slid, window_reach
from archlang.shapes import TensorType


class Conv(Operator):
    """Convolution over the last one to three axes, as many as the window has sides (LeCun et al. 1998).

    Weights (out, c/groups, k, k) and a bias.

        n c h w -> n out h' w'
        h' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
        params = out*(c/groups)*k*k + out
        params = out*(c/groups)*k*k if not bias
        MACs = h'*w'*out*(c/groups)*k*k
        bias_adds = h'*w'*out if bias
    """

    word: ClassVar[str] = "conv"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window", "out": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Conv1d", "Conv2d", "Conv3d", "Conv2D", "Convolution", "convolution")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("conv 5x5 6", "1x32x32"),
        Example("conv 3x3/2 8 pad=same bias=false", "3x9x12"),
        Example("conv 3x1 4 pad=[1, 0] dilation=2", "2x9x9"),
        Example("conv 3x3 8 pad=1 groups=4 padding_mode=reflect", "4x6x6"),
        Example("conv [5]/2 6", "3x20"),
        Example("conv 3x3x3 4 pad=1", "2x5x6x7"),
    )

    kernel: Sizes
    out: Size
    stride: Stride = 1
    pad: Pad = 0
    dilation: Stride = 1
    groups: Size = 1
    bias: bool = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    def _geometry(self) -> Geometry:
        rank = len(self.kernel)
        check_sides(rank)
        dilation = each(self.dilation, rank, "dilation")
        return Geometry(self.kernel, each(self.stride, rank, "stride"), pads(self.pad, self.kernel, dilation), dilation)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        geometry = self._geometry()
        sizes = slid(x, self.word, geometry, self._widest(x))
        check_dtype(x, self.word, weighted=True)
        check_groups(x["c"], self.out, self.groups)
        for axis, width, most in zip(sizes, geometry.pad, self._widest(x) or geometry.pad, strict=True):
            if width > most:
                message = f"{self.padding_mode} padding of {x} is at most {most} along {axis}, and this is {width}"
                raise Rejected("padding-too-wide", message, about="pad")
        return (x.resized(c=self.out, **sizes),)

    def _widest(self, x: TensorType) -> tuple[int, ...] | None:
        """The widest padding: a reflected border repeats values behind the edge, a circular one at most all."""
        behind = {"reflect": 1, "circular": 0}.get(self.padding_mode)
        return None if behind is None else tuple(size - behind for size in x.shape[2:])

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        weight = Weight("weight", (self.out, x["c"] // self.groups, *self.kernel))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        macs = y.values * (x["c"] // self.groups) * prod(self.kernel)
        return Work(macs=macs, bias_adds=y.values if self.bias else 0)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        if self.padding_mode == "zeros":
            return (Saved("input"),)  # for any gradient, also where the weights need none
        # torch pads in a step of its own, even by nothing, and convolves the copy; to reflect and to replicate keeps
        # what is padded, a circle is copied in slices and keeps nothing
        pad = self._geometry().pad
        sides = (size + 2 * width for size, width in zip(x.shape[2:], pad, strict=True))
        padded = Saved("own", shape=(*x.shape[:2], *sides), dtype=x.dtype, name="padded")
        return (padded,) if self.padding_mode == "circular" else (Saved("input", when="inputs"), padded)

    def strides(self, x: TensorType) -> tuple[Strides]:
        if self.padding_mode == "circular":
            return (contiguous(self.outputs(laid(x))[0].shape),)
        return (formatted(self.outputs(laid(x))[0].shape, x),)

    def symbols(self, x: TensorType) -> Mapping[str, tuple[int, ...]]:
        return self._geometry().symbols

    def reach(self, x: TensorType) -> Reach:
        return window_reach(self._geometry())

    def torch(self, x: TensorType) -> Module:
        geometry = self._geometry()
        options = (
            ("stride", brief(geometry.stride), 1),
            ("padding", brief(geometry.pad), 0),
            ("dilation", brief(geometry.dilation), 1),
            ("groups", self.groups, 1),
            ("bias", self.bias, True),
            ("padding_mode", self.padding_mode, "zeros"),
        )
        args = (("in_channels", x["c"]), ("out_channels", self.out), ("kernel_size", brief(self.kernel)))
        return Module(f"torch.nn.Conv{len(self.kernel)}d", args, options)

    def lecture(self, x: TensorType) -> Lecture:
        fan_in = "*".join(map(str, (*self.kernel, x["c"] // self.groups)))
        return Lecture(f"CONV{short(self.kernel)}-{self.out}", f"({fan_in})*{self.out}")
