"""What convolutions share: how their window slides, and the options of those whose class is emitted with the net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from archlang.ops.answers import Autocast, Module
from archlang.ops.borders import Border, given_borders, named_borders
from archlang.ops.sliding import Sliding
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Geometry, Sizes, Stride, check_sides, each
from archlang.shapes import TensorType


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


class EmittedConvolution(Convolution):
    """A convolution that torch lacks: its class is emitted with the net, and adds the bias in a call of its own."""

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", pad="torch accepts negative numbers, and crops")

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
