"""Encodings of positions that are added to a sequence: sines and cosines, or learned vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import Autocast, Example, Kind, Module, Operator, Size, Wanted, Weight, Work
from archlang.ops.checks import check_dtype
from archlang.ops.course_encodings import rows_added, sines_added
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.layouts import Laid, Strides, blended, contiguous, laid
from archlang.ops.parts import Course
from archlang.ops.runs import ONE_CALL
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
_LEARNED = '''
class PositionalEmbedding(nn.Embedding):
    """Adds a learned vector to each position."""

    def forward(self, x):
        return x + self.weight[: x.shape[1]]
'''
_STRICTER = beyond_torch(
    "needs-channels-last", "wrong-rank", "wrong-dtype", base="at 0 and below, the result would be NaN"
)


def _check(x: TensorType, operator: str) -> None:
    """Raise `Rejected` unless the axes are n t c."""
    check_channels_last(x, operator)
    if len(x.axes) != 3 or x.axes[0] != "n":
        message = f"{operator} takes axes n t c, but its input {x} has {x.names}"
        raise Rejected("wrong-rank", message, about="input")


class PositionalEncoding(Operator):
    """x plus sin or cos of each position, alternating over the channels (Vaswani et al. 2017, arXiv:1706.03762).

    The input is n t c. Channels 2i and 2i + 1 get sin and cos of t/base**(2i/c) (section 3.5). A learned encoding is a
    `param` that is added. The sines are the same for all images, and are not counted. No weights, no MACs.

        elementwise = t*c
    """

    pointwise = True
    runs = replace(ONE_CALL, gradients="whole", forward=None, saved="nothing", autocast="given")
    word: ClassVar[str] = "positional_encoding"
    family: ClassVar[str] = "embedding"
    elsewhere: ClassVar[tuple[str, ...]] = ("PositionalEncoding", "SinePositionEncoding", "sinusoidal", "sinusoid")
    stricter: ClassVar[Mapping[str, str]] = _STRICTER
    examples: ClassVar[tuple[Example, ...]] = (
        Example("positional_encoding", "6x8 n t c"),
        Example("positional_encoding base=100", "5x3 n t c"),
    )

    base: Annotated[float, Field(gt=0)] = 10000.0

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        _check(x, self.word)
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course | None:
        (x,) = inputs
        return sines_added(self, x) if x.dtype == "float32" else None  # else the table is converted

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        _, t, c = known.shape
        return (blended(known.shape, known, Laid((t, c), x.axes[1:], x.dtype, (c + c % 2, 1))),)

    def torch(self, x: TensorType) -> Module:
        return Module("PositionalEncoding", (), (("base", self.base, 10000.0),), _SINES)


class PositionalEmbedding(Operator):
    """x + a learned vector for each position, of n t c, as in GPT-2 and BERT: row t of a table of `count` rows.

    No MACs.

        params = count*c
        elementwise = t*c
    """

    pointwise = True
    runs = replace(
        ONE_CALL, gradients="whole", backward=None, saved="nothing", autocast=Autocast("float32", known="float32")
    )
    word: ClassVar[str] = "positional_embedding"
    family: ClassVar[str] = "embedding"
    elsewhere: ClassVar[tuple[str, ...]] = (
        "PositionEmbedding", "LearnedPositionalEmbedding", "AbsolutePositionalEmbedding", "position_embeddings", "wpe",
    )  # fmt: skip
    positional: ClassVar[Mapping[str, Kind]] = {"count": "number"}
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("needs-channels-last", "wrong-rank", "wrong-dtype"),
        "out-of-range": "torch adds the one vector of a table of one row to every position",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example("positional_embedding 9", "6x8 n t c"),
        Example("positional_embedding 5", "5x3 n t c"),
    )

    count: Size

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        _check(x, self.word)
        check_dtype(x, self.word, weighted=True)
        if x["t"] > self.count:
            message = f"{self.word} has vectors for {self.count} positions, and {x} has {x['t']}"
            raise Rejected("out-of-range", message, about="count")
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (self.count, x["c"])),)

    def work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values)

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        return Work(elementwise=x.values * wanted.any)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        (x,) = inputs
        return rows_added(self, x)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        rows = Laid(known.shape[1:], x.axes[1:], x.dtype, contiguous(known.shape[1:]))
        return (blended(known.shape, known, rows),)

    def torch(self, x: TensorType) -> Module:
        args = (("num_embeddings", self.count), ("embedding_dim", x["c"]))
        return Module("PositionalEmbedding", args, (), _LEARNED)
