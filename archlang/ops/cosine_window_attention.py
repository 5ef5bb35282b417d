"""Attention by cosines within the windows of a map, as in version 2 of Swin transformers."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from archlang.ops.base import Example, Module, Saved, Wanted, Weight, Work
from archlang.ops.course_shifted import Cut, Options, within_windows
from archlang.ops.course_windows import Heads
from archlang.ops.layouts import laid
from archlang.ops.parts import Course
from archlang.ops.windowed import InWindows
from archlang.ops.windowed_source import written
from archlang.shapes import TensorType

_HIDDEN = 512  # of the small network that makes the position bias

_NETWORK = """
        y, x = (torch.arange(1.0 - k, k) / max(k - 1, 1) * 8 for k in window)
        offsets = torch.stack(torch.meshgrid(y, x, indexing="ij"), -1)[None]
        offsets = torch.sign(offsets) * torch.log2(torch.abs(offsets) + 1.0) / 3.0
        self.register_buffer("relative_coords_table", offsets)
        self.logit_scale = nn.Parameter(torch.full((num_heads, 1, 1), 10.0).log())
        self.cpb_mlp = nn.Sequential(
            nn.Linear(2, 512),
            nn.ReLU(inplace=True),
            nn.Linear(512, num_heads, bias=False),
        )
"""

_COSINES = '''
    def project(self, x):
        """Keys have no bias: what the weights hold for them is not used."""
        bias = self.qkv.bias
        if bias is not None:
            q, k, v = bias.chunk(3)
            bias = torch.cat((q, torch.zeros_like(k), v))
        return nn.functional.linear(x, self.qkv.weight, bias)

    def scores(self, q, k):
        q, k = nn.functional.normalize(q, dim=-1), nn.functional.normalize(k, dim=-1)
        scale = self.logit_scale.clamp(max=4.605170185988092).exp()  # at most 100
        return q @ k.transpose(2, 3) * scale

    def table(self):
        return self.cpb_mlp(self.relative_coords_table).view(-1, self.num_heads)
'''


class CosineWindowAttention(InWindows):
    """Attention of n h w c within windows by scaled cosines (Liu et al. 2022, arXiv:2111.09883, Swin version 2).

    softmax(cos(Q, K)*s + B)·V. The windows and their shift are those of `window_attention`. s is learned for each
    head and is at most 100. B is the log-spaced continuous position bias. A small network with two inputs, 512 hidden
    units and one output for each head computes it from the offset between two positions, as 16*sigmoid(output), so
    that it works for windows of other sizes. Along a side of 1 the offset is 0. The computation and the names of the
    weights are torchvision's. The MACs are those of the projections, of Q·Kᵀ and A·V in each window, padded positions
    included, and of the small network, once for a batch.

        params = 4*c*c + 3*c*qkv_bias + c*proj_bias + heads + 3*512 + 512*heads
        buffers = tokens*tokens + 2*offsets
        MACs = positions*(4*c*c + 2*tokens*c) + offsets*(2*512 + 512*heads)/n
        bias_adds = positions*(3*c*qkv_bias + c*proj_bias + heads*tokens) + offsets*512/n
        normalised = 2*positions*c
        activated = positions*heads*tokens + (offsets*512 + heads*tokens*tokens)/n
        elementwise = positions*heads*tokens
    """

    runs = replace(InWindows.runs, weights="any format")
    word: ClassVar[str] = "cosine_window_attention"
    family: ClassVar[str] = "attention"
    elsewhere: ClassVar[tuple[str, ...]] = ("ShiftedWindowAttentionV2", "WindowAttentionV2", "scaled_cosine_attention")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("cosine_window_attention 2x2 2 shift=1", "4x6x4 n h w c"),
        Example("cosine_window_attention 2x3 1 qkv_bias=false", "5x7x4 n h w c"),
        Example("cosine_window_attention 4x4 2 shift=[2, 1] dropout=0.5", "4x6x4 n h w c"),
        Example("cosine_window_attention 3x2 2 shift=1 proj_bias=false", "7x5x4 n h w c"),
        Example("cosine_window_attention 4x4 1 attention_dropout=0.25", "4x4x4 n h w c"),
    )

    def bias_weights(self) -> tuple[Weight, ...]:
        rows, columns = (2 * side - 1 for side in self.window)
        return (
            Weight("logit_scale", (self.heads, 1, 1), factor=True),
            Weight("cpb_mlp.0.weight", (_HIDDEN, 2)),
            Weight("cpb_mlp.0.bias", (_HIDDEN,)),
            Weight("cpb_mlp.2.weight", (self.heads, _HIDDEN)),
            Weight("relative_coords_table", (1, rows, columns, 2), buffer=True),
        )

    def once(self, x: TensorType) -> Work:
        """Return the arithmetic of the small network, whose input does not depend on the images."""
        hidden = self._offsets() * _HIDDEN
        return Work(
            macs=hidden * (2 + self.heads),
            bias_adds=hidden,
            activated=hidden + self.heads * self._tokens() ** 2,
        )

    def work(self, x: TensorType) -> Work:
        work = super().work(x)
        return work + Work(normalised=2 * self._positions(x) * x["c"], elementwise=work.activated) + self.once(x)

    def once_backward(self, wanted: Wanted, x: TensorType) -> Work:
        """Return the arithmetic of its backward pass. Its input, the offsets, gets no gradient."""
        work = self.once(x)
        trained = replace(work, macs=2 * work.macs - self._offsets() * _HIDDEN * 2)
        return trained * wanted.weights

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        positions, scores = self._positions(x) * x["c"], self._positions(x) * self.heads * self._tokens()
        own = Work(normalised=2 * positions, elementwise=scores) * wanted.any
        return super().backward(wanted, x) + own + self.once_backward(wanted, x)

    def scores_saved(self, x: TensorType) -> tuple[Saved, ...]:
        # torch saves the projected queries and keys, their norms before and after these are bounded from below,
        # the cosines, and the scale of each head
        unit, scores = self.own(x, "unit vectors"), (self._positions(x), self.heads, self._tokens())
        norms = replace(unit, shape=scores[:2], name="norms")
        cosines = replace(unit, shape=scores, when="weights", name="cosines")
        scales = replace(unit, shape=(self.heads,), per_image=False, name="scales")
        hidden = replace(scales, shape=(self._offsets(), _HIDDEN), when="weights", name="hidden units")
        bias = replace(scales, shape=(self._tokens() ** 2, self.heads), when="weights", name="position bias")
        values = () if self._heads_viewed(x) else (self.own(x, "values"),)
        # for the product, a table with its channels innermost is copied, unless its rows are contiguous
        offsets = replace(scales, shape=(self._offsets(), 2), when="weights", name="offsets")
        table = laid(x).weights and 1 not in self.window
        copied = (offsets,) if table else ()
        own = (cosines, scales, hidden, bias, *copied)
        return (self.own(x, "projections", 3), *values, unit, unit, *(norms,) * 4, *own)

    def calls(self, x: TensorType, cut: Cut, of: Heads, options: Options) -> Course | None:
        if laid(x).weights:
            return None  # a table with its channels innermost may be copied
        return within_windows(self, cut, of, options, x, (self._offsets(), _HIDDEN))

    def torch(self, x: TensorType) -> Module:
        what = "Attention by cosines within shifted windows, its bias made by a small network."
        bias = "16 * bias.permute(2, 0, 1).contiguous().sigmoid()"
        source = written("CosineWindowAttention", what, _NETWORK, _COSINES, bias)
        return self.module("CosineWindowAttention", x, source)
