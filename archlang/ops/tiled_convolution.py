"""Tiled convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops import blocked
from archlang.ops.base import (
    Autocast,
    Example,
    Kind,
    Lecture,
    Module,
    Saved,
    Scratch,
    Size,
    Wanted,
    Weight,
)
from archlang.ops.borders import Border
from archlang.ops.convolving import FAR_STRIDES, Unshared
from archlang.ops.layouts import laid
from archlang.ops.windows import Sizes, Stride, each, short
from archlang.shapes import TensorType, param_type

_TILED_CONV = '''
class TiledConvRANKd(nn.Module):
    """A convolution whose kernels take turns: position i has the kernel of i % tile, along each axis.

    `border` is the padding as torch.nn.functional.pad takes it.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        tile,
        stride=(1,) * RANK,
        dilation=(1,) * RANK,
        border=(0, 0) * RANK,
        bias=True,
    ):
        super().__init__()
        self.tile, self.stride = tile, stride
        self.dilation, self.border = dilation, border
        self.extent = [gap * (size - 1) + 1 for gap, size in zip(dilation, kernel_size)]
        self.weight = nn.Parameter(
            torch.empty(*tile, out_channels, in_channels, *kernel_size)
        )
        self.bias = nn.Parameter(torch.empty(*tile, out_channels)) if bias else None
        bound = self.weight[(0,) * (len(tile) + 1)].numel() ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x):
        if any(self.border):
            x = nn.functional.pad(x, self.border)
        sides = zip(x.shape[2:], self.extent, self.stride)
        positions = [(size - extent) // step + 1 for size, extent, step in sides]
        y = x.new_empty(x.shape[0], self.weight.shape[len(self.tile)], *positions)
        stride = [step * count for step, count in zip(self.stride, self.tile)]
        turns = [()]
        for count in self.tile:
            turns = [(*turn, at) for turn in turns for at in range(count)]
        for turn in turns:
            seen = tuple(slice(at * step, None) for at, step in zip(turn, self.stride))
            made = tuple(slice(at, None, count) for at, count in zip(turn, self.tile))
            bias = None if self.bias is None else self.bias[turn]
            y[(..., *made)] = nn.functional.convRANKd(
                x[(..., *seen)], self.weight[turn], bias, stride, dilation=self.dilation
            )
        return y
'''


class TiledConv(Unshared):
    """Convolution whose kernels take turns: along each axis every `tile`-th position shares one (Le et al. 2010).

    `conv` has a tile of 1, `locally_connected` a tile of all positions; this is between them. Le et al. 2010,
    "Tiled convolutional neural networks"; Goodfellow et al. 2016, "Deep learning", section 9.5, where biases are tiled
    as kernels are. Weights (tile, tile, out, c, k, k) and a bias (tile, tile, out). `pad` is that of `conv`.

        n c h w -> n out h' w'
        h' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
        h' = floor((h + before + after - dilation*(k - 1) - 1)/stride) + 1 if before != after
        params = tile*tile*out*c*k*k + tile*tile*out
        params = tile*tile*out*c*k*k if not bias
        MACs = h'*w'*out*c*k*k
        bias_adds = h'*w'*out if bias
    """

    word: ClassVar[str] = "tiled_conv"
    noted: ClassVar[str] = "tiled conv"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window", "out": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("TiledConv2d", "TiledConv", "TiledConvolution", "tiled_convolution")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("tiled_conv 3x3 4 tile=2", "2x6x7"),
        Example("tiled_conv 3x2/2 3 tile=[2, 1] pad=1 bias=false", "2x7x5"),
        Example("tiled_conv [3] 4 tile=3 pad=causal dilation=2", "3x9"),
        Example("tiled_conv 2x1x2 3 tile=2 pad=[0, 1, [0, 1]]", "2x4x3x5"),
    )

    stricter: ClassVar[Mapping[str, str]] = {**Unshared.stricter, **FAR_STRIDES}

    kernel: Sizes
    out: Size
    tile: Stride
    stride: Stride = 1
    pad: Border = 0
    dilation: Stride = 1
    bias: bool = True

    def _tile(self) -> tuple[int, ...]:
        return each(self.tile, len(self.kernel), "tile")

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        sizes = self.slid(x)
        for (axis, size), count in zip(sizes.items(), self._tile(), strict=True):
            if count > size:
                message = f"`tile` {count} needs {count} positions along {axis}, but there are {size}"
                raise Rejected("out-of-range", message, about="tile")
        return (x.resized(c=self.out, **sizes),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        weight = self.kernels(x, *self._tile())
        return (weight, Weight("bias", (*self._tile(), self.out))) if self.bias else (weight,)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (self.padded_input(x),)

    def _first(self, x: TensorType) -> blocked.Convolving:
        """Return the convolution of the first kernel, which sees and makes the most."""
        shape, (y,) = self.geometry(x).padded(x), self.outputs(x)
        made = (-(-size // count) for size, count in zip(y.shape[2:], self._tile(), strict=True))
        weight = (self.out, x["c"], *self.kernel)
        seen, part = replace(x, shape=shape), replace(y, shape=(*y.shape[:2], *made))
        return blocked.convolving(seen, part, weight, 1, (2,), bias=self.bias)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        """Return an upper bound: the padded map, a copy of what one kernel sees, what it makes, its scratch."""
        of = self._first(laid(x))
        padded = of.x if of.x.shape != laid(x).shape else of.x.resized(n=0)
        return (padded, of.x, of.y, *blocked.forward(of))

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        """Return an upper bound: gradients of the whole for one kernel, as each part is added in a tensor of zeros.

        They are two copies of the result's gradient and two of the weights; of the input a copy, the gradient of what
        one kernel sees, and two of the whole; and the scratch of a convolution.
        """
        (y,), of = self.outputs(laid(x)), self._first(laid(x))
        weights = [param_type(one.shape, one.dtype) for one in self.weights(x)] if wanted.weights else []
        seen = (of.x,) * (4 if wanted.inputs[0] else 1)
        return (y, y, of.y, *seen, *weights, *weights, *blocked.backward(of, wanted))

    def symbols(self, x: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        return {**super().symbols(x), "tile": self._tile()}

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("given", known="result")  # each convolution's result is copied into a tensor of x's dtype

    def torch(self, x: TensorType) -> Module:
        args = (
            ("in_channels", x["c"]), ("out_channels", self.out), ("kernel_size", self.kernel), ("tile", self._tile())
        )  # fmt: skip
        return self.emitted("TiledConv", _TILED_CONV, x, *args)

    def lecture(self, x: TensorType) -> Lecture:
        fan_in = "*".join(map(str, (*self.kernel, x["c"])))
        return Lecture(f"TILED{short(self.kernel)}-{self.out}", f"({fan_in})*{self.out}*{prod(self._tile())}")
