"""Rotary positions: pairs of channels of queries and keys are rotated, by larger angles at later positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Kind, Module, Natural, Operator, Reach, Saved, Size, Slide, Work
from archlang.ops.checks import check_dtype
from archlang.ops.course_encodings import turned_pairs
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.heads import check_heads
from archlang.ops.joining import joined
from archlang.ops.layouts import Laid, Strides, blended, contiguous, laid, unsqueezed, viewed
from archlang.ops.parts import Course
from archlang.ops.rotary_source import Source, source_of
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class RotaryEmbedding(Operator):
    """Pairs of channels, rotated by t/base**(2i/dim) at position t (Su et al. 2021, RoPE, arXiv:2104.09864).

    Queries and keys pass through it before their product, which then depends on how far apart they are. Positions are
    the last axis but one. The input has axes n t c, with the channels divided among `heads`, or n g t c. All heads are
    rotated alike. Pair i holds channels i and i + dim/2 of a head, as in LLaMA and GPT-NeoX, or channels 2i and
    2i + 1 with `interleaved=true`, as in the paper and GPT-J. With `dim`, only the first `dim` channels of each head
    are rotated. Positions count from `offset`, or are a second input of whole numbers: n t, or t for all images. A
    value takes two products and a sum. The sines and cosines are not counted. torch saves them, dim/2 of each for each
    position. It has no weights and no MACs.

        elementwise = 3*turned*h*w
    """

    pointwise = True
    runs = replace(SEVERAL_CALLS, autocast="given")
    word: ClassVar[str] = "rotary_embedding"
    flows: ClassVar[Mapping[str, str]] = {"positions": "(x, positions) -> rotary_embedding 8"}
    elsewhere: ClassVar[tuple[str, ...]] = ("RotaryEmbedding", "RoPE", "rotary", "apply_rotary_pos_emb")
    arity: ClassVar[tuple[int, ...]] = (1, 2)
    positional: ClassVar[Mapping[str, Kind]] = {"heads": "number"}
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("needs-channels-last", "wrong-rank", "wrong-dtype"),
        "base": "at 0 and below, the result would be NaN",
        "channels-do-not-divide": "its source rotates pairs",
        "dim": "its source rotates nothing if it is 0",
        "offset": "positions before the first are rotated the other way",
        "out-of-range": "its source rotates at most a whole head, and adds no offset to positions that are an input",
        "unequal-sizes": "its source repeats one position along all",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example("rotary_embedding", "6x8 n t c"),
        Example("rotary_embedding interleaved=true base=500", "5x4 n t c"),
        Example("rotary_embedding", "2x3x4 n h w c"),
        Example("rotary_embedding 2 offset=3", "5x8 n t c"),
        Example("rotary_embedding 2 dim=2 interleaved=true", "5x8 n t c"),
        Example("rotary_embedding dim=2", "2x3x4 n h w c, 3 int64"),
        Example("rotary_embedding 2", "5x8 n t c, 5 int64"),
    )

    heads: Size | None = None
    base: Annotated[float, Field(gt=0)] = 10000.0
    interleaved: bool = False
    dim: Size | None = None
    offset: Natural = 0

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        x = inputs[0]
        check_channels_last(x, self.word)
        if len(x.axes) < 3 or x.axes[0] != "n":
            message = f"{self.word} takes axes n t c or n g t c, but its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        if len(x.axes) > 3 and self.heads is not None:
            raise Rejected("wrong-rank", f"{x} has an axis of heads, so `heads` must be left out", about="heads")
        check_dtype(x, self.word)
        if len(x.axes) == 3:
            check_heads(x["c"], self.heads or 1)
        width, dim = self._widths(x)
        if dim % 2:
            message = f"{self.word} rotates pairs of channels, and a head of {x} has {dim}"
            raise Rejected("channels-do-not-divide", message, about="dim" if self.dim else "input")
        if dim > width:
            message = f"a head of {x} has {width} channels, and `dim` is {dim}"
            raise Rejected("out-of-range", message, about="dim")
        for positions in inputs[1:]:
            self._check_positions(x, positions)
        return (x,)

    def _check_positions(self, x: TensorType, positions: TensorType) -> None:
        """Raise `Rejected` unless there is an integer for each position, of each image or of all."""
        if positions.dtype not in ("int64", "int32"):
            message = f"the positions of {self.word} are whole numbers, and {positions} is {positions.dtype}"
            raise Rejected("wrong-dtype", message, help="write `dtype=int64` at the input", about="input")
        given = positions.shape[1:] if positions.axes[:1] == ("n",) else positions.shape
        if given != x.shape[-2:-1] or (len(positions.shape) > 1 and positions.shape[0] != x["n"]):
            message = f"{self.word} takes a whole number for each of {x.shape[-2]} positions, not {positions}"
            raise Rejected("unequal-sizes", message, about="input")
        if self.offset:
            message = "positions that are an input take no `offset`"
            raise Rejected("out-of-range", message, help="add it to them: `shift`", about="offset")

    def _widths(self, x: TensorType) -> tuple[int, int]:
        """Return the channels of a head, and how many of them are rotated."""
        width = x["c"] // (self.heads or 1)
        return width, width if self.dim is None else self.dim

    def _turned(self, x: TensorType) -> int:
        """Return how many channels are rotated, in all heads."""
        return self._widths(x)[1] * (self.heads or 1)

    def work(self, *inputs: TensorType) -> Work:
        x = inputs[0]
        return Work(elementwise=3 * x.values // x["c"] * self._turned(x))

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        return {"turned": self._turned(inputs[0])}

    def reach(self, *inputs: TensorType) -> Reach:
        x, *positions = inputs
        if all("n" not in one.axes or one.axes[1] == x.axes[-2] for one in positions):
            return Reach()
        return Reach(inputs=({}, {positions[0].axes[1]: Slide(axis=x.axes[-2])}))

    # ---- in torch

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        x, *positions = inputs
        batched = [*positions[:1]] and "n" in positions[0].axes
        shape = (*x.shape[:1] * bool(batched), x.shape[-2], self._widths(x)[1] // 2)
        waves = Saved("own", shape=shape, dtype=x.dtype, per_image=bool(batched), when="inputs")
        return tuple(replace(waves, name=name) for name in ("cosines", "sines"))

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course | None:
        if inputs[0].dtype != "float32":
            return None  # the sines are computed in float32, and then converted
        kind, dim = self._kind(inputs), self._widths(inputs[0])[1]
        return turned_pairs(self, inputs, kind, dim, self.heads or 1, interleaved=self.interleaved)

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        whole, kind = laid(inputs[0]), self._kind(inputs)
        known, dim = self._by_head(whole), self._widths(inputs[0])[1]
        shape = (*known.shape[:-1], dim // 2)
        step = 2 if self.interleaved else 1
        half = replace(known, shape=shape, strides=(*known.strides[:-1], step * known.strides[-1]))
        (images, *heads), positions = known.shape[:-2], known.shape[-2]
        if kind.split:
            positions, heads = known.shape[1], []
        batch = (images,) if kind.batched else ()
        lying = (*batch, *(1,) * len(heads) * kind.batched, positions, *(1,) * kind.split, dim // 2)
        waves = Laid(lying, known.axes[-len(lying) :], known.dtype, contiguous(lying))
        turned = replace(half, strides=blended(shape, half, waves))
        turned = replace(turned, strides=blended(shape, turned, turned))  # the sum of two products
        given = self._laid_together(known, turned, dim)
        if not kind.split:
            return (given,)
        return (viewed(known.shape, given, whole.shape) or contiguous(whole.shape),)

    def _by_head(self, x: Laid) -> Laid:
        """Return the input with an axis of heads, n t h c, if the channels are divided."""
        if self.heads in (None, 1):
            return x
        shape = (*x.shape[:2], self.heads, x.shape[2] // self.heads)
        strides = viewed(x.shape, x.strides, shape)
        assert strides is not None, "one axis can always be divided"
        return Laid(shape, ("n", "t", "h", "c"), x.dtype, strides)

    def _laid_together(self, known: Laid, turned: Laid, dim: int) -> Strides:
        """Return the strides of the result: the rotated halves, joined or stacked, and the other channels."""
        shape = (*known.shape[:-1], dim)
        rest = replace(known, shape=(*known.shape[:-1], known.shape[-1] - dim))
        parts = [turned, turned]
        if self.interleaved:
            pairs = (*turned.shape, 2)
            stacked = joined(pairs, [unsqueezed(turned, len(turned.shape))] * 2)
            lying = viewed(pairs, stacked, shape) or contiguous(shape)
            if not prod(rest.shape):
                return lying
            parts = [replace(known, shape=shape, strides=lying)]
        return joined(known.shape, [*parts, *[rest] * bool(prod(rest.shape))])

    def _kind(self, inputs: tuple[TensorType, ...]) -> Source:
        x, *positions = inputs
        width, dim = self._widths(x)
        return Source(
            split=self.heads not in (None, 1),
            partial=dim < width,
            positions=bool(positions),
            batched=any("n" in one.axes for one in positions),
            between=len(x.axes) - 3,
        )

    def torch(self, *inputs: TensorType) -> Module:
        kind = self._kind(inputs)
        options: list[tuple[str, object, object]] = [("base", self.base, 10000.0)]
        options += [("interleaved", self.interleaved, False)]
        options += [("heads", self.heads, 1)] * kind.split
        options += [("dim", self.dim, None)] * kind.partial
        options += [("offset", self.offset, 0)] * (not kind.positions)
        return Module(kind.name, (), tuple(options), source_of(kind))
