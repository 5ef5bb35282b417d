"""Transposed convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import gcd, prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops import blocked
from archlang.ops.base import (
    Autocast,
    Example,
    Kind,
    Lecture,
    Module,
    Natural,
    Operator,
    Reach,
    Saved,
    Scratch,
    Size,
    Slide,
    Wanted,
    Weight,
    Work,
)
from archlang.ops.checks import check_dtype, check_groups
from archlang.ops.layouts import Strides, convolved, laid
from archlang.ops.phases import phased
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Sizes, Stride, brief, check_sides, each, short
from archlang.shapes import TensorType, spatial_axes


class Deconv(Operator):
    """Transposed convolution: each value adds its window of weights to the output, `stride` apart.

    Zeiler and Fergus 2013; Dumoulin and Visin 2016 (arXiv:1603.07285), relationship 14. `pad` is cut off the border,
    `output_pad` is added at its end. Weights (c, out/groups, k, k) and a bias. A MAC is a value times a weight,
    including those that are cut off.

        n c h w -> n out h' w'
        h' = (h - 1)*stride - 2*pad + dilation*(k - 1) + output_pad + 1
        params = c*(out/groups)*k*k + out
        params = c*(out/groups)*k*k if not bias
        MACs = h*w*c*(out/groups)*k*k
        bias_adds = h'*w'*out if bias
    """

    runs = replace(
        ONE_CALL, fresh=True, autocast=Autocast("lower", (("weight", "any"),)), weights="any format"
    )  # fmt: skip
    word: ClassVar[str] = "deconv"
    noted: ClassVar[str] = "upconv"
    family: ClassVar[str] = "upsampling"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window", "out": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = (
        "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Conv2DTranspose", "Deconvolution", "deconvolution",
        "conv_transpose",
    )  # fmt: skip
    examples: ClassVar[tuple[Example, ...]] = (
        Example("deconv 2x2/2 64", "128x5x6"),
        Example("deconv 3x3/2 4 pad=1 output_pad=1 bias=false", "6x4x5"),
        Example("deconv 3x1 4 pad=[1, 0] dilation=2 groups=2", "2x6x5"),
        Example("deconv 3x3 4 pad=1", "2x6x5"),
        Example("deconv [4]/2 6", "3x7"),
        Example("deconv 2x2x2/2 3", "2x3x2x4"),
    )
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "empty-output")

    kernel: Sizes
    out: Size
    stride: Stride = 1
    pad: Natural | tuple[Natural, ...] = 0
    output_pad: Natural | tuple[Natural, ...] = 0
    dilation: Stride = 1
    groups: Size = 1
    bias: bool = True

    def _sides(self) -> list[tuple[int, int, int, int, int]]:
        """Return kernel, stride, pad, output_pad and dilation of each side."""
        rank = len(self.kernel)
        check_sides(rank)
        given = {
            "stride": self.stride, "pad": self.pad, "output_pad": self.output_pad, "dilation": self.dilation
        }  # fmt: skip
        return list(zip(self.kernel, *(each(value, rank, name) for name, value in given.items()), strict=True))

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        sides = self._sides()
        given = x.spatial(len(sides), self.word)
        check_dtype(x, self.word, weighted=True)
        check_groups(x["c"], self.out, self.groups)
        sizes: dict[str, int] = {}
        for axis, size, (k, stride, pad, more, dilation) in zip(spatial_axes(len(sides)), given, sides, strict=True):
            if more >= max(stride, dilation):
                message = f"`output_pad` must be less than the stride or the dilation, but along {axis} it is {more}"
                raise Rejected("output-pad-too-wide", message, about="output_pad")
            sizes[axis] = (size - 1) * stride - 2 * pad + dilation * (k - 1) + more + 1
            if sizes[axis] < 1:
                message = f"pad={pad} cuts {2 * pad} off {sizes[axis] + 2 * pad} positions along {axis}"
                raise Rejected("empty-output", message, about="pad")
        return (x.resized(c=self.out, **sizes),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        weight = Weight("weight", (x["c"], self.out // self.groups, *self.kernel))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        macs = x.values * (self.out // self.groups) * prod(self.kernel)
        return Work(macs=macs, bias_adds=y.values if self.bias else 0)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (Saved("input"),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (convolved(self.outputs(laid(x))[0].shape, x, self.weights(x)[0].shape),)

    def _convolving(self, x: TensorType) -> blocked.Convolving:
        _, stride, *_, dilation = zip(*self._sides(), strict=True)
        (y,), shape = self.outputs(laid(x)), self.weights(x)[0].shape
        found = blocked.convolving(x, y, shape, self.groups, stride, bias=self.bias, dilation=dilation)
        return replace(found, transposed=True)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        return blocked.forward(self._convolving(x))

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return blocked.backward(self._convolving(x), wanted)

    def reach(self, x: TensorType) -> Reach:
        # position o sees each i of o = i*stride - pad + dilation*j, j from 0 to k - 1: how many differs by phase
        sides = self._sides()
        slides = (_deconvolved(k, stride, pad, d) for k, stride, pad, _, d in sides)
        return Reach(dict(zip(spatial_axes(len(sides)), slides, strict=True)))

    def symbols(self, x: TensorType) -> Mapping[str, tuple[int, ...]]:
        sides = zip(*self._sides(), strict=True)
        return dict(zip(("k", "stride", "pad", "output_pad", "dilation"), sides, strict=True))

    def torch(self, x: TensorType) -> Module:
        _, stride, pad, more, dilation = zip(*self._sides(), strict=True)
        options = (
            ("stride", brief(stride), 1),
            ("padding", brief(pad), 0),
            ("output_padding", brief(more), 0),
            ("groups", self.groups, 1),
            ("bias", self.bias, True),
            ("dilation", brief(dilation), 1),
        )
        args = (("in_channels", x["c"]), ("out_channels", self.out), ("kernel_size", brief(self.kernel)))
        return Module(f"torch.nn.ConvTranspose{len(self.kernel)}d", args, options)

    def lecture(self, x: TensorType) -> Lecture:
        fan_in = "*".join(map(str, (*self.kernel, x["c"])))
        return Lecture(f"DECONV{short(self.kernel)}-{self.out}", f"({fan_in})*{self.out // self.groups}")


def _deconvolved(kernel: int, stride: int, pad: int, dilation: int) -> Slide:
    """Return what an output position sees along an axis."""
    spans: list[tuple[int, int] | None] = []
    for phase in range(stride):
        seen, rests = zip(*(divmod(phase + pad - dilation * at, stride) for at in range(kernel)), strict=True)
        taps = [place for place, rest in zip(seen, rests, strict=True) if not rest]
        spans.append((taps[-1], taps[0]) if taps else None)
    return phased(spans, Fraction(1, stride) if stride > 1 else 1, every=dilation // gcd(dilation, stride))
