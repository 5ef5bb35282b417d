"""Maps made larger or smaller without weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.open_numbers import is_open
from archlang.ops.base import (
    Example,
    Expression,
    Kind,
    Module,
    Operator,
    Reach,
    Scratch,
    Size,
    Work,
)
from archlang.ops.checks import check_channels, check_dtype
from archlang.ops.functional import functional
from archlang.ops.interpolation import NEIGHBOURS, Interpolation, Mode
from archlang.ops.layouts import Strides, formatted, is_channels_last, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.sized import as_one
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Sizes, brief, sized
from archlang.shapes import TensorType, spatial_axes

_SIDES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


SMALL = 128  # height and width together, up to which torch interpolates maps with the channels innermost


class _Resample(Operator):
    """What both share: a mode, and whether the corners coincide."""

    family: ClassVar[str] = "upsampling"
    runs = replace(ONE_CALL, fresh=True, saved="nothing", autocast="given")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "wrong-dtype")

    mode: Mode = "nearest"
    align_corners: bool = False

    def _wanted(self, x: TensorType) -> tuple[int, ...]:
        raise TypeError(f"{type(self).__name__} does not say its output sizes")

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels(x, self.word, 1)
        check_dtype(x, self.word)
        wanted = self._wanted(x)
        sides = _SIDES.get(self.mode, len(wanted))
        if sides != len(wanted):
            message = f"mode={self.mode} is for n c {' '.join(spatial_axes(sides))}, but the input {x} has {x.names}"
            fitting = [mode for mode, count in _SIDES.items() if count == len(wanted)]
            help = f"write mode={fitting[0]}" if fitting else None
            raise Rejected("mode-rank", message, help=help, about="mode")
        if self.align_corners and NEIGHBOURS[self.mode] == 1:
            message = f"`align_corners` is for modes that interpolate, but mode={self.mode} copies values"
            raise Rejected("align-corners-of-nearest", message, about="align_corners")
        return (x.resized(**dict(zip(x.axes[2:], wanted, strict=True))),)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        near = NEIGHBOURS[self.mode]
        return Work(moved=y.values) if near == 1 else Work(elementwise=y.values * (2 * near - 1))

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (formatted(self.outputs(laid(x))[0].shape, x),)

    def reach(self, x: TensorType) -> Reach:
        sides = zip(x.axes[2:], x.shape[2:], self._wanted(x), strict=True)
        rule = Interpolation(self.mode, self.align_corners)
        return Reach({axis: rule.seen(size, wanted) for axis, size, wanted in sides})

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        (y,) = self.outputs(x)
        is_small = len(x.shape) == 4 and sum(y.shape[2:]) <= SMALL and self.mode != "bicubic"
        return (x, y) if is_small and not is_channels_last(laid(x)) else ()  # both with the channels innermost

    @property
    def _options(self) -> tuple[tuple[str, object, object], ...]:
        return (("mode", self.mode.replace("_", "-"), "nearest"), ("align_corners", self.align_corners or None, None))

    def _module(self, name: str, value: object) -> Module:
        return Module("torch.nn.Upsample", (), ((name, value, None), *self._options))


class Upsample(_Resample):
    """The map enlarged by `factor` along each axis: values repeated, or interpolated with another `mode`.

    An interpolated value takes a product for each neighbour, and their sum. No weights, no MACs.

        n c h w -> n c h' w'
        h' = factor*h
    """

    word: ClassVar[str] = "upsample"
    positional: ClassVar[Mapping[str, Kind]] = {"factor": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Upsample", "UpSampling2D", "UpsamplingNearest2d", "UpsamplingBilinear2d")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("upsample 2", "3x4x5"),
        Example("upsample 3 mode=bilinear", "2x3x4"),
        Example("upsample 2 mode=bilinear align_corners=true", "2x3x4"),
        Example("upsample 2 mode=bicubic", "2x5x4"),
        Example("upsample 2 mode=linear", "3x7"),
        Example("upsample 3 mode=nearest_exact", "2x3x4"),
        Example("upsample 2 mode=trilinear", "2x2x3x4"),
    )

    factor: Size

    def _wanted(self, x: TensorType) -> tuple[int, ...]:
        return tuple(self.factor * size for size in x.shape[2:])

    def torch(self, x: TensorType) -> Module:
        self.outputs(x)
        return self._module("scale_factor", self.factor)


class Resize(_Resample):
    """The map at another size: the nearest values, or interpolated values with another `mode`.

    `resize like=x` gives it the size of another map x. mode=nearest takes the value at floor(i*h/h'), as OpenCV does;
    mode=nearest_exact the one nearest to the middle, at floor((i + 1/2)*h/h'), as Pillow does. torch's mode=area is
    `adaptive_avgpool`. An interpolated value takes a product for each neighbour, and their sum. No weights, no MACs.

        n c h w -> n c h' w'
        h' = size
    """

    word: ClassVar[str] = "resize"
    positional: ClassVar[Mapping[str, Kind]] = {"size": "window"}
    elsewhere: ClassVar[tuple[str, ...]] = ("interpolate", "Resizing")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("resize 7x9", "3x4x5"),
        Example("resize 3x8 mode=bilinear", "2x6x4"),
        Example("resize 6x6 mode=bicubic align_corners=true", "2x3x4"),
        Example("resize [9] mode=linear", "3x7"),
        Example("resize 4x3x5", "2x2x3x4"),
        Example("resize 4x9 mode=nearest_exact", "2x6x5"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("size",)
    alike: ClassVar[tuple[str, int] | None] = ("size", 2)

    size: Sizes

    def _wanted(self, x: TensorType) -> tuple[int, ...]:
        return sized(x, self.size, self.word)

    def torch(self, x: TensorType) -> Module | Expression:
        if not is_open(self._wanted(x)):
            return self._module("size", brief(self.size))
        return functional("interpolate", f"{{0}}, size={as_one(self.size)}", self._options)
