"""Pooling with windows of one size: the largest or the mean value under each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Autocast, Example, Module, Saved, Work
from archlang.ops.checks import check_dtype
from archlang.ops.layouts import Strides, averaged, laid, pooled
from archlang.ops.pool_borders import PoolBorder, check_half, pooling, refuse_uneven
from archlang.ops.runs import ONE_CALL
from archlang.ops.sliding import Pool
from archlang.ops.windows import Geometry, Stride, brief, check_inside, slid
from archlang.shapes import TensorType


class _Bordered(Pool):
    """A pool of torch that pads the map."""

    runs = ONE_CALL

    pad: PoolBorder = 0
    ceil: bool = False

    def geometry(self, x: TensorType) -> Geometry:
        stride = self.kernel if self.stride is None else self.stride
        geometry = pooling(x, self.word, self.kernel, stride, self.pad, getattr(self, "dilation", 1), self.ceil)
        refuse_uneven(geometry, x, self.word, self.pad, *self.border)
        return geometry

    @property
    def border(self) -> tuple[bool, str | None]:
        """Whether the border counts as zeros, and the arguments of a `pad` that makes the same border, if one does."""
        raise TypeError(f"{type(self).__name__} does not say what its border is")

    def symbols(self, x: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        geometry = self.geometry(x)
        return {**geometry.symbols, "ceil": geometry.ceil}

    def _slid(self, x: TensorType, geometry: Geometry) -> tuple[TensorType]:
        check_half(geometry)
        # a dilated window may cover only padding, so no padding is proposed for it
        widest = [k // 2 if d == 1 else 0 for k, d in zip(self.kernel, geometry.dilation, strict=True)]
        return (x.resized(**slid(x, self.word, geometry, widest)),)

    def _module(self, name: str, geometry: Geometry, *more: tuple[str, object, object]) -> Module:
        options = (("stride", brief(geometry.stride), brief(self.kernel)), ("padding", brief(geometry.pad), 0), *more)
        args = (("kernel_size", brief(self.kernel)),)
        return Module(f"torch.nn.{name}{len(self.kernel)}d", args, (*options, ("ceil_mode", geometry.ceil, False)))

    def viewed_gradients(self, x: TensorType) -> tuple[int, ...]:
        return (0,) if len(x.axes) == 3 else ()  # torch pools a map of height 1

    def strides(self, x: TensorType) -> tuple[Strides, ...]:
        return tuple(pooled(y.shape, laid(x)) for y in self.outputs(laid(x)))

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("given" if len(x.shape) < 5 else "float32")


def _refuse_blind_windows(x: TensorType, y: TensorType, geometry: Geometry) -> None:
    """Refuse dilated windows if one of them covers only padding.

    torch gives such a window an index outside the map, and its backward pass writes there.
    """
    if set(geometry.dilation) == {1} or not any(geometry.pad):
        return
    sides = zip(
        x.shape[2:], y.shape[2:], geometry.kernel, geometry.stride, geometry.pad, geometry.dilation, strict=True
    )
    for size, positions, k, stride, pad, dilation in sides:
        for first in range(-pad, min(positions * stride - pad, 0), stride):
            if not any(0 <= first + at * dilation < size for at in range(k)):
                message = f"of {size} values, a window of {k} with pad={pad} and dilation={dilation} sees none"
                raise Rejected("pool-padding", message, about="pad")


class MaxPool(_Bordered):
    """The largest value under each window. No weights, no MACs.

    `pad` is one number, one for each axis, or a rule, as of `conv`: `same` is half the window, `same_upper` and
    `same_lower` as little as gives ceil(h/stride) positions. The border never is the largest.

    With `ceil=true` the last window may extend beyond the end, unless it would start in the padding. `indices=true`
    adds a second output: the position of each largest value in its map, counted row by row, which `max_unpool` takes.

        n c h w -> n c h' w'
        h' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
        h' = min(ceil((h + 2*pad - dilation*(k - 1) - 1)/stride), ceil((h + pad)/stride) - 1) + 1 if ceil
        comparisons = c*h'*w'*(k*k - 1)
    """

    word: ClassVar[str] = "maxpool"
    noted: ClassVar[str] = "max pool"
    stricter: ClassVar[Mapping[str, str]] = {
        **Pool.stricter,
        "pool-padding": "torch returns an index outside the map for a window of padding alone",
    }
    elsewhere: ClassVar[tuple[str, ...]] = ("MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxPooling2D", "max_pool")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("maxpool 2x2/2", "3x8x8"),
        Example("maxpool 3x3/2 pad=1", "2x9x7"),
        Example("maxpool 3x3/2 ceil=true", "2x8x8"),
        Example("maxpool 3x3/2 pad=same_upper", "2x8x9"),
        Example("maxpool 2x2/1 dilation=2", "2x6x6"),
        Example("maxpool [2]", "3x9"),
        Example("maxpool 2x2x2", "2x4x5x6"),
        Example("maxpool 2x2/2 indices=true", "3x8x8"),
        Example("maxpool [3]/2 indices=true", "3x9"),
        Example("maxpool 2x2x2 indices=true", "2x4x5x6"),
    )

    dilation: Stride = 1
    indices: bool = False

    def outputs(self, x: TensorType) -> tuple[TensorType, ...]:
        geometry = self.geometry(x)
        (y,) = self._slid(x, geometry)
        _refuse_blind_windows(x, y, geometry)
        check_dtype(x, self.word, integers=len(self.kernel) > 1)  # only torch's MaxPool1d is for floats alone
        return (y, TensorType(y.shape, y.axes, "int64")) if self.indices else (y,)

    def autocast(self, x: TensorType) -> Autocast:
        # torch casts max_pool3d, but not the call that gives indices too
        return Autocast("given") if self.indices else super().autocast(x)

    @property
    def border(self) -> tuple[bool, str | None]:
        # a value of the edge that is repeated is no larger than the edge, which the window sees too
        return False, " mode=replicate" if self.dilation == 1 and not self.indices else None

    def positions_in(self, x: TensorType) -> tuple[int, ...] | None:
        return x.shape[2:] if self.indices else None

    def work(self, x: TensorType) -> Work:
        y, *_ = self.outputs(x)
        return Work(comparisons=y.values * (prod(self.kernel) - 1))

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        y, *_ = self.outputs(x)
        places = Saved("output", 1) if self.indices else Saved("own", shape=y.shape, dtype="int64", name="indices")
        return (Saved("input"), places) if x.is_float else ()

    def torch(self, x: TensorType) -> Module:
        geometry = self.geometry(x)
        more = (("dilation", brief(geometry.dilation), 1), ("return_indices", self.indices, False))
        return self._module("MaxPool", geometry, *more)


class AvgPool(_Bordered):
    """The mean under each window; padding counts as zeros unless `count_include_pad=false`.

    `pad` is one number, one for each axis, or a rule, as of `conv`: `same` is half the window, `same_upper` and
    `same_lower` as little as gives ceil(h/stride) positions (TensorFlow's `SAME` is the first, and counts no padding).

    With `ceil=true` the last window may extend beyond the end, unless it would start in the padding. An output takes
    k*k - 1 additions and a division, also at the border. No weights, no MACs.

        n c h w -> n c h' w'
        h' = floor((h + 2*pad - k)/stride) + 1
        h' = min(ceil((h + 2*pad - k)/stride), ceil((h + pad)/stride) - 1) + 1 if ceil
        elementwise = c*h'*w'*k*k
    """

    runs = replace(ONE_CALL, saved="input")
    word: ClassVar[str] = "avgpool"
    noted: ClassVar[str] = "avg pool"
    elsewhere: ClassVar[tuple[str, ...]] = ("AvgPool1d", "AvgPool2d", "AvgPool3d", "AveragePooling2D", "avg_pool")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("avgpool 2x2/2", "3x8x8"),
        Example("avgpool 3x3/2 pad=1 count_include_pad=false", "2x9x7"),
        Example("avgpool 3x3/2 ceil=true", "2x8x8"),
        Example("avgpool 3x3/2 pad=same_upper count_include_pad=false", "2x8x9"),
        Example("avgpool [2]", "3x9"),
        Example("avgpool 2x2x2", "2x4x5x6"),
    )

    count_include_pad: bool = True

    @property
    def border(self) -> tuple[bool, str | None]:
        return self.count_include_pad, "" if self.count_include_pad else None

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if len(self.kernel) == 3 and x.spatial(3, self.word):
            check_inside(x, self.kernel, ", and here torch counts no padding in")
        check_dtype(x, self.word)
        return self._slid(x, self.geometry(x))

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(elementwise=y.values * prod(self.kernel))

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (averaged(self.outputs(laid(x))[0].shape, laid(x)),)

    def torch(self, x: TensorType) -> Module:
        return self._module("AvgPool", self.geometry(x), ("count_include_pad", self.count_include_pad, True))
