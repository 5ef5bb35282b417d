"""Unpooling: values put back into a larger map, zeros around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Kind, Module, Natural, Operator, Reach, Saved, Size, Slide, Work
from archlang.ops.checks import check_channels, check_dtype
from archlang.ops.layouts import Strides, contiguous, formatted, laid, unsqueezed
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Sizes, Stride, brief, check_sides, each, listed
from archlang.shapes import TensorType, Window, spatial_axes

_BED_OF_NAILS = '''
class BedOfNails(nn.Module):
    """Each value in the corner of a square of zeros."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        y = x.new_zeros(*x.shape[:2], *(self.factor * size for size in x.shape[2:]))
        y[(..., *[slice(None, None, self.factor)] * (x.dim() - 2))] = x
        return y
'''


class MaxUnpool(Operator):
    """Each value at the position that its index gives, zeros elsewhere: undoes a max pool (Zeiler and Fergus 2013).

    Noh et al. 2015. It takes two values: the map, and the indices that `maxpool ... indices=true` returned, of the same
    shape. Kernel, stride and pad are those of the pool. Maps of several sizes pool to one size: `size` says which it
    was. The receptive field assumes the indices of such a pool. No weights, no MACs.

        h' = (h - 1)*stride - 2*pad + k if size is None
        h' = size if size is not None
        moved = c*h'*w'
    """

    runs = replace(ONE_CALL, autocast="float32")
    word: ClassVar[str] = "max_unpool"
    noted: ClassVar[str] = "max unpool"
    family: ClassVar[str] = "upsampling"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window"}
    arity: ClassVar[tuple[int, ...]] = (2,)
    elsewhere: ClassVar[tuple[str, ...]] = ("MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "MaxUnpool", "unpool")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("max_unpool 2x2/2", "3x4x5, 3x4x5 int64"),
        Example("max_unpool 3x3/2 pad=1", "2x4x4, 2x4x4 int64"),
        Example("max_unpool 2x2 size=[7, 9]", "2x3x4, 2x3x4 int64"),
        Example("max_unpool [3]/2", "3x6, 3x6 int64"),
        Example("max_unpool 2x2x2", "2x2x3x2, 2x2x3x2 int64"),
        Example("max_unpool 2x2x2 size=[3, 4, 2]", "2x1x2x1, 2x1x2x1 int64"),
    )

    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("wrong-dtype", "wrong-rank", "unequal-shapes"),
        **dict.fromkeys(
            ("pool-padding", "unequal-sizes", "kernel", "stride", "pad"), "torch unpools what no pool has given"
        ),
    }

    open_arguments: ClassVar[tuple[str, ...]] = ("size",)
    alike: ClassVar[tuple[str, int] | None] = ("size", 2)

    kernel: Sizes
    stride: Stride | None = None
    pad: Natural | tuple[Natural, ...] = 0
    size: Sizes | None = None

    def _stride(self) -> tuple[int, ...]:
        return self.kernel if self.stride is None else each(self.stride, len(self.kernel), "stride")

    def _pad(self) -> tuple[int, ...]:
        pad = each(self.pad, len(self.kernel), "pad")
        for k, width in zip(self.kernel, pad, strict=True):
            if width > k // 2:
                message = f"a pool's pad is at most half its window: {width} is over {k}/2"
                raise Rejected("pool-padding", message, about="pad")
        return pad

    def _wanted(self, x: TensorType) -> tuple[int, ...]:
        """Return the sizes of the result, side by side."""
        rank = len(self.kernel)
        check_sides(rank)
        sizes, pads = x.spatial(rank, self.word), self._pad()
        sides = list(zip(sizes, self.kernel, self._stride(), pads, strict=True))
        usual = tuple((size - 1) * stride - 2 * pad + k for size, k, stride, pad in sides)
        if self.size is None:
            if min(usual) < 1:
                message = f"nothing is left of {x} unpooled with pad={listed(brief(pads))}"
                raise Rejected("output-pad-too-wide", message, about="pad")
            return usual
        for at, wanted in enumerate(each(self.size, rank, "size")):
            size, _, stride, pad = sides[at]
            fewest, most = max((size - 1) * stride - pad, usual[at] - stride) + 1, usual[at] + stride - 1
            if not fewest <= wanted <= most:
                message = f"a pool with {size} outputs along {spatial_axes(rank)[at]} has {fewest} to {most} inputs"
                raise Rejected("unequal-sizes", f"{message}, but `size` is {wanted}", about="size")
        return self.size

    def outputs(self, x: TensorType, places: TensorType) -> tuple[TensorType]:
        wanted = self._wanted(x)
        check_dtype(x, self.word)
        if places.dtype != "int64":
            message = f"max_unpool takes indices as its second value, which are int64, but {places} is {places.dtype}"
            help = "`maxpool 2x2/2 indices=true` gives them as its second value"
            raise Rejected("wrong-dtype", message, help=help, about="input")
        if (places.shape, places.axes) != (x.shape, x.axes):
            message = f"max_unpool takes an index for each value, but the shapes differ: {x} and {places}"
            raise Rejected("unequal-shapes", message, about="input")
        return (TensorType((*x.shape[:2], *wanted), x.axes, x.dtype),)

    def take_positions(self, sizes: tuple[int, ...], x: TensorType, places: TensorType) -> None:
        wanted = self._wanted(x)
        if wanted == sizes:
            return
        about = "size" if self.size is not None else "input"
        message = f"the indices are positions in {Window(sizes)}, but max_unpool gives {Window(wanted)} here"
        raise Rejected("unequal-sizes", message, help=self._sized(sizes, x, places), about=about)

    def _sized(self, sizes: tuple[int, ...], x: TensorType, places: TensorType) -> str | None:
        """Return the step with the wanted size, if a pool with these arguments can have had it."""
        try:
            MaxUnpool(kernel=self.kernel, stride=self.stride, pad=self.pad, size=sizes).outputs(x, places)
        except Rejected:
            return None
        stride = f"/{brief(self._stride())}" if self.stride is not None else ""
        pad = f" pad={brief(self._pad())}" if any(self._pad()) else ""
        return f"write `{self.word} {Window(self.kernel)}{stride}{pad} size={list(sizes)}`"

    def work(self, x: TensorType, places: TensorType) -> Work:
        return Work(moved=self.outputs(x, places)[0].values)

    def saved(self, x: TensorType, places: TensorType) -> tuple[Saved, ...]:
        return (Saved("input", 1, when=(0,)),)

    def viewed_gradients(self, x: TensorType, places: TensorType) -> tuple[int]:
        return (0,)

    def strides(self, x: TensorType, places: TensorType) -> tuple[Strides]:
        known = laid(x)
        shape = self.outputs(known, laid(places))[0].shape
        if len(shape) == 5:
            return (contiguous(shape),)
        if len(shape) == 3:  # torch unpools n c t as n c t 1
            return (formatted((*shape, 1), unsqueezed(known, 3))[:3],)
        return (formatted(shape, known),)

    def reach(self, x: TensorType, places: TensorType) -> Reach:
        rank = len(self.kernel)
        sides = zip(self.kernel, self._stride(), self._pad(), strict=True)
        # position i is covered by the windows that start from i + pad - (k - 1) to i + pad
        slides = [Slide(1 + Fraction(k - 1, s), Fraction(1, s), Fraction(k - 1 - pad, s)) for k, s, pad in sides]
        return Reach(dict(zip(spatial_axes(rank), slides, strict=True)))

    def symbols(self, x: TensorType, places: TensorType) -> Mapping[str, tuple[int, ...]]:
        return {"k": self.kernel, "stride": self._stride(), "pad": self._pad()}

    def torch(self, x: TensorType, places: TensorType) -> Module | Expression:
        rank = len(self.kernel)
        pad = brief(self._pad())
        if self.size is not None:
            window = f"{brief(self.kernel)}, {brief(self._stride())}, {pad}, {list(self.size)}"
            return Expression(f"torch.nn.functional.max_unpool{rank}d({{0}}, {{1}}, {window})")
        options = (("stride", brief(self._stride()), brief(self.kernel)), ("padding", pad, 0))
        return Module(f"torch.nn.MaxUnpool{rank}d", (("kernel_size", brief(self.kernel)),), options)


class BedOfNails(Operator):
    """Each value in the first corner of a square of zeros, `factor` long on each side.

    Dosovitskiy, Springenberg and Brox 2014 (arXiv:1411.5928); CS231n calls it a bed of nails. No weights, no MACs.

        n c h w -> n c h' w'
        h' = factor*h
        moved = c*h'*w'
    """

    runs = replace(ONE_CALL, saved="nothing", autocast="given", scratch=1)
    word: ClassVar[str] = "bed_of_nails"
    family: ClassVar[str] = "upsampling"
    positional: ClassVar[Mapping[str, Kind]] = {"factor": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("BedOfNails", "nails", "zero_upsample", "dilate")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("bed_of_nails 2", "3x4x5"),
        Example("bed_of_nails 3", "2x4"),
        Example("bed_of_nails 2", "2x2x3x4"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", "wrong-rank")

    factor: Size

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels(x, self.word, 1)
        check_dtype(x, self.word)
        return (x.resized(**{axis: self.factor * x[axis] for axis in x.axes[2:]}),)

    def work(self, x: TensorType) -> Work:
        return Work(moved=self.outputs(x)[0].values)

    def reach(self, x: TensorType) -> Reach:
        return Reach(dict.fromkeys(x.axes[2:], Slide(1, Fraction(1, self.factor))))  # the zeros between see nothing

    def torch(self, x: TensorType) -> Module:
        return Module("BedOfNails", (("factor", self.factor),), source=_BED_OF_NAILS)
