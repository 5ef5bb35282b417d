"""Locally connected layers."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

from archlang.ops.base import Example, Kind, Lecture, Module, Saved, Size, Weight
from archlang.ops.borders import Border
from archlang.ops.checks import check_dtype
from archlang.ops.convolving import Unshared
from archlang.ops.course_local import unshared
from archlang.ops.layouts import Strides, contiguous, formatted, laid, viewed
from archlang.ops.parts import Course
from archlang.ops.windows import Sizes, Stride, short, slid
from archlang.shapes import TensorType

_LOCALLY_CONNECTED = '''
class LocallyConnectedRANKd(nn.Module):
    """A convolution with weights of its own at each position; `positions` are the sizes of its result.

    `border` is the padding as torch.nn.functional.pad takes it.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        positions,
        kernel_size,
        stride=(1,) * RANK,
        dilation=(1,) * RANK,
        border=(0, 0) * RANK,
        bias=True,
    ):
        super().__init__()
        self.windows = list(zip(kernel_size, stride, dilation))
        self.border = border
        self.weight = nn.Parameter(
            torch.empty(*positions, out_channels, in_channels, *kernel_size)
        )
        self.bias = None
        if bias:
            self.bias = nn.Parameter(torch.empty(out_channels, *positions))
        bound = self.weight[(0,) * (len(positions) + 1)].numel() ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x):
        if any(self.border):
            x = nn.functional.pad(x, self.border)
        for axis, (kernel, stride, dilation) in enumerate(self.windows, 2):
            x = x.unfold(axis, dilation * (kernel - 1) + 1, stride)[..., ::dilation]
        rank = len(self.windows)
        positions, out_channels = self.weight.shape[:rank], self.weight.shape[rank]
        # one product of matrices for each position: images times what its window holds
        windows = x.movedim((0, 1), (rank, rank + 1)).reshape(
            positions.numel(), x.shape[0], -1
        )
        weight = self.weight.view(positions.numel(), out_channels, -1)
        y = torch.bmm(windows, weight.mT).permute(1, 2, 0).contiguous()
        y = y.view(-1, out_channels, *positions)
        return y if self.bias is None else y + self.bias
'''


class LocallyConnected(Unshared):
    """Convolution without sharing: at each position the window has weights, and a bias, of its own (LeCun 1989).

    Gregor and LeCun 2010 (arXiv:1006.0448); Taigman et al. 2014, DeepFace. It has as many MACs as a convolution and
    h'*w' times its weights, (h', w', out, c, k, k) and a bias (out, h', w'), so that they fit one size of the input
    alone. `pad` is that of `conv`. The windows are copied into matrices for the product, which are saved for backward.

        n c h w -> n out h' w'
        h' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
        h' = floor((h + before + after - dilation*(k - 1) - 1)/stride) + 1 if before != after
        params = h'*w'*out*c*k*k + h'*w'*out
        params = h'*w'*out*c*k*k if not bias
        MACs = h'*w'*out*c*k*k
        bias_adds = h'*w'*out if bias
    """

    word: ClassVar[str] = "locally_connected"
    noted: ClassVar[str] = "local"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window", "out": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = (
        "LocallyConnected1D", "LocallyConnected2D", "LocallyConnected", "SpatialConvolutionLocal", "ConvLocal",
        "local_conv", "unshared_conv",
    )  # fmt: skip
    examples: ClassVar[tuple[Example, ...]] = (
        Example("locally_connected 3x3 4", "2x6x7"),
        Example("locally_connected 3x2/2 3 pad=1 bias=false", "2x6x5"),
        Example("locally_connected [3]/2 4 pad=[[1, 0]]", "3x9"),
        Example("locally_connected 3x3 2 pad=same dilation=2", "3x5x6"),
        Example("locally_connected 2x1x2/2 3", "2x4x3x5"),
    )

    kernel: Sizes
    out: Size
    stride: Stride = 1
    pad: Border = 0
    dilation: Stride = 1
    bias: bool = True

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        sizes = slid(x, self.word, self.geometry(x))
        check_dtype(x, self.word, weighted=True)
        return (x.resized(c=self.out, **sizes),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        n, c, *positions = self.outputs(laid(x))[0].shape
        # the product is turned, and copied into order unless a single position leaves it in order
        return ((c, 1, *[n * c] * len(positions)) if prod(positions) == 1 else contiguous((n, c, *positions)),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        positions = self.outputs(x)[0].shape[2:]
        weight = self.kernels(x, *positions)
        return (weight, Weight("bias", (self.out, *positions))) if self.bias else (weight,)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        # the windows are copied unless they have the layout that the product needs; a border is copied before them
        geometry, positions = self.geometry(x), self.outputs(x)[0].shape[2:]
        rows = (prod(positions), x.shape[0], x["c"] * prod(self.kernel))
        known, shape = laid(x), geometry.padded(laid(x))
        padded = shape != known.shape
        n, c, *sides = formatted(shape, known) if padded else known.strides
        steps = [step * side for step, side in zip(geometry.stride, sides, strict=True)]
        gaps = [gap * side for gap, side in zip(geometry.dilation, sides, strict=True)]
        windows = (*positions, shape[0], x["c"], *self.kernel)
        if viewed(windows, (*steps, n, c, *gaps), (rows[0], shape[0], rows[2])) is None:
            return (Saved("own", shape=rows, dtype=x.dtype, when="weights", name="windows"),)
        if padded:
            return (Saved("own", shape=geometry.padded(x), dtype=x.dtype, when="weights", name="padded"),)
        return (Saved("input", when="weights"),)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        (x,) = inputs
        known, geometry, (kept,) = laid(x), self.geometry(x), self.saved(x)
        copied = kept.name == "windows"
        return unshared(self, known, geometry, geometry.padded(known), self.out, copied=copied, bias=self.bias)

    def torch(self, x: TensorType) -> Module:
        positions = self.outputs(x)[0].shape[2:]
        args = (
            ("in_channels", x["c"]), ("out_channels", self.out), ("positions", positions), ("kernel_size", self.kernel)
        )  # fmt: skip
        return self.emitted("LocallyConnected", _LOCALLY_CONNECTED, x, *args)

    def lecture(self, x: TensorType) -> Lecture:
        fan_in = "*".join(map(str, (*self.kernel, x["c"])))
        units = "*".join(map(str, (*self.outputs(x)[0].shape[2:], self.out)))
        return Lecture(f"LOCAL{short(self.kernel)}-{self.out}", f"({fan_in})*({units})")
