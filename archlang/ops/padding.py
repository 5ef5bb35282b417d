"""Borders around a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.open_numbers import is_open
from archlang.ops.base import (
    Autocast,
    Condition,
    Example,
    Expression,
    Kind,
    Module,
    Natural,
    Operator,
    Reach,
    Saved,
    Slide,
    Work,
)
from archlang.ops.checks import check_axis, check_batched, check_channels, check_dtype
from archlang.ops.functional import functional
from archlang.ops.layouts import Strides, contiguous, formatted, laid, like
from archlang.ops.runs import ONE_CALL
from archlang.ops.sized import as_one
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import brief, each
from archlang.shapes import TensorType

_NAMES = {"zeros": "ZeroPad", "reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}


class Pad(Operator):
    """A border on each axis that windows slide over: `pad 1` on both sides, `pad before=2` on one, as causal nets need.

    `before` and `after` are one number, or one for each axis: `pad before=[0, 1]`. `axis` pads that axis alone, also
    the channels, and `size` is its size. The border is 0, or `value`. No weights, no MACs.

        h' = h + before + after if axis is None
        size' = size + before + after if axis is not None
    """

    runs = ONE_CALL
    word: ClassVar[str] = "pad"
    positional: ClassVar[Mapping[str, Kind]] = {"sides": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = (
        "ZeroPad1d", "ZeroPad2d", "ZeroPad3d", "ConstantPad2d", "ReflectionPad1d", "ReflectionPad2d",
        "ReplicationPad1d", "ReplicationPad2d", "CircularPad2d", "ZeroPadding2D", "padding",
    )  # fmt: skip
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-dtype",
        "wrong-rank",
        "batch-axis",
        sides="torch crops where it is negative",
        before="torch crops where it is negative",
        after="torch crops where it is negative",
        **{"wrong-kind": "torch's modules that repeat values of the map have no `value`"},
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("pad 1", "3x4x5"),
        Example("pad before=4", "3x7"),
        Example("pad before=[0, 1] after=[1, 0] mode=reflect", "2x4x5"),
        Example("pad 2 mode=replicate", "2x3x4x5"),
        Example("pad 1 mode=circular", "2x4x5"),
        Example("pad before=2 after=1 axis=1", "3x4x5"),
        Example("pad 1 axis=1", "6x4 n t c"),
        Example("pad 1 value=-1.5", "3x4x5"),
        Example("pad after=2 axis=1 value=3", "3x4"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("sides", "before", "after")

    sides: Natural = 0
    before: Natural | tuple[Natural, ...] | None = None
    after: Natural | tuple[Natural, ...] | None = None
    mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"
    axis: int | None = None
    value: float | int = 0

    def _borders(self, x: TensorType) -> dict[str, tuple[int, int]]:
        """Return for each padded axis how much is added before and after."""
        if self.axis is None:
            check_channels(x, self.word, 1)
            axes = x.axes[2:]
        else:
            if self.mode != "zeros":
                message = f"mode={self.mode} is for the axes that windows slide over, but `axis` is given"
                raise Rejected("pad-mode-of-axis", message, about="mode")
            check_axis(x, self.axis, self.word)
            axes = (x.axes[self.axis],)
        given = {"before": self.before, "after": self.after}
        sides = [each(self.sides if v is None else v, len(axes), name) for name, v in given.items()]
        return dict(zip(axes, zip(*sides, strict=True), strict=True))

    def conditions(self, x: TensorType) -> Iterator[Condition]:
        for width in chain.from_iterable(self._borders(x).values()):
            yield width, ">=", 0  # torch would cut off values

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word)
        check_batched(x, self.word)
        if self.value and self.mode != "zeros":
            message = f"`value` fills a border of one value, but mode={self.mode} repeats those of the map"
            raise Rejected("wrong-kind", message, help="leave out `mode` or `value`", about="value")
        borders = self._borders(x)
        behind = {"reflect": 1, "circular": 0}.get(self.mode)
        for axis, (before, after) in borders.items():
            if behind is not None and max(before, after) > x[axis] - behind:
                message = f"{self.mode} padding of {x} is at most {x[axis] - behind} along {axis}"
                raise Rejected("padding-too-wide", f"{message}, not {max(before, after)}", about="sides")
        return (x.resized(**{axis: x[axis] + sum(border) for axis, border in borders.items()}),)

    def work(self, x: TensorType) -> Work:
        return Work(moved=self.outputs(x)[0].values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (Saved("input", when="inputs"),) if self.mode in ("reflect", "replicate") else ()

    def backward_in_one_call(self, x: TensorType) -> bool | None:
        return None if self.mode == "circular" else True

    def strides(self, x: TensorType) -> tuple[Strides]:
        if self.mode == "zeros" and not any(map(any, self._borders(x).values())):
            return (like(x),)
        shape = self.outputs(laid(x))[0].shape
        return (contiguous(shape) if self.mode == "circular" else formatted(shape, x),)

    def reach(self, x: TensorType) -> Reach:
        return Reach({axis: Slide(1, 1, before) for axis, (before, _) in self._borders(x).items() if axis != "c"})

    def symbols(self, x: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        before, after = zip(*self._borders(x).values(), strict=True)
        if self.axis is None:
            return {"before": before, "after": after}
        along = x.axes[self.axis]
        return {"before": before[0], "after": after[0], "size": x[along], "size'": self.outputs(x)[0][along]}

    def autocast(self, x: TensorType) -> Autocast:
        is_cast = self.mode == "replicate" or (self.mode == "reflect" and len(x.axes) < 5)  # torch lists these kernels
        return Autocast("float32" if is_cast else "given")

    def torch(self, x: TensorType) -> Module | Expression:
        borders, options = self._borders(x), (("mode", self.mode, "zeros"), ("value", self.value, 0))
        if self.axis is not None:
            behind = (0, 0) * (len(x.axes) - 1 - self.axis % len(x.axes))
            (border,) = borders.values()
            return functional("pad", f"{{0}}, {(*behind, *border)}", options)
        # torch begins with the last axis
        padding = tuple(width for border in reversed(borders.values()) for width in border)
        if is_open(padding):
            return functional("pad", f"{{0}}, {as_one(padding)}", options)
        if self.value:
            args = (("padding", brief(padding)), ("value", self.value))
            return Module(f"torch.nn.ConstantPad{len(borders)}d", args)
        return Module(f"torch.nn.{_NAMES[self.mode]}{len(borders)}d", (("padding", brief(padding)),))
