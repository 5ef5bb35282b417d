"""Attention of queries, keys and values that are already projected: torch's fused kernel, with masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops import scaled_dot_product_scratch as scratch
from archlang.ops.base import (
    Autocast,
    Example,
    Kind,
    Module,
    Operator,
    Reach,
    Saved,
    Scratch,
    Size,
    Slide,
    Temporaries,
    Wanted,
    Work,
    seeing_all,
)
from archlang.ops.checks import check_dtype
from archlang.ops.heads import causal, check_heads, check_positions
from archlang.ops.layouts import Strides, laid
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.scaled_dot_product_saved import Attended, is_one_call, saved, strides
from archlang.ops.scaled_dot_product_source import Source, source_of
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class ScaledDotProduct(Operator):
    """Attention of queries, keys and values (Vaswani et al. 2017, arXiv:1706.03762): softmax(Q·Kᵀ*scale + mask)·V.

    The first three inputs are queries, keys and values. They have axes n t c, with the channels divided among
    `heads`, or n h t c, with an axis of heads. Narrower keys have fewer heads, which groups of queries share (Ainslie
    et al. 2023, arXiv:2305.13245). Two more inputs may follow, in this order. One is a mask with axes t t, h t t,
    n t t or n h t t: floats are added to Q·Kᵀ, and truth values say which keys are seen. Truth values with axes n t
    say it for all queries of an image. The other is the lengths: an int64 for each image, the number of its keys that
    are no padding. With `causal=true` a position attends to no later one. `scale` is 1/sqrt(the channels of a head)
    unless it is given. `dropout` applies to the weights of attention. No weights. The MACs are those of Q·Kᵀ
    and A·V. What a mask hides is counted too, since torch computes it.

        MACs = heads*queries*keys*(head_c + value_c)
        elementwise = heads*queries*keys*biased
        activated = heads*queries*keys
    """

    runs = SEVERAL_CALLS
    shows = True
    word: ClassVar[str] = "sdpa"
    noted: ClassVar[str] = "attention"
    family: ClassVar[str] = "attention"
    flows: ClassVar[Mapping[str, str]] = {
        "value": "(q, k, v) -> sdpa 8",
        "mask": "(q, k, v, mask) -> sdpa 8",
        "attn_mask": "(q, k, v, mask) -> sdpa 8",
        "lengths": "(q, k, v, lengths) -> sdpa 8",
    }
    elsewhere: ClassVar[tuple[str, ...]] = ("scaled_dot_product_attention", "ScaledDotProductAttention")
    arity: ClassVar[tuple[int, ...]] = (3, 4, 5)
    positional: ClassVar[Mapping[str, Kind]] = {"heads": "number"}
    stricter: ClassVar[Mapping[str, str]] = {
        **beyond_torch("wrong-dtype", "wrong-rank"),
        "dropout": "torch checks it in training only",
        "heads": "with axes n h t c, torch takes the heads from the axis, and has no such argument",
        "causal-lengths": "torch lets the first queries see the first keys, however many there are",
        "unequal-sizes": "torch's fused attention reads past the end of values that are fewer than the keys",
        "unequal-shapes": "torch repeats a mask along axes of size 1",
        "scale": "torch accepts 0, and then returns NaN where the mask hides something",
    }
    examples: ClassVar[tuple[Example, ...]] = (
        Example("sdpa 2", "6x8 n t c, 3x8 n t c, 3x8 n t c"),
        Example("sdpa 4 causal=true scale=0.5", "5x8 n t c, 5x8 n t c, 5x8 n t c"),
        Example("sdpa 4", "5x8 n t c, 6x4 n t c, 6x4 n t c"),
        Example("sdpa", "2x5x4 n h w c, 2x6x4 n h w c, 2x6x4 n h w c"),
        Example("sdpa 2", "5x8 n t c, 6x8 n t c, 6x6 n t c"),
        Example("sdpa 2 dropout=0.25", "5x8 n t c, 6x8 n t c, 6x8 n t c", training=False),
        Example("sdpa 2", "5x8 n t c, 6x8 n t c, 6x8 n t c, 5x6 param"),
        Example("sdpa 2 causal=true", "5x8 n t c, 5x8 n t c, 5x8 n t c, 2x5x5"),
        Example("sdpa 2", "5x8 n t c, 6x8 n t c, 6x8 n t c, 6 bool"),
    )

    heads: Size | None = None
    causal: bool = False
    scale: Annotated[float, Field(gt=0)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        query, key, value = self._checked(inputs)
        heads, shared = self._heads(query, key)
        mask, _ = self._masks(inputs)
        self._check_mask(mask, heads, query, key)
        width = value["c"] if len(value.axes) == 4 else value["c"] // shared * heads
        return (query.resized(c=width),)

    def _checked(self, inputs: tuple[TensorType, ...]) -> tuple[TensorType, TensorType, TensorType]:
        """Return queries, keys and values. Raise `Rejected` if they do not fit each other."""
        query, key, value = inputs[:3]
        rank = len(query.axes)
        for x in (query, key, value):
            if x.axes[:1] != ("n",) or x.axes[-1] != "c" or len(x.axes) != rank or rank not in (3, 4):
                message = (
                    f"{self.word} takes axes n t c or n h t c, alike for all three, but its input {x} has {x.names}"
                )
                raise Rejected("wrong-rank", message, about="input")
            check_dtype(x, self.word, weighted=True)
        heads, shared = self._heads(query, key)
        if rank == 4 and self.heads not in (None, heads):
            message = f"the second axis of {query} is the heads, so `heads` must be {heads}"
            raise Rejected("unequal-sizes", message, about="heads")
        check_positions(query, key, value, self.causal)
        if rank == 3:
            check_heads(query["c"], heads)
        width = query["c"] if rank == 4 else query["c"] // heads
        if key["c"] % width or (rank == 4 and key["c"] != width) or heads % shared:
            message = (
                f"the keys {key} must have heads of {width} channels, as the queries {query} have, "
                f"in a number that divides {heads}"
            )
            raise Rejected("unequal-sizes", message, about="input")
        if rank == 3:
            check_heads(value["c"], shared)
        return query, key, value

    def _heads(self, query: TensorType, key: TensorType) -> tuple[int, int]:
        """Return the number of heads of the queries, and that of the keys and values."""
        if len(query.axes) == 4:
            return query.shape[1], key.shape[1]
        heads = 1 if self.heads is None else self.heads
        return heads, max(key["c"] * heads // query["c"], 1)

    def _call(self, inputs: tuple[TensorType, ...]) -> Attended:
        """Return the inputs by their role."""
        heads, shared = self._heads(*inputs[:2])
        query, key, value = inputs[:3]
        return Attended(query, key, value, *self._masks(inputs), heads, shared, self.causal, self.dropout)

    def _masks(self, inputs: tuple[TensorType, ...]) -> tuple[TensorType | None, TensorType | None]:
        """Return the mask and the lengths, None for what is not given."""
        rest = [*inputs[3:]]
        lengths = rest.pop() if rest and rest[-1].dtype == "int64" and rest[-1].axes == ("n",) else None
        if len(rest) > 1 or (rest and not (rest[0].is_float or rest[0].dtype == "bool")):
            message = (
                f"after queries, keys and values come a mask and the lengths, an int64 for each image, not {rest[-1]}"
            )
            raise Rejected("wrong-dtype", message, about="input")
        return (rest[0] if rest else None), lengths

    def _check_mask(self, mask: TensorType | None, heads: int, query: TensorType, key: TensorType) -> None:
        """Check that the mask has a value for each query and key, shared by heads and images or not."""
        if mask is None:
            return
        sizes = (query.shape[-2], key.shape[-2])
        batched = "n" in mask.axes
        if batched and not mask.is_float and mask.shape == (query["n"], sizes[1]):
            return  # the keys of an image that all of its queries see
        wanted = [sizes, (heads, *sizes), (1, *sizes), (1, heads, *sizes), (1, 1, *sizes)]
        if mask.shape[batched:] not in wanted[: 3 if batched else 5] or (batched and mask.axes[0] != "n"):
            message = f"a mask for {query.shape[-2]} queries, {key.shape[-2]} keys and {heads} heads cannot be {mask}"
            raise Rejected("unequal-shapes", message, about="input")
        if mask.is_float:
            check_dtype(mask, self.word, weighted=True)

    def work(self, *inputs: TensorType) -> Work:
        call = self._call(inputs)
        return Work(
            macs=call.scores * (call.width + call.out),
            activated=call.scores,
            elementwise=call.scores * call.is_biased,
        )

    def backward(self, wanted: Wanted, *inputs: TensorType) -> Work:
        call = self._call(inputs)
        query, key, value = wanted.inputs[:3]
        biased = call.is_biased and wanted.inputs[3]
        weights = query or key or biased
        return Work(
            macs=call.scores * (call.width * (query + key) + call.out * (weights + value)),
            activated=call.scores * weights,
            elementwise=call.scores * biased,
        )

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        call = self._call(inputs)
        return {
            "heads": call.heads,
            "queries": call.query.shape[-2],
            "keys": call.key.shape[-2],
            "head_c": call.width,
            "value_c": call.out,
            "biased": int(call.is_biased),
        }

    def reach(self, *inputs: TensorType) -> Reach:
        _, key, value = inputs[:3]
        seen = seeing_all(key, key.axes[-2:-1]) | seeing_all(value, value.axes[-2:-1])
        if self.causal:
            seen = causal(seen)
        return Reach(inputs=({}, seen, seen, *map(self._seen_of_mask, inputs[3:])))

    def _seen_of_mask(self, x: TensorType) -> Mapping[str, Slide]:
        """Return all of a mask: of which a query needs its own row, of some keys where causality hides the others."""
        return {axis: replace(slide, at_most=True) for axis, slide in seeing_all(x).items()}

    # ---- in torch

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return saved(self._call(inputs))

    def temporaries(self, *inputs: TensorType) -> Temporaries | None:
        return () if is_one_call(self._call((*map(laid, inputs),))) else None

    def temporaries_beside_saved(self, *inputs: TensorType) -> Temporaries | None:
        return () if self.backward_in_one_call(*inputs) else None

    def scratch(self, training: bool, *inputs: TensorType) -> Scratch:
        return scratch.forward(self._call((*map(laid, inputs),)), training=training)

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        return scratch.backward(self._call((*map(laid, inputs),)), wanted)

    def viewed_gradients(self, *inputs: TensorType) -> tuple[int, ...]:
        return (0, 1, 2) if len(inputs[0].axes) == 3 else ()  # the heads are put side by side again

    def backward_in_one_call(self, *inputs: TensorType) -> bool | None:
        call = self._call((*map(laid, inputs),))
        return True if is_one_call(call) and not (call.dropout or call.is_biased) else None

    def strides(self, *inputs: TensorType) -> tuple[Strides] | None:
        known = [laid(x) for x in inputs]
        found = strides(self._call((*known,)), self.outputs(*known)[0])
        return None if found is None else (found,)

    def autocast(self, *inputs: TensorType) -> Autocast:
        fused = len(inputs) == 3 and self._call(inputs).can_fuse
        # with dropout, training computes in several calls and several dtypes
        return Autocast("lower", known="result" if not fused else "evaluation" if self.dropout else "all")

    def _kind(self, inputs: tuple[TensorType, ...]) -> Source:
        mask, lengths = self._masks(inputs)
        return Source(
            split=len(inputs[0].axes) == 3,
            mask="none" if mask is None else "added" if mask.is_float else "seen",
            axes=0 if mask is None else len(mask.axes),
            batched=mask is not None and "n" in mask.axes,
            lengths=lengths is not None,
        )

    def torch(self, *inputs: TensorType) -> Module:
        heads, shared = self._heads(*inputs[:2])
        options: tuple[tuple[str, object, object], ...] = (
            ("causal", self.causal, False),
            ("dropout", self.dropout, 0.0),
            ("scale", self.scale, None),
        )
        kind = self._kind(inputs)
        if kind.split:
            options = (("heads", heads, 1), ("kv_heads", None if shared == heads else shared, None), *options)
        return Module(kind.name, (), options, source_of(kind))
