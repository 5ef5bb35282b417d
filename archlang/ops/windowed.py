"""What the attention operators within windows of a map share: the emitted class, and the answers about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Autocast,
    Kind,
    Module,
    Natural,
    Operator,
    Reach,
    Saved,
    Size,
    Slide,
    Wanted,
    Weight,
    Work,
)
from archlang.ops.checks import check_dtype
from archlang.ops.course_shifted import Cut, Options, within_windows
from archlang.ops.course_windows import Heads
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.heads import check_heads
from archlang.ops.layouts import laid, viewed
from archlang.ops.parts import Course
from archlang.ops.phases import blocks
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Sizes, each
from archlang.shapes import TensorType

Share = Annotated[float, Field(ge=0, lt=1)]


class InWindows(Operator):
    """What the attention operators within windows share."""

    runs = replace(SEVERAL_CALLS, autocast=Autocast("lower", known="result"))
    positional: ClassVar[Mapping[str, Kind]] = {"window": "window", "heads": "number"}
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("needs-channels-last"),
        "out-of-range": "torch accepts a shift as large as the window, and then masks within one window",
        "shift": "torch accepts a negative shift, and then does not mask pairs from two sides of the map",
        "attention_dropout": "torch takes 1, which leaves nothing to train with",
        "dropout": "torch takes 1, which leaves nothing to train with",
    }

    window: Sizes
    heads: Size
    shift: Natural | tuple[Natural, ...] = 0
    qkv_bias: bool = True
    proj_bias: bool = True
    attention_dropout: Share = 0.0
    dropout: Share = 0.0

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels_last(x, self.word)
        if len(x.axes) != 4 or x.axes[0] != "n":
            message = f"{self.word} takes axes n h w c, but its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        check_dtype(x, self.word, weighted=True)
        self._shifted()
        check_heads(x["c"], self.heads)
        return (x,)

    def _shifted(self) -> tuple[int, int]:
        """Return the shift along the two axes."""
        if len(self.window) != 2:
            message = f"the window of {self.word} has 2 sides, but this one has {len(self.window)}"
            raise Rejected("window-rank", message, about="window")
        rows, columns = each(self.shift, 2, "shift")
        for shift, side in zip((rows, columns), self.window, strict=True):
            if shift >= side:
                message = (
                    f"`shift` of {self.word} must be below the side of its window, but these are {shift} and {side}"
                )
                raise Rejected("out-of-range", message, about="shift")
        return rows, columns

    def _tokens(self) -> int:
        return prod(self.window)

    def _offsets(self) -> int:
        """Return how many different offsets there are between two positions of a window."""
        return prod(2 * side - 1 for side in self.window)

    def _counts(self, x: TensorType) -> tuple[int, int]:
        """Return how many windows there are along each of the two axes."""
        rows, columns = (-(-size // side) for size, side in zip(x.shape[1:3], self.window, strict=True))
        return rows, columns

    def _positions(self, x: TensorType) -> int:
        """Return the positions of all windows. Windows that extend beyond the map count in full."""
        return x["n"] * prod(self._counts(x)) * self._tokens()

    def bias_weights(self) -> tuple[Weight, ...]:
        """Return the weights of the position bias, without the index."""
        raise TypeError(f"{type(self).__name__} does not say its position bias")

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        c = x["c"]
        index = Weight("relative_position_index", (self._tokens() ** 2,), buffer=True, dtype="int64")
        biases = (Weight("qkv.bias", (3 * c,)), self.qkv_bias), (Weight("proj.bias", (c,)), self.proj_bias)
        return (
            Weight("qkv.weight", (3 * c, c)),
            Weight("proj.weight", (c, c)),
            *(bias for bias, wanted in biases if wanted),
            *self.bias_weights(),
            index,
        )

    def work(self, x: TensorType) -> Work:
        positions, c = self._positions(x), x["c"]
        scores = positions * self.heads * self._tokens()
        return Work(
            macs=positions * (4 * c * c + 2 * self._tokens() * c),
            bias_adds=positions * c * (3 * self.qkv_bias + self.proj_bias) + scores,
            activated=scores,
        )

    def training_work(self, x: TensorType) -> Work:
        positions = self._positions(x)
        weights = positions * self.heads * self._tokens() * (self.attention_dropout > 0)
        return self.work(x) + Work(elementwise=weights + positions * x["c"] * (self.dropout > 0))

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        positions, c, work = self._positions(x), x["c"], self.training_work(x)
        into, out = 3 * c * (wanted.weights + any(wanted.inputs)), c * (wanted.weights + wanted.any)
        return Work(
            macs=positions * c * (into + out + 4 * self._tokens() * wanted.any),
            bias_adds=work.bias_adds * wanted.weights,
            normalised=work.normalised * wanted.any,
            activated=work.activated * wanted.any,
            elementwise=work.elementwise * wanted.any,
        )

    def _projected(self, x: TensorType) -> Saved:
        """Return what is saved for the projection: the map, or a copy if its windows do not form one matrix."""
        known = laid(x)
        (n, h, w, c), (rows, columns), (a, b) = known.shape, self._counts(x), self.window
        y, x_, z = known.strides[1:]
        if (h, w) == (rows * a, columns * b) and not self._is_shifted(x):
            shape, strides = (n, rows, columns, a, b, c), (known.strides[0], a * y, b * x_, y, x_, z)
            if viewed(shape, strides, (n * h * w, c)) is not None:
                return Saved("input", when="weights")
        return Saved("own", shape=(self._positions(x), c), dtype=x.dtype, when="weights", name="windows")

    def _is_shifted(self, x: TensorType) -> bool:
        """Return whether any axis with several windows is shifted."""
        return any(shift and count > 1 for shift, count in zip(self._shifted(), self._counts(x), strict=True))

    def _heads_viewed(self, x: TensorType) -> bool:
        """Return whether a view turns the heads of one projection into a batch of matrices, so that none is copied."""
        t, c = self._tokens(), x["c"]
        windows = self._positions(laid(x)) // t
        shape, strides = (windows, self.heads, t, c // self.heads), (t * 3 * c, c // self.heads, 3 * c, 1)
        return viewed(shape, strides, (windows * self.heads, t, c // self.heads)) is not None

    def own(self, x: TensorType, name: str, width: int = 1) -> Saved:
        """Return a tensor that torch makes and saves, with `width` times the channels at each position."""
        return Saved("own", shape=(self._positions(x), width * x["c"]), dtype=x.dtype, name=name)

    def copies(self, x: TensorType, *names: str) -> tuple[Saved, ...]:
        """Return what is saved of keys and values: copies, head by head, or the projection of which they are views."""
        if self._heads_viewed(x):
            return (self.own(x, "projections", 3),)
        return tuple(self.own(x, name) for name in names)

    def scores_saved(self, x: TensorType) -> tuple[Saved, ...]:
        """Return what is saved of queries and keys."""
        raise TypeError(f"{type(self).__name__} does not say what it keeps of its scores")

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        result, scores = self.own(x, "result"), (self._positions(x), self.heads, self._tokens())
        weights = replace(result, name="weights", shape=scores)
        kept = [self._projected(x), *self.scores_saved(x), weights, replace(result, when="weights")]
        # dropout saves its mask; the weights are saved before and after it
        if self.attention_dropout:
            kept += [replace(weights, name=name, training_only=True) for name in ("attention mask", "dropped")]
        if self.dropout:
            kept.append(replace(result, name="mask", training_only=True))
        return tuple(kept)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course | None:
        (x,) = inputs
        known = laid(x)
        (n, h, w, c), (a, b) = known.shape, self.window
        windows = self._positions(known) // self._tokens()
        of = Heads(windows, self._tokens(), self.heads, c, self._heads_viewed(x), training)
        cut = Cut((n, h, w, c), self._counts(x), (a, b), self._is_shifted(x), self._projected(x).what == "own")
        return self.calls(x, cut, of, Options(self.qkv_bias, self.proj_bias, self.attention_dropout, self.dropout))

    def calls(self, x: TensorType, cut: Cut, of: Heads, options: Options) -> Course | None:
        """Return the calls in which torch computes it."""
        return within_windows(self, cut, of, options, x)

    def symbols(self, x: TensorType) -> Mapping[str, int]:
        return {
            "positions": self._positions(x) // x["n"],
            "tokens": self._tokens(),
            "offsets": self._offsets(),
        }

    def reach(self, x: TensorType) -> Reach:
        # a position sees its window; what the mask of a shifted window hides is not seen
        told: dict[str, Slide] = {}
        sides = zip(x.axes[1:3], self._counts(x), self.window, self._shifted(), strict=True)
        for axis, count, side, shift in sides:
            if side > 1:
                told[axis] = blocks(side, shift) if count > 1 else Slide(x[axis], 0)
        return Reach(told)

    def module(self, name: str, x: TensorType, source: str) -> Module:
        """Return the torch call of the class of that name."""
        args = (("embed_dim", x["c"]), ("num_heads", self.heads), ("window", tuple(self.window)))
        options = (
            ("shift", self._shifted(), (0, 0)),
            ("qkv_bias", self.qkv_bias, True),
            ("proj_bias", self.proj_bias, True),
            ("attention_dropout", self.attention_dropout, 0.0),
            ("dropout", self.dropout, 0.0),
        )
        return Module(name, args, options, source)
