"""What convolutions share: how their window slides, and the options of those whose class is emitted with the net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, ClassVar

from archlang.ops.answers import Autocast, Module, Saved, Weight, Work
from archlang.ops.borders import Border, given_borders, named_borders
from archlang.ops.checks import check_dtype
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.sliding import Sliding
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Geometry, Sizes, Stride, check_sides, check_steps, each, slid
from archlang.shapes import TensorType

FAR_STRIDES = {"out-of-range": "torch takes a stride far beyond the map, and may crash in its backward pass"}


class Convolution(Sliding):
    """A convolution over the last one to three axes, as many as its window has sides.

    `same` pads by half the kernel on each side, whatever the stride; `same_upper` and `same_lower` pad as little as
    gives ceil(h/stride) positions, an odd rest after or before (ONNX's names; TensorFlow's `SAME` is the first);
    `causal` pads so that no position sees a later one.
    """

    family: ClassVar[str] = "convolution"

    if TYPE_CHECKING:  # each operator declares its arguments in the order in which they are written
        kernel: Sizes
        stride: Stride
        pad: Border
        dilation: Stride
        bias: bool

    def geometry(self, x: TensorType) -> Geometry:
        rank = len(self.kernel)
        check_sides(rank)
        steps, gaps = each(self.stride, rank, "stride"), each(self.dilation, rank, "dilation")
        if isinstance(self.pad, str):
            borders = named_borders(self.pad, x.spatial(rank, self.word), self.kernel, steps, gaps)
        else:
            borders = given_borders(self.pad, rank)
        before, after = zip(*borders, strict=True)
        return Geometry(self.kernel, steps, before, gaps, after=after)

    def slid(self, x: TensorType, widest: Sequence[int] | None = None) -> dict[str, int]:
        """Return the sizes, by axis, of the map that torch's convolution makes of `x`. See `windows.slid`.

        Raises `Rejected` if the window does not fit, a stride leads far beyond the map, or the dtype is wrong.
        """
        geometry = self.geometry(x)
        sizes = slid(x, self.word, geometry, widest)
        check_steps(x, geometry)
        check_dtype(x, self.word, weighted=True)
        return sizes


class EmittedConvolution(Convolution):
    """A convolution that torch lacks: its class is emitted with the net, and adds the bias in a call of its own."""

    runs = replace(SEVERAL_CALLS, weights="any format")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", pad="torch accepts negative numbers, and crops")

    def padded_input(self, x: TensorType) -> Saved:
        """Return what is saved of the input: the input, or the copy with its border."""
        shape = self.geometry(x).padded(x)
        return Saved("input") if shape == x.shape else Saved("own", shape=shape, dtype=x.dtype, name="padded")

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("float32" if self.bias else "lower", known="result")

    def emitted(
        self, name: str, source: str, x: TensorType, *args: tuple[str, object],
        further: Sequence[tuple[str, object, object]] = (),
    ) -> Module:  # fmt: skip
        """Return the module of the class with this source, in which RANK is the number of sides.

        Its options are the stride, the dilation, the border, whether there is a bias, and `further` ones.
        """
        geometry, rank = self.geometry(x), len(self.kernel)
        ones, border = (1,) * rank, geometry.torch_border
        sliding = (
            ("stride", geometry.stride, ones), ("dilation", geometry.dilation, ones),
            ("border", border, (0,) * len(border)),
        )  # fmt: skip
        options = (*sliding, ("bias", self.bias, True), *further)
        return Module(f"{name}{rank}d", args, options, source.replace("RANK", str(rank)))


class Unshared(EmittedConvolution):
    """A convolution with a kernel of all input channels for each of `out` maps, which not all positions share."""

    if TYPE_CHECKING:
        out: int

    def kernels(self, x: TensorType, *times: int) -> Weight:
        """Return the weights: so many times the kernels of a convolution, each drawn by its own fans."""
        size = prod(self.kernel)
        fans = (x["c"] * size, self.out * size)
        return Weight("weight", (*times, self.out, x["c"], *self.kernel), fans=fans)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(macs=y.values * x["c"] * prod(self.kernel), bias_adds=y.values if self.bias else 0)
