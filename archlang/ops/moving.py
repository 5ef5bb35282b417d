"""Values moved along axes: rolled, reversed, repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Example,
    Expression,
    GradientPlace,
    Kind,
    Operator,
    Reach,
    Scratch,
    Size,
    Slide,
    Wanted,
    Work,
)
from archlang.ops.checks import check_axes, check_axis, check_axis_or_axes
from archlang.ops.joining import joined
from archlang.ops.layouts import Strides, laid
from archlang.ops.phases import phased
from archlang.ops.runs import ONE_CALL, WITH_A_NUMBER
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class _Moved(Operator):
    """What they share: values are copied, and nothing is saved for backward."""

    runs = replace(ONE_CALL, saved="nothing", autocast="given")

    def work(self, x: TensorType) -> Work:
        return Work(moved=self.outputs(x)[0].values)


class Roll(_Moved):
    """Values moved along axes; those that leave at one end enter at the other (Liu et al. 2021, arXiv:2103.14030).

    `roll 3` moves them by 3 along each axis of positions, `roll [-3, 0]` by one number for each axis, `roll 2 axis=1`
    along that axis alone, and `roll [1, 2] axes=[2, 1]` along these. A parameter has no positions, so that its axes are
    named. No weights, no MACs.
    """

    word: ClassVar[str] = "roll"
    positional: ClassVar[Mapping[str, Kind]] = {"shift": "number", "shifts": "list"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Roll", "cyclic_shift", "circular_shift")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("roll 1", "3x7"),
        Example("roll 1", "3x4x5"),
        Example("roll [-3, 2]", "4x5x3 n h w c"),
        Example("roll [1, 0]", "3x4x5"),
        Example("roll 2 axis=1", "6x4"),
        Example("roll -1 axis=2", "6x4"),
        Example("roll 1", "2x3x4x5"),
        Example("roll [0, 2, 1]", "2x3x4x5"),
        Example("roll [1, -2] axes=[3, 1]", "3x4x5"),
        Example("roll 1 axes=[0, 1]", "3x5 param"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("shift", "shifts")

    shift: int | None = None
    shifts: tuple[int, ...] | None = None
    axis: int | None = None
    axes: tuple[int, ...] | None = None

    def _shifts(self, x: TensorType) -> dict[int, int]:
        """Return by how much each axis is moved, by the number of the axis."""
        if (self.shift is None) == (self.shifts is None):
            help = "write `roll 3`, or `roll [3, -3]`"
            raise Rejected("missing-argument", "roll takes a number or a list of them", help=help, about="shift")
        places = self._places(x)
        shifts = (self.shift or 0,) * len(places) if self.shifts is None else self.shifts
        if len(shifts) != len(places):
            message = f"`shifts` has {len(shifts)} numbers, but {x} is rolled along {len(places)}"
            raise Rejected("sides-differ", message, about="shifts")
        return dict(zip(places, shifts, strict=True))

    def _places(self, x: TensorType) -> tuple[int, ...]:
        """Return the axes that are rolled: those that are written, or all of positions."""
        if self.axis is not None and self.axes is not None:
            raise Rejected("no-such-axis", "roll takes `axis`, or several `axes`, and not both", about="axes")
        written = self.axes if self.axis is None else (self.axis,)
        if written is None:
            if places := tuple(at for at, axis in enumerate(x.axes) if axis not in ("n", "c", "_")):
                return places
            if "n" in x.axes:
                raise Rejected("wrong-rank", f"{x} has no positions to roll: its axes are {x.names}", about="input")
            help = f"write `axes={list(range(len(x.axes)))}`"
            message = f"the axes of the parameter {x} have no names, and which are rolled is not said"
            raise Rejected("wrong-rank", message, help=help, about="input")
        return check_axes(x, written, self.word)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        self._shifts(x)
        return (x,)

    def strides(self, x: TensorType) -> tuple[Strides]:
        # torch rolls one axis after the other, and lays the two parts of each side by side
        known = laid(x)
        for at, by in self._shifts(x).items():
            cuts = (by % known.shape[at], -by % known.shape[at] or known.shape[at])
            parts = [replace(known, shape=(*known.shape[:at], cut, *known.shape[at + 1 :])) for cut in cuts]
            known = replace(known, strides=joined(known.shape, parts))
        return (known.strides,)

    def reach(self, x: TensorType) -> Reach:
        moved = {x.axes[at]: (by % x.shape[at], x.shape[at]) for at, by in self._shifts(x).items()}
        moved = {axis: each for axis, each in moved.items() if each[0] and axis not in ("c", "_")}
        # position i sees i - by, plus the size if that is below 0
        seen = {axis: [(at - by) % size for at in range(size)] for axis, (by, size) in moved.items()}
        return Reach({axis: phased([(at, at) for at in places], 1) for axis, places in seen.items()})

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        return (x,) * min(len(self._shifts(x)) - 1, 2)  # of several axes, torch rolls along one after another

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return self.scratch(True, x) if any(wanted.inputs) else ()

    def torch(self, x: TensorType) -> Expression:
        found = self._shifts(x)
        places, by = tuple(found), tuple(found.values())
        return Expression(f"{{0}}.roll({by[0]}, {places[0]})" if len(by) == 1 else f"{{0}}.roll({by}, {places})")


class Flip(_Moved):
    """The values in reverse order along one axis, `flip axis=1`, or several, `flip [2, 3]`.

    It serves to read a sequence from its end: reverse it, and reverse the result. In the
    receptive field its step is -1. No weights, no MACs.
    """

    runs = replace(WITH_A_NUMBER, saved="nothing")
    word: ClassVar[str] = "flip"
    positional: ClassVar[Mapping[str, Kind]] = {"axes": "list"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Flip", "reverse", "fliplr", "flipud")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("flip axis=1", "6x8 n t c"),
        Example("flip axis=2", "6x8"),
        Example("flip [2, 3]", "3x4x5"),
        Example("flip [-1, 1]", "3x4x5"),
    )

    axes: tuple[int, ...] | None = None
    axis: int | None = None

    def _turned(self, x: TensorType) -> tuple[int, ...]:
        return check_axis_or_axes(x, self.axis, self.axes, self.word)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        self._turned(x)
        return (x,)

    def reach(self, x: TensorType) -> Reach:
        turned = {x.axes[at]: x.shape[at] for at in self._turned(x)}
        return Reach({axis: Slide(1, -1, 1 - size) for axis, size in turned.items() if axis not in ("n", "c", "_")})

    def torch(self, x: TensorType) -> Expression:
        return Expression(f"{{0}}.flip({', '.join(map(str, self._turned(x)))})")


class Tile(_Moved):
    """The values repeated `count` times one after another along `axis`; the backward pass sums their gradients.

    No weights, no MACs.

        size' = count*size
    """

    word: ClassVar[str] = "tile"
    positional: ClassVar[Mapping[str, Kind]] = {"count": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Tile", "RepeatVector", "repeat_along")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis", count="torch returns an empty tensor")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("tile 2 axis=1", "3x4x5"),
        Example("tile 3 axis=-1", "6x8 n t c"),
        Example("tile 1 axis=2", "3x4"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("count",)

    count: Size
    axis: int

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_axis(x, self.axis, self.word)
        at = self.axis % len(x.axes)
        return (TensorType((*x.shape[:at], self.count * x.shape[at], *x.shape[at + 1 :]), x.axes, x.dtype),)

    def gradient_places(self, x: TensorType) -> tuple[GradientPlace]:
        return ("whole" if self.count == 1 else "new",)

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        return Work(elementwise=(self.outputs(x)[0].values - x.values) * any(wanted.inputs))

    def reach(self, x: TensorType) -> Reach:
        axis, size = x.axes[self.axis], x.shape[self.axis]
        again = phased([(at, at) for at in range(size)], 0)
        return Reach({} if self.count == 1 or axis in ("c", "_") else {axis: again})

    def symbols(self, x: TensorType) -> Mapping[str, int]:
        return {"size": x.shape[self.axis], "size'": self.outputs(x)[0].shape[self.axis]}

    def torch(self, x: TensorType) -> Expression:
        check_axis(x, self.axis, self.word)
        at = self.axis % len(x.axes)
        return Expression(f"{{0}}.repeat({', '.join(str(self.count if k == at else 1) for k in range(len(x.axes)))})")
