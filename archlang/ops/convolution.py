"""Convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.ops import blocked
from archlang.ops.base import Autocast, Example, Kind, Lecture, Module, Saved, Scratch, Size, Wanted, Weight, Work
from archlang.ops.borders import Border
from archlang.ops.checks import check_groups
from archlang.ops.convolving import FAR_STRIDES, Convolution
from archlang.ops.in_parts import InParts
from archlang.ops.layouts import Strides, convolved, laid
from archlang.ops.padding import Pad
from archlang.ops.parts import Part
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Sizes, Stride, brief, short
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


class Conv(InParts, Convolution):
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

    runs = replace(ONE_CALL, fresh=True, weights="any format", autocast=Autocast("lower", (("weight", "any"),)))
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
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("wrong-rank", pad="in modes other than `zeros`, torch accepts negative numbers, and crops"),
        **FAR_STRIDES,
    }

    kernel: Sizes
    out: Size
    stride: Stride = 1
    pad: Border = 0
    dilation: Stride = 1
    groups: Size = 1
    bias: bool = True
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        widest = self._widest(x)
        sizes = self.slid(x, widest)
        check_groups(x["c"], self.out, self.groups)
        for axis, border, most in zip(sizes, self.geometry(x).borders, widest or (), strict=widest is not None):
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

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        """Return none where the convolution pads by itself; for other borders torch pads a copy, even by nothing."""
        inner = self.model_copy(update={"pad": 0, "padding_mode": "zeros"})
        return (self.border_part(x), Part(inner, (1,))) if self.pads_first(x) else ()

    def pads_first(self, x: TensorType) -> bool:
        """Return whether torch pads a copy before it convolves."""
        return self.padding_mode != "zeros" or not self.geometry(x).is_even

    def border_part(self, x: TensorType) -> Part:
        before, after = zip(*self.geometry(x).borders, strict=True)
        return Part(Pad(before=before, after=after, mode=self.padding_mode), (0,), "padded")

    def saved(self, x: TensorType) -> tuple[Saved, ...] | None:
        return super().saved(x) if self.parts(x) else (Saved("input"),)  # also where the weights need no gradient

    def strides(self, x: TensorType) -> tuple[Strides, ...] | None:
        if self.parts(x):
            return super().strides(x)
        return (convolved(self.outputs(laid(x))[0].shape, x, self.weights(x)[0].shape),)

    def _convolving(self, x: TensorType) -> blocked.Convolving:
        (y,), shape, geometry = self.outputs(laid(x)), self.weights(x)[0].shape, self.geometry(x)
        return blocked.convolving(
            x, y, shape, self.groups, geometry.stride, bias=self.bias, dilation=geometry.dilation
        )  # fmt: skip

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        return blocked.forward(self._convolving(x))

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return blocked.backward(self._convolving(x), wanted)

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
