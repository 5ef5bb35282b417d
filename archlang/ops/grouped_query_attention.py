"""Attention whose heads share keys and values in groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.attention import OfTokens
from archlang.ops.base import Example, Module, Size
from archlang.ops.composed import Composed, Part
from archlang.ops.heads import check_heads
from archlang.ops.linear import Linear
from archlang.ops.scaled_dot_product import ScaledDotProduct
from archlang.shapes import TensorType

_GROUPED_QUERY_ATTENTION = '''
class GroupedQueryAttention(nn.Module):
    """Attention over n t c whose heads share keys and values in groups."""

    def __init__(
        self,
        embed_dim,
        num_heads,
        kv_heads,
        head_width,
        kdim=None,
        vdim=None,
        qkv_bias=True,
        proj_bias=True,
        causal=False,
        scale=None,
    ):
        super().__init__()
        inner, shared = num_heads * head_width, kv_heads * head_width
        self.heads = num_heads, kv_heads, kv_heads
        self.causal, self.scale = causal, scale
        self.q_proj = nn.Linear(embed_dim, inner, bias=qkv_bias)
        self.k_proj = nn.Linear(kdim or embed_dim, shared, bias=qkv_bias)
        self.v_proj = nn.Linear(vdim or embed_dim, shared, bias=qkv_bias)
        self.o_proj = nn.Linear(inner, embed_dim, bias=proj_bias)

    def forward(self, query, key=None, value=None):
        if key is None:
            key = value = query
        parts = self.q_proj(query), self.k_proj(key), self.v_proj(value)
        parts = (x.unflatten(2, (n, -1)) for x, n in zip(parts, self.heads))
        q, k, v = (x.transpose(1, 2) for x in parts)
        x = nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=self.causal, scale=self.scale, enable_gqa=True
        )
        return self.o_proj(x.transpose(1, 2).flatten(2))
'''


class GroupedQueryAttention(OfTokens, Composed):
    """Attention in which groups of heads share their keys and values (Ainslie et al. 2023, arXiv:2305.13245).

    There are `heads` heads of queries and `kv_heads` heads of keys and values. Each group of heads/kv_heads heads in
    a row shares one of the latter. `kv_heads=1` is multi-query attention (Shazeer 2019, arXiv:1911.02150); `kv_heads`
    equal to `heads` is multi-head attention. One input n t c attends to itself; three inputs are queries, keys and
    values. A head is c/heads wide, or `head_width`. Q·Kᵀ is divided by the root of that width, or multiplied by
    `scale`. With `causal=true` a position attends to no later one. The MACs are those of the four projections, and
    queries*keys*inner each for Q·Kᵀ and A·V. What a causal mask hides is counted too, since torch computes it.

        params = 2*width*inner + (key_c + value_c)*shared + (inner + 2*shared)*qkv_bias + width*proj_bias
        MACs = 2*queries*width*inner + keys*(key_c + value_c)*shared + 2*queries*keys*inner
        bias_adds = (queries*inner + 2*keys*shared)*qkv_bias + queries*width*proj_bias
        activated = heads*queries*keys
    """

    word: ClassVar[str] = "grouped_query_attention"
    family: ClassVar[str] = "attention"
    elsewhere: ClassVar[tuple[str, ...]] = (
        "GroupedQueryAttention", "GroupQueryAttention", "MultiQueryAttention", "multi_query_attention", "gqa", "mqa",
    )  # fmt: skip
    examples: ClassVar[tuple[Example, ...]] = (
        Example("grouped_query_attention 4 kv_heads=2", "6x8 n t c"),
        Example("grouped_query_attention 2 kv_heads=1 causal=true scale=0.25", "5x8 n t c"),
        Example("grouped_query_attention 6 kv_heads=3 head_width=2", "4x8 n t c"),
        Example("grouped_query_attention 4 kv_heads=4 qkv_bias=false", "4x8 n t c"),
        Example("grouped_query_attention 4 kv_heads=2 proj_bias=false", "5x4 n t c"),
    )

    stricter: ClassVar[Mapping[str, str]] = {
        **OfTokens.stricter,
        "unequal-sizes": "torch's fused attention reads past the end of values that are fewer than the keys",
        "scale": "torch accepts 0, and then returns NaN where the mask hides something",
    }

    kv_heads: Size
    head_width: Size | None = None
    qkv_bias: bool = True
    proj_bias: bool = True
    scale: Annotated[float, Field(gt=0)] | None = None

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        query, _, _ = self.checked(inputs)
        self._width(query)
        if not self.kv_heads or self.heads % self.kv_heads:
            message = f"{self.heads} heads do not divide into {self.kv_heads} groups, one for each of `kv_heads`"
            raise Rejected("heads-do-not-divide", message, about="kv_heads")
        return (query,)

    def _width(self, query: TensorType) -> int:
        """Return the channels of one head."""
        return check_heads(query["c"], self.heads) if self.head_width is None else self.head_width

    def parts(self, *inputs: TensorType) -> tuple[Part, ...]:
        query, key, value = (0, 1, 2) if len(inputs) == 3 else (0, 0, 0)
        inner, shared = (count * self._width(inputs[0]) for count in (self.heads, self.kv_heads))
        many, few = Linear(out=inner, bias=self.qkv_bias), Linear(out=shared, bias=self.qkv_bias)
        heads = ScaledDotProduct(heads=self.heads, causal=self.causal, scale=self.scale)
        into, first = Linear(out=inputs[0]["c"], bias=self.proj_bias), len(inputs)
        return (
            Part(many, (query,), "q_proj", held=True), Part(few, (key,), "k_proj", held=True),
            Part(few, (value,), "v_proj", held=True), Part(heads, (first, first + 1, first + 2), held=True),
            Part(into, (first + 3,), "o_proj"),
        )  # fmt: skip

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        inner, shared = (count * self._width(inputs[0]) for count in (self.heads, self.kv_heads))
        return {**super().symbols(*inputs), "inner": inner, "shared": shared}

    def torch(self, *inputs: TensorType) -> Module:
        query, key, value = self.all_of(inputs)
        width, kdim, vdim = (x["c"] for x in (query, key, value))
        args = (
            ("embed_dim", width), ("num_heads", self.heads), ("kv_heads", self.kv_heads),
            ("head_width", self._width(query)),
        )  # fmt: skip
        options = (
            ("kdim", None if kdim == width else kdim, None), ("vdim", None if vdim == width else vdim, None),
            ("qkv_bias", self.qkv_bias, True), ("proj_bias", self.proj_bias, True), ("causal", self.causal, False),
            ("scale", self.scale, None),
        )  # fmt: skip
        return Module("GroupedQueryAttention", args, options, _GROUPED_QUERY_ATTENTION)
