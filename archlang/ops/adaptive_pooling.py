"""Pooling to a wanted size: the mean under windows that are chosen so that the map has it."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from archlang.open_numbers import is_open
from archlang.ops.base import (
    Autocast,
    Example,
    Expression,
    Kind,
    Lecture,
    Module,
    Operator,
    Reach,
    Saved,
    Scratch,
    Work,
)
from archlang.ops.checks import check_channels, check_dtype
from archlang.ops.functional import functional
from archlang.ops.halves import in_floats
from archlang.ops.layouts import Strides, averaged, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.sized import as_one
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Sizes, adaptive_slide, adaptive_windows, brief, short, sized
from archlang.shapes import TensorType


class _AdaptivePool(Operator):
    """The mean under windows chosen so that the map has the wanted size.

    Window i covers i*h/h' to (i + 1)*h/h', rounded outwards.
    """

    runs = ONE_CALL

    def _wanted(self, x: TensorType) -> tuple[int, ...]:
        raise TypeError(f"{type(self).__name__} does not say its output sizes")

    def _sides(self, x: TensorType) -> list[tuple[str, int, int]]:
        """Return the name, the size and the wanted size of each axis."""
        return list(zip(x.axes[2:], x.shape[2:], self._wanted(x), strict=True))

    def outputs(self, x: TensorType) -> tuple[TensorType, ...]:
        sizes = {axis: wanted for axis, _, wanted in self._sides(x)}
        check_dtype(x, self.word)
        return (x.resized(**sizes),)

    def work(self, x: TensorType) -> Work:
        covered = prod(sum(end - start for start, end in adaptive_windows(size, to)) for _, size, to in self._sides(x))
        return Work(elementwise=x["n"] * x["c"] * covered)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        # torch computes a map of one position as a mean, which saves nothing
        return () if set(self._wanted(x)) == {1} else (Saved("input"),)

    def scratch(self, training: bool, x: TensorType) -> Scratch | None:
        return super().scratch(training, x) if self.saved(x) else in_floats(x)

    def viewed_gradients(self, x: TensorType) -> tuple[int, ...]:
        return (0,) if len(x.axes) == 3 else ()

    def strides(self, x: TensorType) -> tuple[Strides, ...]:
        return tuple(averaged(y.shape, laid(x)) for y in self.outputs(laid(x)))

    def reach(self, x: TensorType) -> Reach:
        return Reach({axis: adaptive_slide(size, to) for axis, size, to in self._sides(x)})

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("given" if len(x.shape) < 5 else "float32")

    def torch(self, x: TensorType) -> Module | Expression:
        wanted = self._wanted(x)
        if is_open(wanted):
            return functional(f"adaptive_avg_pool{len(wanted)}d", f"{{0}}, {as_one(wanted)}")
        return Module(f"torch.nn.AdaptiveAvgPool{len(wanted)}d", (("output_size", brief(wanted)),))


class AdaptiveAvgPool(_AdaptivePool):
    """The mean under windows chosen so that the map has the wanted size.

    Window i along an axis covers floor(i*h/h') to ceil((i + 1)*h/h'). No weights, no MACs.

        n c h w -> n c h' w'
        h' = size
    """

    word: ClassVar[str] = "adaptive_avgpool"
    noted: ClassVar[str] = "avg pool"
    family: ClassVar[str] = "pooling"
    positional: ClassVar[Mapping[str, Kind]] = {"size": "window"}
    elsewhere: ClassVar[tuple[str, ...]] = ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-rank", "wrong-dtype", size="torch returns a map without positions"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("adaptive_avgpool 7x7", "2x14x15"),
        Example("adaptive_avgpool 2x3", "2x9x7"),
        Example("adaptive_avgpool 1x1", "4x5x5"),
        Example("adaptive_avgpool [4]", "2x9"),
        Example("adaptive_avgpool 2x2x1", "2x4x5x6"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("size",)
    alike: ClassVar[tuple[str, int] | None] = ("size", 2)

    size: Sizes

    def _wanted(self, x: TensorType) -> tuple[int, ...]:
        return sized(x, self.size, self.word)


class GlobalAvgPool(_AdaptivePool):
    """The mean of each whole map (Lin, Chen and Yan 2013, arXiv:1312.4400, section 3.2). No weights, no MACs.

    n c h w -> n c h' w'
    h' = 1
    elementwise = c*h*w
    """

    word: ClassVar[str] = "globalavgpool"
    noted: ClassVar[str] = "global avg pool"
    family: ClassVar[str] = "pooling"
    elsewhere: ClassVar[tuple[str, ...]] = ("GlobalAveragePooling2D", "GlobalAveragePool", "GlobalAvgPool", "gap")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "wrong-dtype")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("globalavgpool", "8x7x5"),
        Example("globalavgpool", "3x9"),
        Example("globalavgpool", "2x3x4x5"),
    )

    def _wanted(self, x: TensorType) -> tuple[int, ...]:
        check_channels(x, self.word, 1)
        return (1,) * (len(x.axes) - 2)

    def lecture(self, x: TensorType) -> Lecture:
        return Lecture(f"POOL{short(x.shape[2:])}")
