"""The calls of torch in normalisations that it computes in several: of neighbours, of root mean squares, of cosines."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archlang.ops.base import Operator
from archlang.ops.calls import Call, Convolved
from archlang.ops.in_calls import Calls
from archlang.ops.layouts import contiguous, is_contiguous, laid
from archlang.ops.parts import Course, Own
from archlang.shapes import TensorType


def local_response(op: Operator, x: TensorType, size: int, *, copies: bool) -> Course:
    """Return the calls of `torch.nn.functional.local_response_norm`; of some volumes, a copy comes first."""
    shape, calls = laid(x).shape, Calls(x)
    n, c, *sides = shape
    padded = (n, c + size - 1, *sides)
    first = calls.run(Call(shape=shape, places=("whole",)), 0) if copies else 0
    squares = calls.multiplied(shape, first, first)
    bordered = calls.run(Call(shape=padded), squares)
    means = calls.run(Call(shape=shape, keeps=((0, (0,)),)), bordered)
    times_alpha = calls.scaled(shape, means)
    sums = calls.run(Call(shape=shape, places=("whole",)), times_alpha)
    power = Call(shape=shape, keeps=((0, (0,)),), taken_back=2 * prod(shape))
    divisor = calls.run(power, sums, holds=(means,))
    calls.divided(shape, first, divisor)
    return calls.course(op)


def root_mean_square(op: Operator, x: TensorType, *, affine: bool) -> Course | None:
    """Return the calls within torch's call in training; None of an input that it copies first."""
    if not is_contiguous(laid(x)):
        return None
    shape, calls = laid(x).shape, Calls(x)
    rows = (*shape[:-1], 1)
    size, few = prod(shape), prod(rows)
    squares = calls.run(Call(shape=shape, keeps=((0, (0,)),), taken_back=2 * size, passing=True), 0)
    means = calls.run(Call(shape=rows, passing=True), squares)
    root = Call(shape=rows, keeps_result=True, taken=size + few, taken_back=2 * few)
    roots = calls.run(root, means)
    scaled = calls.multiplied(shape, 0, roots, rows)
    if affine:
        calls.multiplied(shape, scaled, Own("weight"), shape[-1:])
    return calls.course(op)


def local_contrast(op: Operator, x: TensorType, size: int) -> Course:
    """Return the calls of the emitted module."""
    shape, calls = laid(x).shape, Calls(x)
    n, _, h, w = shape
    one, bordered = (n, 1, h, w), (n, 1, h + size - 1, w + size - 1)

    def around(of: int) -> int:
        means = calls.run(Call(shape=one), of)
        wide = calls.run(Call(shape=bordered, axes=x.axes, keeps=((0, (0,)),)), means, holds=(of,) if of else ())
        kernels = calls.run(
            Call(shape=(1, 1, size, size), passing=True, places=("whole",)), Own("weight", trained=False)
        )
        window = Convolved(shape=one, axes=x.axes, lies=contiguous(one), groups=1, stride=(1, 1))
        return calls.run(window, wide, kernels, holds=(of,) if of else ())

    centre = Call(shape=shape, places=("whole", "new" if one == shape else "summed"))
    centred = calls.run(centre, 0, around(0))
    squares = calls.mapped(shape, centred, 2)
    variance = calls.run(Call(shape=one, keeps=((0, (0,)),), taken_back=prod(one)), around(squares))
    deviation = calls.mapped(one, variance, 1, result=True)
    mean = calls.run(Call(shape=(n, 1, 1, 1)), deviation)
    greater = Call(shape=one, keeps=((0, (0, 1)), (1, (0, 1))), places=("new", "summed"), taken_back=2 * prod(one))
    divisor = calls.run(greater, deviation, mean, holds=(deviation,))
    calls.divided(shape, centred, divisor, one)
    return calls.course(op)


def cosines(op: Operator, inputs: Sequence[TensorType], both: TensorType, axis: int) -> Course:
    """Return the calls of `torch.nn.functional.cosine_similarity` of the shape to which both are repeated."""
    shape, calls = both.shape, Calls(*inputs)
    at = axis % len(shape)
    rows, result = (*shape[:at], 1, *shape[at + 1 :]), (*shape[:at], *shape[at + 1 :])
    size = prod(shape)
    sides = [
        number if laid(x).shape == shape else calls.looked(shape, number, contiguous(shape), spread=True)
        for number, x in enumerate(inputs)
    ]
    lengths: list[int] = []
    for side in sides:
        norm = Call(shape=rows, keeps=((0, (0,)),), keeps_result=True, taken_back=size + prod(rows))
        lengths.append(calls.run(Call(shape=rows, places=("whole",)), calls.run(norm, side)))
    units = [calls.divided(shape, side, length, rows) for side, length in zip(sides, lengths, strict=True)]
    calls.run(Call(shape=result, keeps=((0, (1,)), (1, (0,))), taken=size), *units)
    return calls.course(op)
