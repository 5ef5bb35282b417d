"""Axes of size 1: removed, inserted, and repeated without a copy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Kind, Reach, Wanted, Work, seeing_all
from archlang.ops.checks import check_axis
from archlang.ops.layouts import Strides, laid, unsqueezed
from archlang.ops.stricter import beyond_torch
from archlang.ops.views import View
from archlang.shapes import AXIS_WORDS, TensorType, param_type, unused_axis


class Squeeze(View):
    """The value without `axis`, whose size must be 1; torch leaves an axis of another size. No weights, no MACs."""

    word: ClassVar[str] = "squeeze"
    elsewhere: ClassVar[tuple[str, ...]] = ("Squeeze", "drop_axis")
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("batch-axis"),
        "unequal-sizes": "torch leaves an axis of another size as it is",
    }
    examples: ClassVar[tuple[Example, ...]] = (Example("squeeze axis=1", "1x4x5"), Example("squeeze axis=-1", "3x4x1"))

    axis: int

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_axis(x, self.axis, self.word)
        at = self.axis % len(x.axes)
        if x.shape[at] != 1:
            called = f" (the {AXIS_WORDS[x.axes[at]]})" if x.axes[at] in AXIS_WORDS else ""
            message = f"squeeze removes an axis of size 1, but `axis` {self.axis}{called} of {x} has {x.shape[at]}"
            raise Rejected("unequal-sizes", message, about="axis")
        return (TensorType((*x.shape[:at], *x.shape[at + 1 :]), (*x.axes[:at], *x.axes[at + 1 :]), x.dtype),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        strides = laid(x).strides
        at = self.axis % len(strides)
        return ((*strides[:at], *strides[at + 1 :]),)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, [x.axes[self.axis]]))

    def torch(self, x: TensorType) -> Expression:
        check_axis(x, self.axis, self.word)
        return Expression(f"{{0}}.squeeze({self.axis})")


class Unsqueeze(View):
    """A new axis of size 1 at position `axis`: channels first, then t, or d before the height and width of maps.

    Its name is the first of c, t (or d), s and k that the value does not have. A parameter has no batch, so that the
    new axis may be its first: `unsqueeze axis=0`. No weights, no MACs.
    """

    pointwise = True
    word: ClassVar[str] = "unsqueeze"
    elsewhere: ClassVar[tuple[str, ...]] = ("Unsqueeze", "expand_dims", "ExpandDims", "newaxis")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("unsqueeze axis=1", "3x4x5"),
        Example("unsqueeze axis=-1", "7"),
        Example("unsqueeze axis=2", "3x4"),
        Example("unsqueeze axis=1", "7 int64"),
        Example("unsqueeze axis=0", "3x4 param"),
    )

    axis: int

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        rank = len(x.axes) + 1
        has_batch = "n" in x.axes
        if not -rank <= self.axis < rank or (has_batch and self.axis % rank == 0):
            where = f"1 to {rank - 1}, after the batch" if has_batch else f"0 to {rank - 1}"
            message = f"the new axis must be at {where}, but `axis` is {self.axis}"
            raise Rejected("batch-axis" if self.axis % rank == 0 else "no-such-axis", message, about="axis")
        at = self.axis % rank
        if not has_batch:
            return (param_type((*x.shape[:at], 1, *x.shape[at:]), x.dtype),)
        name = unused_axis(x.axes, "c", "d" if {"h", "w"} <= set(x.axes) else "t", "s", "k", "m")
        return (TensorType((*x.shape[:at], 1, *x.shape[at:]), (*x.axes[:at], name, *x.axes[at:]), x.dtype),)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        return (unsqueezed(known, self.axis % (len(known.shape) + 1)).strides,)

    def torch(self, x: TensorType) -> Expression:
        return Expression(f"{{0}}.unsqueeze({self.axis})")


class Expand(View):
    """Axes of size 1 repeated, without a copy: `expand [-1, 7, 7]`, channels first; -1 keeps the size.

    `mul`, `sub` and `div` repeat by themselves; `add` and `concat` do not. Of a parameter it is the whole shape, which
    may have further axes in front. The backward pass sums the gradients of the repeated values. No weights, no MACs.
    """

    pointwise = True
    word: ClassVar[str] = "expand"
    positional: ClassVar[Mapping[str, Kind]] = {"shape": "window"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Expand", "broadcast_to", "expand_as", "broadcast")
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("empty-output"),
        "wrong-rank": "torch puts new axes before the batch",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example("expand 3x4x5", "3x1x1"),
        Example("expand [-1, 7, -1]", "2x1x4"),
        Example("expand [6, -1]", "1x8 n t c"),
        Example("expand [4]", "1"),
        Example("expand [5, -1, 4]", "3x1 param"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("shape",)
    alike: ClassVar[tuple[str, int] | None] = ("shape", 1)

    shape: tuple[Annotated[int, Field(ge=-1)], ...]

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if "n" not in x.axes:
            return (param_type(self._sizes(x, self._in_front(x)), x.dtype),)
        if len(self.shape) != len(x.axes) - 1 or x.axes[0] != "n":
            message = f"expand takes a size for each axis of {x} behind the batch, but `shape` has {len(self.shape)}"
            raise Rejected("wrong-rank", message, about="shape")
        return (TensorType((x.shape[0], *self._sizes(x, 0)), x.axes, x.dtype),)

    def _in_front(self, x: TensorType) -> int:
        """Return how many axes `shape` puts before those of a parameter."""
        front = len(self.shape) - len(x.axes)
        if front < 0 or len(self.shape) > 6:
            message = f"expand takes a size for each axis of {x}, and up to 6, but `shape` has {len(self.shape)}"
            raise Rejected("wrong-rank", message, about="shape")
        if any(size < 1 for size in self.shape[:front]):
            message = f"an axis that is put before those of {x} needs a size of 1 or more"
            raise Rejected("unequal-sizes", message, about="shape")
        return front

    def _sizes(self, x: TensorType, front: int) -> tuple[int, ...]:
        """Return the sizes that come out. The first `front` of them are of new axes."""
        own, axes = x.shape["n" in x.axes :], x.axes["n" in x.axes :]
        for at, (size, wanted) in enumerate(zip(own, self.shape[front:], strict=True)):
            if wanted == 0:
                raise Rejected("empty-output", "the sizes of expand are at least 1", about="shape")
            if wanted not in (-1, size) and size != 1:
                along = f"axis {at}" if axes[at] == "_" else axes[at]
                message = f"expand repeats axes of size 1, but {x} has {size} along {along}, where `shape` has {wanted}"
                raise Rejected("unequal-sizes", message, about="shape")
        kept = (size if wanted == -1 else wanted for size, wanted in zip(own, self.shape[front:], strict=True))
        return (*self.shape[:front], *kept)

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        return Work(elementwise=(self.outputs(x)[0].values - x.values) * any(wanted.inputs))

    def viewed_gradients(self, x: TensorType) -> tuple[int | str, ...]:
        # of axes in front, torch sums the gradients, and returns a view without these axes
        return (0,) if len(self.outputs(x)[0].shape) > len(x.shape) else super().viewed_gradients(x)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        (y,) = self.outputs(known)
        front = len(y.shape) - len(known.shape)
        sides = zip(known.shape, y.shape[front:], known.strides, strict=True)
        return ((*(0,) * front, *(stride if size == made else 0 for size, made, stride in sides)),)

    def torch(self, x: TensorType) -> Expression:
        sizes = ("-1", *map(str, self.shape)) if "n" in x.axes else tuple(map(str, self.shape))
        return Expression(f"{{0}}.expand({', '.join(sizes)})")
