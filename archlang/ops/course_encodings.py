"""The calls of torch in encodings of positions, in random choices and in dropped blocks."""

from __future__ import annotations

from math import prod

from archlang.ops.base import GradientPlace, Operator
from archlang.ops.calls import Call, Constant, Cuts
from archlang.ops.in_calls import Calls, Shape
from archlang.ops.layouts import laid
from archlang.ops.parts import Course, Own
from archlang.ops.rotary_source import Source
from archlang.shapes import DTYPE_BYTES, TensorType

LONG = DTYPE_BYTES["int64"]


def _rates(calls: Calls, pairs: int) -> int:
    """Add `torch.arange(0, width, 2) / width`, which a variable holds."""
    counted = calls.constant((pairs,), dtype="int64")
    return calls.constant((pairs,), counted, taken=pairs, held=True)


def sines_added(op: Operator, x: TensorType) -> Course:
    """Return the calls of the emitted module: a table of sines and cosines, and the sum."""
    (_, t, c), calls = laid(x).shape, Calls(x)
    pairs = c // 2 + c % 2
    rates = _rates(calls, pairs)
    positions = calls.constant((t,), dtype="int64")
    powers = calls.constant((pairs,), rates)
    angles = calls.constant((t, pairs), positions, powers, taken=t, held=True)
    waves = [calls.constant((t, pairs), angles) for _ in range(2)]
    table = calls.constant((t, 2 * pairs), *waves, held=True)
    calls.added(laid(x).shape, 0, table)
    return calls.course(op)


def rows_added(op: Operator, x: TensorType) -> Course:
    """Return the calls of the emitted module: the first rows of a table, and the sum."""
    (_, t, c), calls = laid(x).shape, Calls(x)
    rows = calls.looked((t, c), Own("weight"), spread=True)
    calls.added(laid(x).shape, 0, rows, (t, c))
    return calls.course(op)


def turned_pairs(
    op: Operator, inputs: tuple[TensorType, ...], kind: Source, dim: int, heads: int, *, interleaved: bool
) -> Course:  # fmt: skip
    """Return the calls of the emitted module of `rotary_embedding`: `dim` channels of each head are turned."""
    x, calls, value = laid(inputs[0]), Calls(*inputs), 0
    shape, t = x.shape, x.shape[1 if kind.split else -2]
    if kind.split:
        shape = (*shape[:2], heads, shape[2] // heads)
        value = calls.looked(shape, value)
    rest: tuple[int, ...] = ()
    if kind.partial:
        first = calls.looked((*shape[:-1], dim), value, spread=True)
        rest = (calls.looked((*shape[:-1], shape[-1] - dim), value, spread=True),)
        value = first
    positions = 1 if kind.positions else calls.constant((t,), dtype="int64", held=True)
    rates = _rates(calls, dim // 2)
    powers = calls.constant((dim // 2,), rates)
    times = (x.shape[0], t) if kind.batched else (t,)
    angles = calls.constant((*times, dim // 2), positions, powers, taken=prod(times), held=True)
    waves = [calls.constant((*times, dim // 2), angles, held=True) for _ in range(2)]
    halves = _turned(calls, shape, value, waves, dim, interleaved=interleaved)
    if rest or not interleaved:
        every = (*halves, *rest)
        part: GradientPlace = "part"
        calls.run(Call(shape=shape, places=(part,) * len(every)), *every)
    if kind.split:
        calls.looked(x.shape, calls.last)
    return calls.course(op)


def _turned(
    calls: Calls, shape: Shape, value: int, waves: list[int], dim: int, *, interleaved: bool
) -> list[int]:  # fmt: skip
    """Add the products with cosines and sines; return the turned halves, or their pairs side by side."""
    half, whole = (*shape[:-1], dim // 2), (*shape[:-1], dim)
    if interleaved:
        sides = [calls.looked(half, value, spread=True) for _ in range(2)]
    else:
        both = calls.run(Cuts(shape=half), value, results=2)
        sides = [both, both + 1]
    halves: list[int] = []
    for first, second, difference in ((0, 1, True), (1, 0, False)):
        products = [calls.multiplied(half, sides[at], wave) for at, wave in zip((first, second), waves, strict=True)]
        place: GradientPlace = "new" if difference else "whole"
        halves.append(calls.run(Call(shape=half, places=("whole", place)), *products))
    if not interleaved:
        return halves
    return [calls.looked(whole, calls.run(Call(shape=whole, places=("part", "part")), *halves))]


def hidden_blocks(op: Operator, x: TensorType, block: int) -> Course:
    """Return the calls of the emitted module in training."""
    (n, c, *sides), calls = laid(x).shape, Calls(x)
    block = min(block, *sides)
    drawn = calls.constant((n, c, *(size - block + 1 for size in sides)), held=True)
    bordered = calls.constant((n, c, *(size + block - 1 for size in sides)), drawn, held=True)
    size = n * c * prod(sides)
    places = size * LONG // DTYPE_BYTES["float32"] if len(sides) > 1 else 0
    dropped = calls.constant((n, c, *sides), bordered, taken=places)
    kept = calls.constant((n, c, *sides), dropped, held=True)
    factors = calls.constant((n, c, *sides), kept)
    calls.multiplied(laid(x).shape, 0, factors)
    return calls.course(op)


def noisy_softmax(op: Operator, x: TensorType, axis: int, *, hard: bool) -> Course:
    """Return the calls of `torch.nn.functional.gumbel_softmax`."""
    shape, calls = laid(x).shape, Calls(x)
    drawn = calls.constant(shape)
    logarithm = calls.constant(shape, drawn)
    noise = calls.constant(shape, logarithm)
    noisy = calls.added(shape, 0, noise)
    tempered = calls.run(Call(shape=shape), noisy, holds=(noise,), held=True)
    shares = calls.run(Call(shape=shape, keeps_result=True, taken_back=prod(shape)), tempered, held=hard)
    if not hard:
        return calls.course(op)
    at = axis % len(shape)
    one = (*shape[:at], 1, *shape[at + 1 :])
    largest = Constant(shape=one, dtype="int64", beside=(one,))
    index = calls.run(largest, shares, held=True)
    chosen = calls.constant(shape, index, held=True)
    exact = calls.constant(shape, chosen)
    calls.run(Call(shape=shape, places=("new", "whole")), exact, shares)
    return calls.course(op)


def ones_placed(op: Operator, x: TensorType, count: int) -> Course:
    """Return the calls of the emitted module: whole numbers, then floats."""
    calls, shape = Calls(x), (*laid(x).shape, count)
    calls.constant(shape, calls.constant(shape, 0, dtype="int64"))
    return calls.course(op)
