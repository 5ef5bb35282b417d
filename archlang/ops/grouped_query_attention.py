"""Attention whose heads share keys and values in groups."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.attention import OfTokens, check_heads
from archlang.ops.base import Example, Module, Saved, Size, Wanted, Weight, Work
from archlang.ops.layouts import laid, viewed
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


def _kept(at: int, x: TensorType) -> Saved:
    """Return what a projection saves: the input, or a copy of it if its rows do not form one matrix."""
    known = laid(x)
    if viewed(known.shape, known.strides, (prod(known.shape[:-1]), known.shape[-1])) is None:
        return Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy")
    return Saved("input", at, when="weights")


class GroupedQueryAttention(OfTokens):
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
        if self.head_width is not None:
            return self.head_width
        check_heads(query["c"], self.heads)
        return query["c"] // self.heads

    def weights(self, *inputs: TensorType) -> tuple[Weight, ...]:
        query, key, value = self.all_of(inputs)
        inner, shared = (count * self._width(query) for count in (self.heads, self.kv_heads))
        sizes = {"q": (inner, query["c"]), "k": (shared, key["c"]), "v": (shared, value["c"]), "o": (query["c"], inner)}
        found: list[Weight] = []
        for name, size in sizes.items():
            found.append(Weight(f"{name}_proj.weight", size))
            if self.proj_bias if name == "o" else self.qkv_bias:
                found.append(Weight(f"{name}_proj.bias", size[:1]))
        return tuple(found)

    def _projections(self, inputs: tuple[TensorType, ...]) -> tuple[int, int, int, int]:
        """Return the MACs of the projections of queries, keys, values, and result."""
        query, key, value = self.all_of(inputs)
        inner, shared = (count * self._width(query) for count in (self.heads, self.kv_heads))
        return query.values * inner, key.values * shared, value.values * shared, query.values * inner

    def _scores(self, inputs: tuple[TensorType, ...]) -> int:
        """Return the number of pairs of a query and a key, over all heads."""
        query, key, _ = self.all_of(inputs)
        return query["n"] * self.heads * query.shape[1] * key.shape[1]

    def work(self, *inputs: TensorType) -> Work:
        query, key, _ = self.all_of(inputs)
        scores, width = self._scores(inputs), self._width(query)
        biased = query.values // query["c"] * self.heads + 2 * (key.values // key["c"]) * self.kv_heads
        return Work(
            macs=sum(self._projections(inputs)) + 2 * scores * width,
            bias_adds=biased * width * self.qkv_bias + query.values * self.proj_bias,
            activated=scores,
        )

    def backward(self, wanted: Wanted, *inputs: TensorType) -> Work:
        # to train the projections, the gradient must flow back through the products, even if no input wants one
        work, scores = self.work(*inputs), self._scores(inputs) * self._width(inputs[0])
        flows = wanted.inputs if len(inputs) == 3 else wanted.inputs * 3
        query, key, value = (wanted.weights or flow for flow in flows)
        times = (wanted.weights + flow for flow in (*flows, wanted.any))
        projected = sum(macs * each for macs, each in zip(self._projections(inputs), times, strict=True))
        return Work(
            macs=projected + scores * (query + key + (query or key) + value),
            bias_adds=work.bias_adds * wanted.weights,
            activated=work.activated * (query or key),
        )

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        # torch saves what it projects, the projections, the result of the attention, and one sum for each row of scores
        query, key, value = self.all_of(inputs)
        copies = (_kept(at % len(inputs), x) for at, x in enumerate((query, key, value)))
        inner, shared = (count * self._width(query) for count in (self.heads, self.kv_heads))
        own = {
            "queries": (*query.shape[:2], inner),
            "keys": (*key.shape[:2], shared),
            "values": (*value.shape[:2], shared),
            "result": (*query.shape[:2], inner),
            "sums": (query.shape[0], self.heads, query.shape[1]),
        }
        return (*copies, *(Saved("own", shape=shape, dtype=query.dtype, name=name) for name, shape in own.items()))

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        query, key, value = self.all_of(inputs)
        return {
            "width": query["c"],
            "inner": self.heads * self._width(query),
            "shared": self.kv_heads * self._width(query),
            "queries": query.shape[1],
            "keys": key.shape[1],
            "key_c": key["c"],
            "value_c": value["c"],
        }

    def torch(self, *inputs: TensorType) -> Module:
        query, key, value = self.all_of(inputs)
        width = query["c"]
        args = (
            ("embed_dim", width),
            ("num_heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("head_width", self._width(query)),
        )
        options = (
            ("kdim", None if key["c"] == width else key["c"], None),
            ("vdim", None if value["c"] == width else value["c"], None),
            ("qkv_bias", self.qkv_bias, True),
            ("proj_bias", self.proj_bias, True),
            ("causal", self.causal, False),
            ("scale", self.scale, None),
        )
        return Module("GroupedQueryAttention", args, options, _GROUPED_QUERY_ATTENTION)
