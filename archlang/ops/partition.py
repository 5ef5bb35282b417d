"""Parts of a value: one position, several, or all of them in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import Condition, Example, Expression, Kind, Reach, Scratch, Size, Slide, Wanted
from archlang.ops.checks import check_axis
from archlang.ops.layouts import Strides, laid
from archlang.ops.stricter import beyond_torch
from archlang.ops.views import View
from archlang.ops.windows import Sizes
from archlang.shapes import AXIS_WORDS, TensorType


class Part(View):
    """What the parts share: they are cut along an axis, counted from the batch, 0, and save nothing for backward."""

    axis: int = 1

    def _size(self, x: TensorType) -> int:
        """Return how many positions the axis has. Raise `Rejected` if there is no such axis."""
        check_axis(x, self.axis, self.word)
        return x.shape[self.axis]

    def _resized(self, x: TensorType, size: int) -> TensorType:
        at = self.axis % len(x.shape)
        return TensorType((*x.shape[:at], size, *x.shape[at + 1 :]), x.axes, x.dtype)

    def _along(self, x: TensorType) -> str:
        axis = x.axes[self.axis]
        return f"{axis} (the {AXIS_WORDS[axis]})" if axis in AXIS_WORDS else f"axis {self.axis}"

    def _indexed(self, x: TensorType, index: str) -> Expression:
        self._size(x)
        return Expression(f"{{0}}[{', '.join([*[':'] * (self.axis % len(x.shape)), index])}]")


class Split(Part):
    """Consecutive parts along `axis`: a number of equal parts, or parts of the given sizes.

    `split 2` halves the channels, `split [64, 32]` returns the first 64 and the last 32. No weights, no MACs.
    """

    word: ClassVar[str] = "split"
    family: ClassVar[str] = "other"
    positional: ClassVar[Mapping[str, Kind]] = {"parts": "number", "sizes": "list"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Split", "chunk")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "batch-axis", "parts-do-not-divide", parts="torch returns the value itself as the only part"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("split 2", "6x4x4"),
        Example("split [2, 1]", "3x5"),
        Example("split [1, 2] axis=2", "2x3"),
        Example("split 3 axis=-1", "6x12 n t c"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("sizes",)

    parts: Annotated[int, Field(ge=2)] | None = None
    sizes: Sizes | None = None

    def outputs(self, x: TensorType) -> tuple[TensorType, ...]:
        size = self._size(x)
        if (self.parts is None) == (self.sizes is None):
            message = "split takes a number of parts or a list of their sizes"
            raise Rejected("missing-argument", message, help="write `split 2`, or `split [64, 32]`", about="parts")
        if self.sizes is not None:
            if len(self.sizes) < 2:
                raise Rejected("one-part", "split needs two parts or more, but here is one", about="sizes")
            if sum(self.sizes) != size:
                message = f"the parts have {sum(self.sizes)} together, but {x} has {size} along {self._along(x)}"
                raise Rejected("parts-do-not-add-up", message, about="sizes")
            return tuple(self._resized(x, part) for part in self.sizes)
        parts = self.parts or 1
        if size % parts:
            message = f"{size} along {self._along(x)} does not divide into {parts} equal parts"
            raise Rejected("parts-do-not-divide", message, about="parts")
        return (self._resized(x, size // parts),) * parts

    def reach(self, x: TensorType) -> Reach:
        axis = x.axes[self.axis]
        if axis in ("c", "_"):
            return Reach()
        firsts = accumulate((y.shape[self.axis] for y in self.outputs(x)), initial=0)
        return Reach(outputs=tuple({axis: Slide(1, 1, -first)} for first in firsts))

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        parts = self.outputs(x)
        given = wanted.outputs or (True,) * len(parts)
        return tuple(part for part, known in zip(parts, given, strict=True) if not known)  # zeros in their place

    def torch(self, x: TensorType) -> Expression:
        count = len(self.outputs(x))
        if self.sizes is None:
            return Expression(f"{{0}}.chunk({count}, {self.axis})")
        return Expression(f"{{0}}.split({list(self.sizes)}, {self.axis})")


class Select(Part):
    """The values at one position along `axis`, which is removed: `select 0` of n t c is the first token, n c.

    A negative position counts from the end. No weights, no MACs.
    """

    word: ClassVar[str] = "select"
    family: ClassVar[str] = "other"
    positional: ClassVar[Mapping[str, Kind]] = {"index": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Select", "unbind")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("select 0", "6x8 n t c"),
        Example("select -1 axis=2", "3x7"),
        Example("select 1 axis=-1", "3x4x5"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("index",)

    index: int

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        size = self._size(x)
        if not -size <= self.index < size:
            message = f"{x} has {size} positions along {self._along(x)}, so there is no position {self.index}"
            raise Rejected("no-such-position", message, about="index")
        at = self.axis % len(x.shape)
        return (TensorType((*x.shape[:at], *x.shape[at + 1 :]), (*x.axes[:at], *x.axes[at + 1 :]), x.dtype),)

    def reach(self, x: TensorType) -> Reach:
        return picked(x, self.axis, Slide(1, 0, -(self.index % self._size(x))))

    def strides(self, x: TensorType) -> tuple[Strides]:
        strides = laid(x).strides
        at = self.axis % len(strides)
        return ((*strides[:at], *strides[at + 1 :]),)

    def torch(self, x: TensorType) -> Expression:
        return self._indexed(x, str(self.index))


class Slice(Part):
    """The values from `start` up to, but not including, `end` along `axis`; without `end`, all from `start` on.

    Negative positions count from the end; `step` leaves out those between. No weights, no MACs.
    """

    word: ClassVar[str] = "slice"
    family: ClassVar[str] = "other"
    positional: ClassVar[Mapping[str, Kind]] = {"start": "number", "end": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Slice", "narrow")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis", "no-such-position", "empty-output")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("slice 1 3", "6x4x4"),
        Example("slice 2 axis=2", "3x7"),
        Example("slice -4 -1 axis=-1 step=2", "3x4x5"),
        Example("slice 1 axis=0", "4x5 param"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("start", "end")

    start: int
    end: int | None = None
    step: Size = 1

    def _bounds(self, x: TensorType) -> tuple[int, int]:
        """Return the first position and the one after the last, counted from the beginning."""
        size = self._size(x)
        end = size if self.end is None else self.end
        return (self.start if self.start >= 0 else size + self.start, end if end >= 0 else size + end)

    def conditions(self, x: TensorType) -> Iterator[Condition]:
        size, (first, behind) = self._size(x), self._bounds(x)
        end = -1 if self.end is None else self.end
        for position in (self.start, end):  # with another sign it would be counted from the other end
            yield position, ">=" if position >= 0 else "<", 0
        if self.start < 0:
            yield -self.start, "<=", size
        if end >= 0:
            yield end, "<=", size  # torch would end there
        yield first, "<", behind

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        size = self._size(x)
        end = size if self.end is None else self.end
        for name, position in (("start", self.start), ("end", end)):
            if not -size <= position <= size:
                message = f"{x} has {size} positions along {self._along(x)}, but `{name}` is {position}"
                raise Rejected("no-such-position", message, about=name)
        first, behind = self._bounds(x)
        if first >= behind:
            message = f"none of the {size} positions along {self._along(x)} is from {self.start} to {end}"
            raise Rejected("empty-output", message, about="start")
        return (self._resized(x, -((first - behind) // self.step)),)

    def reach(self, x: TensorType) -> Reach:
        first, *_ = range(self._size(x))[self.start :]
        return picked(x, self.axis, Slide(1, self.step, -first))

    def strides(self, x: TensorType) -> tuple[Strides]:
        strides = laid(x).strides
        at = self.axis % len(strides)
        return ((*strides[:at], strides[at] * self.step, *strides[at + 1 :]),)

    def torch(self, x: TensorType) -> Expression:
        end = "" if self.end is None else self.end
        return self._indexed(x, f"{self.start}:{end}" + (f":{self.step}" if self.step != 1 else ""))


def picked(x: TensorType, at: int, slide: Slide) -> Reach:
    """Return the reach of an operator that picks positions of one axis."""
    axis = x.axes[at]
    return Reach() if axis in ("c", "_") else Reach({axis: slide})
