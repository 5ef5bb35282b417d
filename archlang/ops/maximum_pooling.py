"""Pooling to a wanted size by the largest value."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from archlang.open_numbers import is_open
from archlang.ops.adaptive_pooling import AdaptiveAvgPool, GlobalAvgPool
from archlang.ops.base import Example, Expression, Module, Saved, Temporaries, Work
from archlang.ops.functional import functional
from archlang.ops.sized import as_one
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import adaptive_windows, brief
from archlang.shapes import TensorType


def _compared(x: TensorType, y: TensorType) -> Work:
    """Return one comparison for each value under each window but the first."""
    sides = zip(x.shape[2:], y.shape[2:], strict=True)
    covered = prod(sum(end - start for start, end in adaptive_windows(size, wanted)) for size, wanted in sides)
    return Work(comparisons=x["n"] * x["c"] * covered - y.values)


def _kept(y: TensorType) -> tuple[Saved, ...]:
    """Return the input, and the index of the largest value for each result."""
    return (Saved("input"), Saved("own", shape=y.shape, dtype="int64", name="indices"))


def _places(y: TensorType) -> Temporaries:
    """Return the indices, which torch returns with the values."""
    return ((TensorType(y.shape, y.axes, "int64"),),)


class AdaptiveMaxPool(AdaptiveAvgPool):
    """The largest value under windows chosen so that the map has the wanted size.

    Window i along an axis covers floor(i*h/h') to ceil((i + 1)*h/h'). torch keeps the indices; with `indices=true` they
    are a second value, as those of `maxpool`. No weights, no MACs.

        n c h w -> n c h' w'
        h' = size
    """

    word: ClassVar[str] = "adaptive_maxpool"
    noted: ClassVar[str] = "max pool"
    family: ClassVar[str] = "pooling"
    elsewhere: ClassVar[tuple[str, ...]] = (
        "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "adaptive_max_pool"
    )  # fmt: skip
    examples: ClassVar[tuple[Example, ...]] = (
        Example("adaptive_maxpool 7x7", "2x14x15"),
        Example("adaptive_maxpool 2x3", "2x9x7"),
        Example("adaptive_maxpool 1x1", "4x5x5"),
        Example("adaptive_maxpool [4]", "2x9"),
        Example("adaptive_maxpool 2x2x1", "2x4x5x6"),
        Example("adaptive_maxpool 3x2 indices=true", "2x9x7"),
    )

    indices: bool = False

    def outputs(self, x: TensorType) -> tuple[TensorType, ...]:
        (y,) = super().outputs(x)
        return (y, TensorType(y.shape, y.axes, "int64")) if self.indices else (y,)

    def positions_in(self, x: TensorType) -> tuple[int, ...] | None:
        return x.shape[2:] if self.indices else None

    def work(self, x: TensorType) -> Work:
        return _compared(x, self.outputs(x)[0])

    def temporaries(self, x: TensorType) -> Temporaries:
        return () if self.indices else _places(self.outputs(x)[0])

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        if self.indices:
            return (Saved("input"), Saved("output", 1))
        return _kept(self.outputs(x)[0])

    def torch(self, x: TensorType) -> Module | Expression:
        wanted = self._wanted(x)
        options = (("return_indices", self.indices, False),)
        if is_open(wanted):
            return functional(f"adaptive_max_pool{len(wanted)}d", f"{{0}}, {as_one(wanted)}", options)
        return Module(f"torch.nn.AdaptiveMaxPool{len(wanted)}d", (("output_size", brief(wanted)),), options)


class GlobalMaxPool(GlobalAvgPool):
    """The largest value of each whole map (Oquab et al. 2015). Its index is saved for backward. No weights, no MACs.

    n c h w -> n c h' w'
    h' = 1
    comparisons = c*h*w - c
    """

    word: ClassVar[str] = "globalmaxpool"
    noted: ClassVar[str] = "global max pool"
    family: ClassVar[str] = "pooling"
    elsewhere: ClassVar[tuple[str, ...]] = ("GlobalMaxPooling2D", "GlobalMaxPool", "global_max_pool", "gmp")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "wrong-dtype")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("globalmaxpool", "8x7x5"),
        Example("globalmaxpool", "3x9"),
        Example("globalmaxpool", "2x3x4x5"),
    )

    def work(self, x: TensorType) -> Work:
        return _compared(x, self.outputs(x)[0])

    def temporaries(self, x: TensorType) -> Temporaries:
        return _places(self.outputs(x)[0])

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return _kept(self.outputs(x)[0])

    def torch(self, x: TensorType) -> Module:
        return Module(f"torch.nn.AdaptiveMaxPool{len(x.shape) - 2}d", (("output_size", 1),))
