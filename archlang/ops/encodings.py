"""Positions told to what knows none: sines and cosines that are added, or by which pairs of channels are turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Module, Operator, Saved, Work
from archlang.ops.checks import check_dtype
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.joining import joined
from archlang.ops.layouts import (
    Laid,
    Strides,
    blended,
    contiguous,
    laid,
    unsqueezed,
    viewed,
)
from archlang.ops.runs import ONE_CALL, SEVERAL_CALLS
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

_SINES = '''
class PositionalEncoding(nn.Module):
    """Adds sin and cos of each position, at a rate for each pair of channels."""

    def __init__(self, base=10000.0):
        super().__init__()
        self.base = base

    def forward(self, x):
        length, width = x.shape[1:]
        pairs = torch.arange(0, width, 2, device=x.device) / width
        angles = torch.arange(length, device=x.device)[:, None] / self.base**pairs
        table = torch.stack([angles.sin(), angles.cos()], 2).flatten(1)
        return x + table[:, :width].to(x.dtype)
'''
_ROTARY = '''
class RotaryEmbedding(nn.Module):
    """Turns each pair of channels by an angle that grows with the position."""

    def __init__(self, base=10000.0, interleaved=False):
        super().__init__()
        self.base = base
        self.interleaved = interleaved

    def forward(self, x):
        length, width = x.shape[-2:]
        pairs = torch.arange(0, width, 2, device=x.device) / width
        angles = torch.arange(length, device=x.device)[:, None] / self.base**pairs
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        if self.interleaved:
            a, b = x[..., 0::2], x[..., 1::2]
            return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
'''
_STRICTER = beyond_torch(
    "needs-channels-last", "wrong-rank", "wrong-dtype", base="at 0 and below, the source computes what is no number"
)


class _Encoding(Operator):
    """What the two share: the base, whose powers are the wave lengths; channels stand last."""

    pointwise = True
    runs = SEVERAL_CALLS

    base: Annotated[float, Field(gt=0)] = 10000.0


class PositionalEncoding(_Encoding):
    """x + sin or cos of each position, by turns (Vaswani et al. 2017, arXiv:1706.03762, section 3.5), of n t c.

    Channels 2i and 2i + 1 get sin and cos of t/base**(2i/c). An encoding that is learned is a `param` that is added.
    The sines are the same for all images, and are not counted. No weights, no MACs.

        elementwise = t*c
    """

    runs = replace(ONE_CALL, gradients="whole", forward=None, saved="nothing")
    word: ClassVar[str] = "positional_encoding"
    elsewhere: ClassVar[tuple[str, ...]] = ("PositionalEncoding", "SinePositionEncoding", "sinusoidal", "sinusoid")
    stricter: ClassVar[Mapping[str, str]] = _STRICTER
    examples: ClassVar[tuple[Example, ...]] = (
        Example("positional_encoding", "6x8 n t c"),
        Example("positional_encoding base=100", "5x3 n t c"),
    )

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels_last(x, self.word)
        if len(x.axes) != 3 or x.axes[0] != "n":
            message = f"positional_encoding takes axes n t c, and its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        _, t, c = known.shape
        return (blended(known.shape, known, Laid((t, c), x.axes[1:], x.dtype, (c + c % 2, 1))),)

    def torch(self, x: TensorType) -> Module:
        return Module("PositionalEncoding", (), (("base", self.base, 10000.0),), _SINES)


class RotaryEmbedding(_Encoding):
    """Each pair of channels turned by t/base**(2i/c) at position t (Su et al. 2021, RoPE, arXiv:2104.09864).

    It is put before the products of queries and keys, which then hang on how far apart they are. Positions are the last
    axis but one: n t c, or n g t c with heads. Pair i holds channels i and i + c/2, as in LLaMA and GPT-NeoX; with
    `interleaved=true` channels 2i and 2i + 1, as in the paper and GPT-J. A value takes two products and a sum. The
    sines are not counted; torch keeps them and the cosines, c/2 for each position. No weights, no MACs.

        elementwise = 3*c*h*w
    """

    word: ClassVar[str] = "rotary_embedding"
    elsewhere: ClassVar[tuple[str, ...]] = ("RotaryEmbedding", "RoPE", "rotary", "apply_rotary_pos_emb")
    stricter: ClassVar[Mapping[str, str]] = {**_STRICTER, "channels-do-not-divide": "its source turns pairs"}
    examples: ClassVar[tuple[Example, ...]] = (
        Example("rotary_embedding", "6x8 n t c"),
        Example("rotary_embedding interleaved=true base=500", "5x4 n t c"),
        Example("rotary_embedding", "2x3x4 n h w c"),
    )

    interleaved: bool = False

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels_last(x, self.word)
        if len(x.axes) < 3 or x.axes[0] != "n":
            message = f"rotary_embedding takes axes n t c or n g t c, and its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        if x["c"] % 2:
            message = f"rotary_embedding turns pairs of channels, and {x} has {x['c']}"
            raise Rejected("channels-do-not-divide", message, about="input")
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=3 * x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        t, c = x.shape[-2:]
        names = ("cosines", "sines")
        return tuple(
            Saved("own", shape=(t, c // 2), dtype=x.dtype, per_image=False, when="inputs", name=name) for name in names
        )

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        *first, t, c = known.shape
        shape = (*first, t, c // 2)
        step = 2 if self.interleaved else 1
        half = replace(known, shape=shape, strides=(*known.strides[:-1], step * known.strides[-1]))
        waves = Laid((t, c // 2), x.axes[-2:], x.dtype, contiguous((t, c // 2)))
        turned = replace(half, strides=blended(shape, half, waves))
        turned = replace(turned, strides=blended(shape, turned, turned))  # the sum of two products
        if not self.interleaved:
            return (joined(known.shape, [turned, turned]),)
        stacked = joined((*shape, 2), [unsqueezed(turned, len(shape))] * 2)
        return (viewed((*shape, 2), stacked, known.shape) or contiguous(known.shape),)

    def torch(self, x: TensorType) -> Module:
        options = (("base", self.base, 10000.0), ("interleaved", self.interleaved, False))
        return Module("RotaryEmbedding", (), options, _ROTARY)
