"""Attention within the windows of a map, as in Swin transformers."""

from __future__ import annotations

from typing import ClassVar

from archlang.ops.base import Example, Module, Saved, Weight
from archlang.ops.windowed import InWindows
from archlang.ops.windowed_source import written
from archlang.shapes import TensorType

_TABLE = """
        table = torch.empty(2 * a - 1, 2 * b - 1, num_heads).flatten(0, 1)
        nn.init.trunc_normal_(table, std=0.02)
        self.relative_position_bias_table = nn.Parameter(table)
"""

_DOT_PRODUCTS = """
    def project(self, x):
        return self.qkv(x)

    def scores(self, q, k):
        return (q * q.shape[-1] ** -0.5) @ k.transpose(2, 3)

    def table(self):
        return self.relative_position_bias_table
"""


class WindowAttention(InWindows):
    """Multi-head attention of n h w c within windows (Liu et al. 2021, arXiv:2103.14030): softmax(Q·Kᵀ/sqrt(d) + B)·V.

    `window_attention 7x7 3 shift=3` has windows of 7x7 side by side and 3 heads, each d = c/heads wide. B is learned:
    one number for each head and each offset between two positions of a window. A map that is no multiple of the
    window is padded with zeros at its end, and the padded positions are keys like others. `shift` moves the windows by
    this number of positions, down and to the right. The last windows continue at the other side of the map; -100 is
    added to the scores between positions of different sides. An axis that one window covers is not shifted.
    `attention_dropout` applies to the weights, `dropout` to the result. The computation and the names of the weights
    are torchvision's. The MACs are those of the projections, and of Q·Kᵀ and A·V in each window, padded positions
    included.

        params = 4*c*c + 3*c*qkv_bias + c*proj_bias + offsets*heads
        buffers = tokens*tokens
        MACs = positions*(4*c*c + 2*tokens*c)
        bias_adds = positions*(3*c*qkv_bias + c*proj_bias + heads*tokens)
        activated = positions*heads*tokens
    """

    word: ClassVar[str] = "window_attention"
    family: ClassVar[str] = "attention"
    elsewhere: ClassVar[tuple[str, ...]] = ("ShiftedWindowAttention", "shifted_window_attention", "WindowAttention")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("window_attention 2x2 2 shift=1", "4x6x4 n h w c"),
        Example("window_attention 2x3 1 qkv_bias=false proj_bias=false", "5x7x4 n h w c"),
        Example("window_attention 4x4 2 shift=2 attention_dropout=0.25", "4x6x4 n h w c"),
        Example("window_attention 3x2 2 shift=[1, 0] dropout=0.5", "7x5x4 n h w c"),
    )

    def bias_weights(self) -> tuple[Weight, ...]:
        return (Weight("relative_position_bias_table", (self._offsets(), self.heads)),)

    def scores_saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (self.own(x, "queries"), *self.copies(x, "keys", "values"))

    def torch(self, x: TensorType) -> Module:
        what = "Attention within shifted windows, a bias learned for each offset in them."
        bias = "bias.permute(2, 0, 1).contiguous()"
        return self.module("WindowAttention", x, written("WindowAttention", what, _TABLE, _DOT_PRODUCTS, bias))
