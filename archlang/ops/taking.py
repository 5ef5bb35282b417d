"""The values at several positions, given by a list or a tensor of whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, GradientPlace, Kind, Reach, Saved, Slide, Temporaries, Work
from archlang.ops.layouts import Laid, Strides, blended, contiguous, laid, viewed
from archlang.ops.partition import Part, picked
from archlang.ops.phases import phased
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType, param_type


class Take(Part):
    """The values at several positions along `axis`: those of a list, `take [0, 2, 5]`, or of a second value.

    `(table, places) -> take axis=0` takes the rows of a table, in the shape of `places`, which are int64. If both have
    a batch, it is ambiguous which position belongs to which value, and they are refused. No weights, no MACs.
    """

    runs = replace(ONE_CALL, autocast="given")
    word: ClassVar[str] = "take"
    family: ClassVar[str] = "other"
    arity: ClassVar[tuple[int, ...]] = (1, 2)
    positional: ClassVar[Mapping[str, Kind]] = {"indexes": "list"}
    flows: ClassVar[Mapping[str, str]] = {"index": "(table, index) -> take axis=0"}
    elsewhere: ClassVar[tuple[str, ...]] = ("index_select",)
    akin: ClassVar[Mapping[str, str]] = {
        "gather": "it has a position for each value, and `(table, index) -> take axis=0` one for each row",
    }
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis", "empty-output", "wrong-dtype", "wrong-rank")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("take [0, 2, 5]", "6x4x4"),
        Example("take [3, -1] axis=2", "3x7"),
        Example("take [2, 0] axis=0", "4x5 param"),
        Example("take axis=0", "6x4 param, 3x3 buffer"),
        Example("take axis=-1", "2x3x6, 4 buffer"),
        Example("take axis=0", "9x4 param, 5 int64"),
    )

    indexes: tuple[int, ...] | None = None

    def outputs(self, x: TensorType, *index: TensorType) -> tuple[TensorType]:
        size = self._size(x)
        if bool(index) == (self.indexes is not None):
            message = "take needs its positions: a list, or a second value of whole numbers"
            help = "write `take [0, 2, 5]`, or `(table, index) -> take axis=0`"
            raise Rejected("missing-argument", message, help=help, about="indexes")
        if index:
            return (self._at(x, *index),)
        indexes = self.indexes or ()
        if not indexes:
            raise Rejected("empty-output", "take needs one position at least", about="indexes")
        for one in indexes:
            self._check(x, one, size)
        return (self._resized(x, len(indexes)),)

    def _check(self, x: TensorType, index: int, size: int) -> None:
        """Raise Rejected if the axis does not have a position."""
        if not -size <= index < size:
            message = f"{x} has {size} positions along {self._along(x)}, so there is no position {index}"
            raise Rejected("no-such-position", message, about="indexes")

    def check_indexes(self, indexes: tuple[float, ...], x: TensorType, *_: TensorType) -> None:
        for one in (min(indexes), max(indexes)):
            self._check(x, int(one), self._size(x))

    def _at(self, x: TensorType, index: TensorType) -> TensorType:
        """Return the type of the values at the positions in a tensor."""
        if index.dtype != "int64":
            message = f"take needs positions in int64, but the second value {index} is {index.dtype}"
            help = "write `dtype=int64`" if "n" not in index.axes else None
            raise Rejected("wrong-dtype", message, help=help, about="input")
        at = self.axis % len(x.shape)
        shape = (*x.shape[:at], *index.shape, *x.shape[at + 1 :])
        if "n" not in index.axes:
            if "n" not in x.axes:
                return param_type(shape, x.dtype)
            if len(index.shape) == 1:
                return TensorType(shape, x.axes, x.dtype)
            message = f"of a value with a batch, take needs its positions in one row, but the second value is {index}"
            raise Rejected("wrong-rank", message, help="reshape them to one row, and the result back", about="input")
        if "n" in x.axes or len(x.shape) > 2 or at or (len(x.shape) == 2 and "c" in index.axes):
            message = f"positions of each image are of the rows of a matrix without a batch, but {x} has {x.names}"
            help = "write `(table, index) -> take axis=0`" if "n" not in x.axes else None
            raise Rejected("wrong-rank", message, help=help, about="input")
        return TensorType(shape, (*index.axes, "c") if len(x.shape) == 2 else index.axes, x.dtype)

    def work(self, x: TensorType, *index: TensorType) -> Work:
        (y,) = self.outputs(x, *index)
        return Work(moved=y.values)

    def index_bound(self, x: TensorType, *index: TensorType) -> int | None:
        return self._size(x) if index else None

    def temporaries(self, x: TensorType, *index: TensorType) -> Temporaries:
        return () if index else ((TensorType((len(self.indexes or ()),), ("_",), "int64"),),)

    def gradient_places(self, x: TensorType, *index: TensorType) -> tuple[GradientPlace, ...]:
        return ("new", "new") if index else ("new",)

    def saved(self, x: TensorType, *index: TensorType) -> tuple[Saved, ...]:
        own = Saved("own", shape=(len(self.indexes or ()),), dtype="int64", per_image=False, name="indices")
        indices = Saved("input", 1, when=(0,)) if index else own
        return (indices,) if x.is_float else ()

    def reach(self, x: TensorType, *index: TensorType) -> Reach:
        if index:
            seen = {} if x.axes[self.axis] in ("c", "_") else {x.axes[self.axis]: Slide(self._size(x), 0, at_most=True)}
            return Reach(inputs=(seen, {}))
        places = [one % self._size(x) for one in self.indexes or ()]
        steps = {after - before for before, after in pairwise(places)}
        if len(steps) == 1 and min(steps) > 0:
            return picked(x, self.axis, Slide(1, min(steps), -places[0]))
        return picked(x, self.axis, phased([(place, place) for place in places], 0))

    def strides(self, x: TensorType, *index: TensorType) -> tuple[Strides]:
        # torch keeps the memory order of the input's axes, except the one whose positions are taken
        known = laid(x)
        (y,) = self.outputs(known, *map(laid, index))
        at = self.axis % len(known.shape)
        sizes = laid(index[0]).shape if index else (len(self.indexes or ()),)
        lines = laid(index[0]).strides if index else contiguous(sizes)
        front, behind = known.strides[:at], known.strides[at + 1 :]
        rest = Laid(y.shape, y.axes, y.dtype, (*front, *(0,) * len(sizes), *behind))
        taken = (*(1,) * at, *sizes, *(1,) * len(behind))
        steps = viewed(sizes, lines, taken) or contiguous(taken)
        return (blended(y.shape, rest, Laid(taken, y.axes, "int64", steps)),)

    def torch(self, x: TensorType, *index: TensorType) -> Expression:
        self.outputs(x, *index)
        return self._indexed(x, "{1}" if index else str(list(self.indexes or ())))
