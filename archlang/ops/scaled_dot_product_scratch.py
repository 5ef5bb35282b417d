"""What torch's attention allocates and frees by itself: a block of scores for each thread, or all scores at once."""

from __future__ import annotations

from archlang.ops.running import Scratch
from archlang.ops.scaled_dot_product_saved import Attended, is_one_call, saved
from archlang.shapes import param_type

THREADS = 2  # each further one takes another block
KEYS = 512  # of a block


def _rows(call: Attended) -> int:
    """Return the queries of a block."""
    queries = call.query.shape[-2]
    return min(256 if queries >= 768 else 64 if queries >= 192 else 32, queries)


def forward(call: Attended, *, training: bool) -> Scratch:
    """Return the blocks of the fused kernel and what it would save; or the scores before and after softmax."""
    rows, keys, dtype = _rows(call), min(KEYS, call.key.shape[-2]), call.query.dtype
    if not is_one_call(call) or (training and call.dropout):
        times = call.heads // call.shared  # keys and values that several heads share are repeated
        repeated = call.value.values * times * (times > 1)
        scaled = (call.query.values + call.key.values * times) * (1 + training) + repeated
        return (param_type((call.scores * (1 if training else 2) + scaled,), dtype),)
    kept = () if training else (one for one in saved(call) if one.what == "own" and not one.training_only)
    alone = tuple(param_type(one.shape, one.dtype) for one in kept if not one.beside)
    return (param_type((THREADS * rows * (keys + 2 + call.width),), dtype), *alone)


def backward(call: Attended) -> Scratch:
    """Return two blocks of scores for each thread; or all scores, and what they are products of."""
    rows, keys, dtype = _rows(call), min(KEYS, call.key.shape[-2]), call.query.dtype
    result = call.query["n"] * call.heads * call.query.shape[-2] * call.out
    if is_one_call(call) and not (call.dropout or call.is_biased):
        return (param_type((THREADS * 2 * rows * keys,), dtype),)
    return (param_type((call.scores + 4 * result,), dtype),)
