"""What torch saves for backward of `sdpa`: in its fused kernel, or product by product."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from archlang.ops.answers import Saved
from archlang.ops.halves import is_half
from archlang.ops.layouts import Laid, Strides, contiguous, laid, like, viewed
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Attended:
    """The inputs of one call. `heads` are those of the queries, `shared` those of the keys and values."""

    query: TensorType
    key: TensorType
    value: TensorType
    mask: TensorType | None
    lengths: TensorType | None
    heads: int
    shared: int
    causal: bool
    dropout: float

    @property
    def width(self) -> int:
        """The channels of a head of queries and keys."""
        return self.of_head(self.key)

    @property
    def out(self) -> int:
        """The channels of a head of values."""
        return self.of_head(self.value)

    def of_head(self, x: TensorType) -> int:
        """Return the channels of a head of keys or values: all channels, if the heads are an axis of the input."""
        return x["c"] if len(x.axes) == 4 else x["c"] // self.shared

    @property
    def scores(self) -> int:
        """The number of pairs of a query and a key, over all heads."""
        return self.query["n"] * self.heads * self.query.shape[-2] * self.key.shape[-2]

    @property
    def is_biased(self) -> bool:
        """Whether the mask is added to the scores, so that it can be trained."""
        return self.mask is not None and self.mask.is_float

    @property
    def can_fuse(self) -> bool:
        """Whether the fused kernel takes the heads: of one width, and with their channels side by side in memory."""
        near = (laid(x).strides[-1] == 1 or x["c"] == 1 for x in (self.query, self.key, self.value))
        return self.width == self.out and all(near)


def saved(call: Attended) -> tuple[Saved, ...]:
    """Return what is saved: by the fused kernel if there is no dropout and no trained mask, else by each product."""
    steps = _in_steps(call)
    if not call.can_fuse:
        return steps
    found = [replace(one, evaluation_only=bool(call.dropout), without=(3,) * call.is_biased) for one in _fused(call)]
    if call.dropout:
        found += [replace(one, training_only=True) for one in steps]
    if call.is_biased:
        evaluation = bool(call.dropout)
        found += [replace(one, beside=(3,), evaluation_only=one.evaluation_only or evaluation) for one in steps]
    return tuple(found)


def _fused(call: Attended) -> tuple[Saved, ...]:
    """Return queries, keys and values, the mask as floats, the result, and one sum for each row of scores."""
    rows = (call.query.shape[0], call.heads, call.query.shape[-2])
    kept = (Saved("input", at) for at in range(3))
    return (*kept, *_mask(call), Saved("output"), Saved("own", shape=rows, name="sums", wide=True, full=True))


def _mask(call: Attended) -> tuple[Saved, ...]:
    mask, padded = call.mask, call.lengths is not None
    if mask is None and not padded:
        return ()
    if mask is not None and mask.is_float and not (padded or call.causal):
        return (Saved("input", 3),)
    batched = padded or (mask is not None and "n" in mask.axes)
    images, queries, keys = call.query.shape[0] if batched else 1, call.query.shape[-2], call.key.shape[-2]
    of_keys = mask is not None and mask.axes[0] == "n" and len(mask.axes) == 2
    heads = 1
    if mask is not None and not of_keys:
        heads = prod(mask.shape) // (mask["n"] if "n" in mask.axes else 1) // (queries * keys)
    rows = 1 if (mask is None or of_keys) and not call.causal else queries
    return (Saved("own", shape=(images, heads, rows, keys), per_image=batched, name="mask"),)


def _in_steps(call: Attended) -> tuple[Saved, ...]:
    """Return the scaled queries and keys, the weights of attention, and the values, which a product may copy.

    All are float32 where the net computes in half precision.
    """
    images, queries, keys = call.query.shape[0], call.query.shape[-2], call.key.shape[-2]
    weighed = (0, 1, *[3] * call.is_biased)
    weights = Saved("own", shape=(call.scores,), name="weights", wide=True, full=True)
    dropped = replace(weights, training_only=True, when=weighed)
    trained = (dropped, replace(dropped, name="kept weights"), replace(dropped, name="dropped weights", when=(2,)))
    values = Saved("input", 2, when=weighed)
    if _is_copied(call) or is_half(call.value):
        values = replace(weights, shape=(images, call.heads, keys, call.out), name="values", when=weighed)
    return (
        Saved("own", shape=(images, call.heads, queries, call.width), name="queries", when=(1,), wide=True, full=True),
        Saved("own", shape=(images, call.heads, keys, call.width), name="keys", when=(0,), wide=True, full=True),
        *((replace(weights, evaluation_only=True), *trained) if call.dropout else (weights,)),
        values,
        *_hidden(call),
    )


def _hidden(call: Attended) -> tuple[Saved, ...]:
    """Return the masks of what the lengths and `causal` hide; the gradient of a trained mask needs them."""
    if not call.is_biased:
        return ()
    images, queries, keys = call.query.shape[0], call.query.shape[-2], call.key.shape[-2]
    padded = Saved("own", shape=(images, keys), dtype="bool", when=(3,), name="padding")
    later = Saved("own", shape=(queries, keys), dtype="bool", per_image=False, when=(3,), name="hidden")
    return (*(padded,) * (call.lengths is not None), *(later,) * call.causal)


def _is_copied(call: Attended) -> bool:
    """Return whether a matrix product copies the values, because the heads of an image are not contiguous."""
    split = _by_head(call.value, call.shared)
    n, _, t, c = split.shape
    return call.shared != call.heads or viewed(split.shape, split.strides, (n * call.heads, t, c)) is None


def is_one_call(call: Attended) -> bool:
    """Return whether it is one call of the fused kernel in evaluation, with no allocation before or after.

    Lengths, or `causal` beside a mask, need a mask that is computed first. Heads that a view cannot join are copied.
    """
    is_prepared = call.lengths is not None or (call.causal and call.mask is not None)
    return call.can_fuse and not is_prepared and (len(call.query.axes) == 4 or _flattened(call) is not None)


def _flattened(call: Attended) -> Strides | None:
    """Return the strides of the fused kernel's result with its heads side by side; None if it has to be copied."""
    query = _by_head(call.query, call.heads)
    (n, heads, t, c), (images, count, tokens, width) = like(query), query.shape
    return viewed((images, tokens, count, width), (n, t, heads, c), (images, tokens, count * width))


def strides(call: Attended, y: TensorType) -> Strides | None:
    """Return the strides of the result; None if they depend on the gradients that are wanted, or on the mode."""
    is_split = len(y.axes) == 3
    in_steps = _by_products(call) if is_split else contiguous(y.shape)
    if not call.can_fuse:
        return in_steps
    fused = _flattened(call) or contiguous(y.shape) if is_split else like(_by_head(call.query, call.heads))
    is_known = fused == in_steps or not (call.dropout or call.is_biased)
    return fused if is_known else None


def _by_products(call: Attended) -> Strides:
    """Return the strides of the last product with its heads side by side: a view where a head has one channel."""
    images, queries = call.query.shape[0], call.query.shape[-2]
    n, heads, t, c = contiguous((images, call.heads, queries, call.out))
    shape = (images, queries, call.heads * call.out)
    return viewed((images, queries, call.heads, call.out), (n, t, heads, c), shape) or contiguous(shape)


def _by_head(x: TensorType, heads: int) -> Laid:
    """Return the input with axes n h t c; the channels of n t c are divided among the heads."""
    known = laid(x)
    if len(x.axes) == 4:
        return known
    (n, t, c), (images, tokens, channels) = known.shape, known.strides
    lying = (images, c // heads * channels, tokens, channels)
    return Laid((n, heads, t, c // heads), ("n", "h", "t", "c"), x.dtype, lying)
