"""Attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.attention_parts import Mixed, cross_attention, self_attention
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
from archlang.ops.heads import causal, check_heads, check_positions
from archlang.ops.in_parts import course_of
from archlang.ops.layouts import Strides, laid, viewed
from archlang.ops.parts import Course
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.states import check_sequence
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

_ATTENTION = '''
class Attention(nn.MultiheadAttention):
    """Attention over n t c that gives the values alone; of one input, self-attention.

    With `causal`, torch's fused kernel makes neither the scores nor a mask of them.
    """

    def __init__(
        self, embed_dim, num_heads, bias=True, kdim=None, vdim=None, causal=False
    ):
        super().__init__(
            embed_dim, num_heads, bias=bias, kdim=kdim, vdim=vdim, batch_first=True
        )
        self.causal = causal

    def forward(self, query, key=None, value=None):
        if key is None:
            key = value = query
        if not self.causal:
            return super().forward(query, key, value, need_weights=False)[0]
        q = query.transpose(0, 1)
        k = q if key is query else key.transpose(0, 1)
        v = k if value is key else value.transpose(0, 1)
        # torch asks for a mask beside is_causal, and does not read it
        mask = torch.empty(0, 0, dtype=torch.bool)
        given = nn.functional.multi_head_attention_forward(
            q, k, v, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias,
            None, None, False, 0.0, self.out_proj.weight, self.out_proj.bias,
            training=self.training, need_weights=False, attn_mask=mask, is_causal=True,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight, k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
        )[0]
        return given.transpose(0, 1)
'''


_NAMES = ("queries", "keys", "values")


class OfTokens(Operator):
    """What attention operators over n t c share: one input attends to itself; three are queries, keys and values."""

    runs = replace(SEVERAL_CALLS, autocast=Autocast("lower", known="result"))
    arity: ClassVar[tuple[int, ...]] = (1, 3)
    positional: ClassVar[Mapping[str, Kind]] = {"heads": "number"}
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("needs-channels-last", "wrong-dtype", "wrong-rank"),
        "causal-lengths": "torch lets the first queries see the first keys, however many there are",
    }

    heads: Size
    causal: bool = False

    def checked(self, inputs: tuple[TensorType, ...]) -> tuple[TensorType, TensorType, TensorType]:
        """Return queries, keys and values. Raise `Rejected` if they do not fit each other."""
        for x in inputs:
            try:
                check_sequence(x, self.word)
            except Rejected as wrong:
                if "c" not in x.axes or x["c"] % self.heads == 0:
                    raise
                message = f"{wrong.message}; besides, {x['c']} channels are not a multiple of {self.heads} heads"
                raise Rejected(wrong.code, message, help=wrong.help, about=wrong.about) from None
            check_dtype(x, self.word, weighted=True)
        query, key, value = self.all_of(inputs)
        check_positions(query, key, value, self.causal)
        return query, key, value

    def all_of(self, inputs: tuple[TensorType, ...]) -> tuple[TensorType, TensorType, TensorType]:
        """Return queries, keys and values; a single input is all three."""
        query, key, value = inputs if len(inputs) == 3 else inputs * 3
        return query, key, value

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        query, key, value = self.all_of(inputs)
        widths = {"width": query["c"], "key_c": key["c"], "value_c": value["c"]}
        return {**widths, "queries": query.shape[1], "keys": key.shape[1]}

    def reach(self, *inputs: TensorType) -> Reach:
        _, key, value = self.all_of(inputs)
        seen = seeing_all(key) | seeing_all(value)
        if self.causal:
            seen = causal(seen)
        return Reach(seen) if len(inputs) == 1 else Reach(inputs=({}, seen, seen))


def _projected(at: int, x: TensorType) -> Saved:
    """Return what is saved for the projection: the input, or a copy if its rows t n do not form one matrix."""
    n, t, c = laid(x).strides
    first, second, _ = laid(x).shape
    if viewed((second, first, x["c"]), (t, n, c), (first * second, x["c"])) is None:
        return Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy")
    return Saved("input", at, when="weights")


class Attention(OfTokens):
    """Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762, section 3.2): softmax(Q·Kᵀ/sqrt(c/heads))·V.

    One input n t c attends to itself; three inputs are queries, keys and values. It has four projections, each to the
    width of the queries, and its weights have torch's names. With `causal=true` a position attends to no later one.
    The MACs are those of the projections, and queries*keys*width each for Q·Kᵀ and A·V. What a causal mask hides is
    counted too, since torch computes it.

        params = width*(2*width + key_c + value_c) + 4*width
        params = width*(2*width + key_c + value_c) if not bias
        MACs = 2*queries*width*width + keys*(key_c + value_c)*width + 2*queries*keys*width
        activated = heads*queries*keys
    """

    word: ClassVar[str] = "attention"
    family: ClassVar[str] = "attention"
    elsewhere: ClassVar[tuple[str, ...]] = ("MultiheadAttention", "MultiHeadAttention", "self_attention", "mha")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("attention 2", "6x8 n t c"),
        Example("attention 4 causal=true bias=false", "5x8 n t c"),
        Example("attention 2", "6x8 n t c, 3x8 n t c, 3x8 n t c"),
        Example("attention 2", "6x8 n t c, 3x4 n t c, 3x6 n t c"),
    )

    bias: bool = True

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        query, _, _ = self.checked(inputs)
        check_heads(query["c"], self.heads)
        return (query,)

    def _is_even(self, inputs: tuple[TensorType, ...]) -> bool:
        """Return whether queries, keys and values have equal channels. Then torch keeps their weights in one tensor."""
        return len({x["c"] for x in inputs}) == 1

    def weights(self, *inputs: TensorType) -> tuple[Weight, ...]:
        query, key, value = self.all_of(inputs)
        width = query["c"]
        if self._is_even(inputs):
            into: tuple[Weight, ...] = (Weight("in_proj_weight", (3 * width, width)),)
        else:
            into = tuple(
                Weight(f"{name}_proj_weight", (width, x["c"]))
                for name, x in zip("qkv", (query, key, value), strict=True)
            )
        biases = (Weight("in_proj_bias", (3 * width,)), Weight("out_proj.bias", (width,))) if self.bias else ()
        return (*into, Weight("out_proj.weight", (width, width)), *biases)

    def work(self, *inputs: TensorType) -> Work:
        query, key, value = self.all_of(inputs)
        width, scores = query["c"], query.values * key.shape[1]
        projected = query.values + key.values + value.values + query.values
        biased = 2 * query.values + (key.values // key["c"] + value.values // value["c"]) * width
        weights = self.heads * query.values // width * key.shape[1]
        return Work(
            macs=projected * width + 2 * scores,
            bias_adds=biased if self.bias else 0,
            activated=weights,
        )

    def backward(self, wanted: Wanted, *inputs: TensorType) -> Work:
        # to train the projections, the gradient must flow back through the products, even if no input wants one
        width, work = inputs[0]["c"], self.work(*inputs)
        scores = inputs[0].values * self.all_of(inputs)[1].shape[1]
        flows = wanted.inputs if len(inputs) == 3 else wanted.inputs * 3
        query, key, value = (wanted.weights or flow for flow in flows)
        projected = sum(x.values * (wanted.weights + flow) for x, flow in zip(self.all_of(inputs), flows, strict=True))
        projected += inputs[0].values * (wanted.weights + wanted.any)
        return Work(
            macs=projected * width + scores * (query + key + (query or key) + value),
            bias_adds=work.bias_adds * wanted.weights,
            activated=work.activated * (query or key),
        )

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        # torch reorders a batch of sequences before it projects them. It saves that copy, the projections,
        # the result of the attention, and one sum for each row of weights
        query, key, value = self.all_of(inputs)
        width = query["c"]
        together = self._is_even(inputs) and laid(key).place == laid(value).place != -1
        copies = tuple(_projected(at, x) for at, x in enumerate(inputs))
        if together:  # keys and values are projected in one call; the queries too, if they are the same tensor
            copies = copies[:1] if laid(query).place == laid(key).place else copies[:2]
        rows = (query.shape[0], self.heads, query.shape[1])
        own = {name: (*x.shape[:2], width) for name, x in zip(_NAMES, (query, key, value), strict=True)}
        own |= {"result": query.shape}
        kept = (Saved("own", shape=shape, dtype=query.dtype, name=name) for name, shape in own.items())
        return (*copies, *kept, Saved("own", shape=rows, dtype=query.dtype, name="sums", wide=True, full=True))

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        n, _, c = laid(inputs[0]).shape
        return ((c, n * c, 1),)  # torch computes t n c

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        attend, places = Mixed(), {laid(x).place for x in inputs}
        if self._is_even(inputs) and len(places - {-1}) == 1:
            fused = not (training or self.causal) and self.bias and self.heads % 2 == 0
            parts = self_attention(inputs, attend, self.heads, bias=self.bias, fused=fused)
        else:
            kind = {"bias": self.bias, "is_even": self._is_even(inputs)}
            parts = cross_attention(self.all_of(inputs), attend, self.heads, **kind)
        return course_of(self, parts, inputs)

    def autocast(self, *inputs: TensorType) -> Autocast | None:
        if not self._is_even(inputs):
            return super().autocast(*inputs)
        return Autocast("lower", (("in_proj_weight", "inputs"), ("out_proj.weight", "any")), known="training")

    def torch(self, *inputs: TensorType) -> Module:
        query, key, value = self.all_of(inputs)
        width = query["c"]
        even = self._is_even(inputs)
        options = (
            ("bias", self.bias, True),
            ("kdim", None if even else key["c"], None),
            ("vdim", None if even else value["c"], None),
            ("causal", self.causal, False),
        )
        return Module("Attention", (("embed_dim", width), ("num_heads", self.heads)), options, _ATTENTION)
