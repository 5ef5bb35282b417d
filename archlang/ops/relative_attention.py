"""Attention over the positions of windows that another operator has cut, with a bias for each offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any, ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Autocast,
    Example,
    Kind,
    Module,
    Operator,
    Reach,
    Saved,
    Size,
    Wanted,
    Weight,
    Work,
    seeing_all,
)
from archlang.ops.checks import check_dtype
from archlang.ops.course_windows import Heads, relative
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.heads import check_heads
from archlang.ops.layouts import laid, viewed
from archlang.ops.parts import Course
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Sizes
from archlang.shapes import TensorType, Window

_RELATIVE_ATTENTION = '''
class RelativeAttention(nn.Module):
    """Attention among the positions of a window, a bias learned for each offset."""

    def __init__(self, embed_dim, num_heads, window, scale, bias=True):
        super().__init__()
        self.num_heads = num_heads
        self.scale = scale
        self.to_qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=bias)
        self.merge = nn.Linear(embed_dim, embed_dim, bias=bias)
        a, b = window
        table = torch.empty(2 * a - 1, 2 * b - 1, num_heads).flatten(0, 1)
        nn.init.trunc_normal_(table, std=0.02)
        self.relative_position_bias_table = nn.Parameter(table)
        y = torch.arange(a).repeat_interleave(b)
        x = torch.arange(b).repeat(a)
        rows, columns = y[:, None] - y + a - 1, x[:, None] - x + b - 1
        self.register_buffer("relative_position_index", rows * (2 * b - 1) + columns)

    def forward(self, x):
        heads = (-1, (self.num_heads, -1))
        parts = self.to_qkv(x).chunk(3, -1)
        q, k, v = (part.unflatten(*heads).transpose(-3, -2) for part in parts)
        bias = self.relative_position_bias_table[self.relative_position_index]
        bias = bias.permute(2, 0, 1).contiguous()
        scores = q @ (k * self.scale).transpose(-2, -1) + bias
        return self.merge((scores.softmax(-1) @ v).transpose(-3, -2).flatten(-2))
'''


class RelativeAttention(Operator):
    """Multi-head attention among the positions of a window, with a bias for each offset: softmax(Q·Kᵀ*s + B)·V.

    The input has axes n t c, or four axes. Its last axis but one holds the positions of one window, row by row:
    `relative_attention 7x7 2` takes windows of 7x7 positions and has 2 heads, as in MaxViT (Tu et al. 2022,
    arXiv:2204.01697). `rearrange` cuts the windows or grids before it. B is learned: one number for each head and
    each offset between two positions (Shaw et al. 2018, arXiv:1803.02155; Liu et al. 2021, arXiv:2103.14030). s is
    1/sqrt(c/heads), or 1/sqrt(c) with `scale=channels`, as in torchvision, whose names the weights have. The MACs are
    those of the projections, and of Q·Kᵀ and A·V in each window.

        params = 4*c*c + 4*c*bias + offsets*heads
        buffers = tokens*tokens
        MACs = positions*(4*c*c + 2*tokens*c)
        bias_adds = positions*(4*c*bias + heads*tokens)
        activated = positions*heads*tokens
    """

    runs = replace(SEVERAL_CALLS, autocast=Autocast("lower", known="result"))
    word: ClassVar[str] = "relative_attention"
    family: ClassVar[str] = "attention"
    positional: ClassVar[Mapping[str, Kind]] = {"window": "window", "heads": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("RelativePositionalMultiHeadAttention", "relative_position_attention")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("relative_attention 2x2 2", "4x8 n t c"),
        Example("relative_attention 2x3 1 bias=false", "6x4 n t c"),
        Example("relative_attention 2x2 4 scale=channels", "3x4x8 n h w c"),
        Example("relative_attention 1x4 2 scale=channels bias=false", "2x4x4 n h w c"),
    )

    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("needs-channels-last", "wrong-rank"),
        "unequal-sizes": "torch adds the bias of a window of one position to windows of any size",
    }

    window: Sizes
    heads: Size
    scale: Literal["head", "channels"] = "head"
    bias: bool = True

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels_last(x, self.word)
        if len(x.axes) not in (3, 4) or x.axes[0] != "n":
            message = (
                f"{self.word} takes axes n t c or four of them, the channels last, but its input {x} has {x.names}"
            )
            raise Rejected("wrong-rank", message, about="input")
        check_dtype(x, self.word, weighted=True)
        if len(self.window) != 2:
            message = f"the window of {self.word} has 2 sides, but this one has {len(self.window)}"
            raise Rejected("window-rank", message, about="window")
        if self._tokens() != x.shape[-2]:
            message = f"a window of {Window(self.window)} has {self._tokens()} positions, but {x} has {x.shape[-2]}"
            raise Rejected("unequal-sizes", message, about="window")
        check_heads(x["c"], self.heads)
        return (x,)

    def _tokens(self) -> int:
        return prod(self.window)

    def _offsets(self) -> int:
        """Return how many different offsets there are between two positions of a window."""
        return prod(2 * side - 1 for side in self.window)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        c, tokens = x["c"], self._tokens()
        biases = (Weight("to_qkv.bias", (3 * c,)), Weight("merge.bias", (c,))) if self.bias else ()
        return (
            Weight("to_qkv.weight", (3 * c, c)),
            Weight("merge.weight", (c, c)),
            *biases,
            Weight("relative_position_bias_table", (self._offsets(), self.heads)),
            Weight("relative_position_index", (tokens, tokens), buffer=True, dtype="int64"),
        )

    def work(self, x: TensorType) -> Work:
        c, tokens = x["c"], self._tokens()
        scores = x.values // c * self.heads * tokens
        return Work(
            macs=x.values * (4 * c + 2 * tokens),
            bias_adds=4 * x.values * self.bias + scores,
            activated=scores,
        )

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        c, work = x["c"], self.work(x)
        into, out = 3 * c * (wanted.weights + any(wanted.inputs)), c * (wanted.weights + wanted.any)
        return Work(
            macs=x.values * (into + out + 4 * self._tokens() * wanted.any),
            bias_adds=work.bias_adds * wanted.weights,
            activated=work.activated * wanted.any,
        )

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        known, c = laid(x), x["c"]

        def own(name: str, *shape: int) -> Saved:
            return Saved("own", shape=shape, dtype=x.dtype, name=name, when="weights" if name == "result" else "any")

        projected = Saved("input", when="weights")
        if viewed(known.shape, known.strides, (prod(known.shape[:-1]), c)) is None:
            projected = Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy")
        copies: tuple[Saved, ...] = (own("queries", *x.shape), own("values", *x.shape))
        if self._heads_viewed(x):  # both are saved as views of the projection
            copies = (own("projected", *x.shape[:-1], 3 * c),)
        weights = own("weights", *x.shape[:-1], self.heads, self._tokens())
        return (projected, own("keys", *x.shape), *copies, weights, own("result", *x.shape))

    def _heads_viewed(self, x: TensorType) -> bool:
        """Return whether a view turns the heads of one projection into a batch of matrices, so that none is copied."""
        t, c = self._tokens(), x["c"]
        windows, width = prod(laid(x).shape[:-2]), c // self.heads
        strides = (t * 3 * c, width, 3 * c, 1)
        return viewed((windows, self.heads, t, width), strides, (windows * self.heads, t, width)) is not None

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        (x,) = inputs
        windows, c = prod(laid(x).shape[:-2]), x["c"]
        of = Heads(windows, self._tokens(), self.heads, c, self._heads_viewed(x), training)
        return relative(self, x, of, bias=self.bias)

    def symbols(self, x: TensorType) -> Mapping[str, int]:
        positions = x.values // x["c"] // x["n"]
        return {"positions": positions, "tokens": self._tokens(), "offsets": self._offsets()}

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, x.axes[-2:-1]))

    def torch(self, x: TensorType) -> Module:
        check_heads(x["c"], self.heads)
        scale = (x["c"] if self.scale == "channels" else x["c"] // self.heads) ** -0.5
        args = (
            ("embed_dim", x["c"]),
            ("num_heads", self.heads),
            ("window", tuple(self.window)),
            ("scale", scale),
        )
        return Module("RelativeAttention", args, (("bias", self.bias, True),), _RELATIVE_ATTENTION)
