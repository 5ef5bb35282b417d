"""Convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Autocast,
    Example,
    Kind,
    Lecture,
    Module,
    Saved,
    Size,
    Temporaries,
    Weight,
    Work,
)
from archlang.ops.borders import Border, convolving
from archlang.ops.checks import check_dtype, check_groups
from archlang.ops.layouts import Strides, contiguous, convolved, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.sliding import Sliding
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Geometry, Sizes, Stride, brief, short, slid
from archlang.shapes import TensorType

# torch's own convolutions pad alike on both sides
_PADDED = '''
class PaddedConvRANKd(nn.ConvRANKd):
    """A convolution of values that are padded first, not alike on both sides.

    `border` is as torch.nn.functional.pad takes it.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        border,
        padding_mode="zeros",
        **options,
    ):
        super().__init__(in_channels, out_channels, kernel_size, **options)
        self.border = border
        self.border_mode = "constant" if padding_mode == "zeros" else padding_mode

    def forward(self, x):
        return super().forward(nn.functional.pad(x, self.border, self.border_mode))
'''


_DEPTHWISE = "`conv 3x3 (it.channels) groups=it.channels`"


class Conv(Sliding):
    """Convolution over the last one to three axes, as many as the window has sides (LeCun et al. 1998).

    Weights (out, c/groups, k, k) and a bias. `pad` is one number, one for each axis, or for an axis two numbers, before
    and after: `pad=[[0, 1], 2]`. `same` is half the kernel on each side, whatever the stride. `same_upper` and
    `same_lower` pad as little as gives ceil(h/stride) positions, an odd rest after or before (ONNX's names;
    TensorFlow's `SAME` is the first). `causal`, for sequences, pads only at the beginning. `valid` does not pad.

        n c h w -> n out h' w'
        h' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
        h' = floor((h + before + after - dilation*(k - 1) - 1)/stride) + 1 if before != after
        params = out*(c/groups)*k*k + out
        params = out*(c/groups)*k*k if not bias
        MACs = h'*w'*out*(c/groups)*k*k
        bias_adds = h'*w'*out if bias
    """

    runs = replace(ONE_CALL, weights="any format")
    word: ClassVar[str] = "conv"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window", "out": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Conv1d", "Conv2d", "Conv3d", "Conv2D", "Convolution", "convolution")
    akin: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("DepthwiseConv2D", "depthwise_conv", "depthwise", "dwconv"), f"it is {_DEPTHWISE}"),
        **dict.fromkeys(("SeparableConv2D", "separable_conv"), f"it is {_DEPTHWISE}, then `conv 1x1 64`"),
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example("conv 5x5 6", "1x32x32"),
        Example("conv 3x3/2 8 pad=same bias=false", "3x9x12"),
        Example("conv 3x1 4 pad=[1, 0] dilation=2", "2x9x9"),
        Example("conv 3x3 8 pad=1 groups=4 padding_mode=reflect", "4x6x6"),
        Example("conv [5]/2 6", "3x20"),
        Example("conv 3x3x3 4 pad=1", "2x5x6x7"),
        Example("conv 3x3/2 8 pad=same_upper", "3x8x9"),
        Example("conv [2] 4 pad=causal dilation=4", "3x9"),
        Example("conv 2x3 4 pad=[[0, 1], 1] padding_mode=replicate", "2x5x6"),
    )
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-rank", pad="in modes other than `zeros`, torch accepts negative numbers, and crops"
    )

    kernel: Sizes
    out: Size
    stride: Stride = 1
    pad: Border = 0
    dilation: Stride = 1
    groups: Size = 1
    bias: bool = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    def geometry(self, x: TensorType) -> Geometry:
        return convolving(x, self.word, self.kernel, self.stride, self.pad, self.dilation)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        geometry, widest = self.geometry(x), self._widest(x)
        sizes = slid(x, self.word, geometry, widest)
        check_dtype(x, self.word, weighted=True)
        check_groups(x["c"], self.out, self.groups)
        for axis, border, most in zip(sizes, geometry.borders, widest or (), strict=widest is not None):
            if max(border) > most:
                message = f"{self.padding_mode} padding of {x} must be at most {most} along {axis}, not {max(border)}"
                raise Rejected("padding-too-wide", message, about="pad")
        return (x.resized(c=self.out, **sizes),)

    def _widest(self, x: TensorType) -> tuple[int, ...] | None:
        """Return the widest padding: a reflected border repeats values behind the edge, a circular one at most all."""
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
        geometry = self.geometry(x)
        if self.padding_mode == "zeros" and geometry.is_even:
            return (Saved("input"),)  # for any gradient, even if the weights need none
        # torch pads in a separate call, even by 0, and convolves the padded copy. Reflecting and replicating also save
        # the input; padding with zeros or in a circle does not
        padded = Saved("own", shape=geometry.padded(x), dtype=x.dtype, name="padded")
        return (padded,) if self.padding_mode in ("zeros", "circular") else (Saved("input", when="inputs"), padded)

    def temporaries(self, x: TensorType) -> Temporaries | None:
        padded = TensorType(self.geometry(x).padded(x), x.axes, x.dtype)
        return () if self._pads_within(x) else ((padded,),)

    def backward_in_one_call(self, x: TensorType) -> bool | None:
        return True if self._pads_within(x) else None

    def _pads_within(self, x: TensorType) -> bool:
        """Return whether the convolution pads by itself. For other borders torch has a padding call before it."""
        return self.padding_mode == "zeros" and self.geometry(x).is_even

    def strides(self, x: TensorType) -> tuple[Strides]:
        known, weight = laid(x), self.weights(x)[0].shape
        shape = self.outputs(known)[0].shape
        if self.padding_mode == "circular":  # torch convolves a contiguous copy
            known = replace(known, strides=contiguous(known.shape))
        return (convolved(shape, known, weight),)

    def autocast(self, x: TensorType) -> Autocast:
        # a separate padding call runs in the dtype of the input, or in float32
        return Autocast("lower", (("weight", "any"),), known="all" if self._pads_within(x) else "result")

    def torch(self, x: TensorType) -> Module:
        geometry, rank = self.geometry(x), len(self.kernel)
        args = (("in_channels", x["c"]), ("out_channels", self.out), ("kernel_size", brief(self.kernel)))
        options = (
            ("stride", brief(geometry.stride), 1),
            ("dilation", brief(geometry.dilation), 1),
            ("groups", self.groups, 1),
            ("bias", self.bias, True),
            ("padding_mode", self.padding_mode, "zeros"),
        )
        if geometry.is_even:
            stride, *rest = options
            return Module(f"torch.nn.Conv{rank}d", args, (stride, ("padding", brief(geometry.pad), 0), *rest))
        border = (("border", geometry.torch_border),)
        return Module(f"PaddedConv{rank}d", (*args, *border), options, _PADDED.replace("RANK", str(rank)))

    def lecture(self, x: TensorType) -> Lecture:
        fan_in = "*".join(map(str, (*self.kernel, x["c"] // self.groups)))
        return Lecture(f"CONV{short(self.kernel)}-{self.out}", f"({fan_in})*{self.out}")
