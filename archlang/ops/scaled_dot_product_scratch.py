"""What torch's attention allocates and frees by itself: a block of scores for each thread, or all scores at once.

In half precision the scores are float32, and what is computed in several calls makes copies in float32 first.
"""

from __future__ import annotations

from math import prod

from archlang.ops.answers import Wanted
from archlang.ops.halves import HALF, WHOLE, bytes_taken, is_half, panels
from archlang.ops.running import Scratch
from archlang.ops.scaled_dot_product_saved import Attended, is_one_call, saved
from archlang.shapes import param_type

THREADS = 2  # each further one takes another block
KEYS = 512  # of a block


def _rows(call: Attended) -> int:
    """Return the queries of a block."""
    queries = call.query.shape[-2]
    return min(256 if queries >= 768 else 64 if queries >= 192 else 32, queries)


def _result(call: Attended) -> int:
    """Return the values of the result."""
    return call.query["n"] * call.heads * call.query.shape[-2] * call.out


def forward(call: Attended, *, training: bool) -> Scratch:
    """Return the blocks of the fused kernel and what it would save; or the scores before and after softmax."""
    rows, keys, dtype = _rows(call), min(KEYS, call.key.shape[-2]), call.query.dtype
    half = is_half(call.query)
    if not is_one_call(call) or (training and call.dropout):
        if half:
            return bytes_taken(_in_floats(call, training=training))
        times = call.heads // call.shared  # keys and values that several heads share are repeated
        repeated = call.value.values * times * (times > 1)
        scaled = (call.query.values + call.key.values * times) * (1 + training) + repeated
        return (param_type((call.scores * (1 if training else 2) + scaled,), dtype),)
    kept = () if training else (one for one in saved(call) if one.what == "own" and not one.training_only)
    alone = tuple(param_type(one.shape, one.dtype) for one in kept if not one.beside)
    if half:
        blocks = THREADS * rows * (WHOLE * (keys + 2 + call.width) + HALF * keys)
        return (*bytes_taken(blocks), *alone, *alone)  # the sums are float32
    return (param_type((THREADS * rows * (keys + 2 + call.width),), dtype), *alone)


def _in_floats(call: Attended, *, training: bool) -> int:
    """Return the bytes beside the result, of half precision: copies, scaled copies, scores before and after softmax."""
    times, scores, result = call.heads // call.shared, call.scores, _result(call)
    query, key, value = call.query.values, call.key.values * times, call.value.values * times
    scaled = WHOLE * (query + key)
    made = WHOLE * scores + scores - HALF * result  # before softmax, and which rows see nothing
    weighed = HALF * scores + WHOLE * result
    if training:
        return scaled + max(made, weighed)
    saved = WHOLE * (query + key + value + scores)
    return max(saved + WHOLE * key + made, saved + scaled + weighed)


def backward(call: Attended, wanted: Wanted) -> Scratch:
    """Return two blocks of scores for each thread; or all scores, and what they are products of."""
    rows, keys, dtype, result = _rows(call), min(KEYS, call.key.shape[-2]), call.query.dtype, _result(call)
    fused = is_one_call(call) and not (call.dropout or call.is_biased)
    if is_half(call.query):
        if fused:  # the result's gradient is copied where the heads are an axis
            copied = HALF * result * (len(call.query.axes) == 4)
            blocks = bytes_taken(copied + THREADS * (2 * WHOLE + HALF) * rows * keys)
            return (*blocks, *panels(call.query, rows, keys, call.width, turned=True))
        inputs = (call.query, call.key, call.value, *(call.mask,) * call.is_biased)
        made = sum(prod(x.shape) for x, one in zip(inputs, wanted.inputs, strict=False) if one and x is not None)
        kept = sum(x.values for x in (call.query, call.key, call.value))  # with scores; freed one by one
        return bytes_taken(WHOLE * (kept + 3 * call.scores) - HALF * made)
    if fused:
        return (param_type((THREADS * 2 * rows * keys,), dtype),)
    return (param_type((call.scores + 4 * result,), dtype),)
