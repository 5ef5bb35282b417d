"""The calls of torch in a convolution with weights of its own at each position."""

from __future__ import annotations

from math import prod

from archlang.ops.base import GradientPlace, Operator
from archlang.ops.calls import Call
from archlang.ops.in_calls import Calls, Shape
from archlang.ops.parts import Course, Own
from archlang.ops.windows import Geometry
from archlang.shapes import TensorType


def unshared(
    op: Operator, x: TensorType, geometry: Geometry, padded: Shape, out: int, *, copied: bool, bias: bool
) -> Course:  # fmt: skip
    """Return the calls of the emitted module: windows, a product of matrices for each position, and the bias."""
    calls, value = Calls(x), 0
    if padded != x.shape:
        value = calls.run(Call(shape=padded), 0, held=True)
    sizes = list(padded)
    for axis, (kernel, step, gap) in enumerate(
        zip(geometry.kernel, geometry.stride, geometry.dilation, strict=True), 2
    ):  # fmt: skip
        extent = gap * (kernel - 1) + 1
        sizes[axis] = (sizes[axis] - extent) // step + 1
        value = calls.looked((*sizes, extent), value, spread=True)
        if gap > 1:
            value = calls.looked((*sizes, kernel), value, spread=True)
        sizes.append(kernel)
    (n, c), positions = padded[:2], tuple(sizes[2 : len(padded)])
    count = prod(positions)
    place: GradientPlace = "whole"
    rows = (count, n, c * prod(geometry.kernel))
    windows = calls.run(Call(shape=rows, places=(place,)), value, held=True) if copied else calls.looked(rows, value)
    product = Call(shape=(count, n, out), keeps=((0, (1,)), (1, (0,))), cast="lower")
    result = calls.run(product, windows, Own("weight", relaid=True))
    if count > 1 and n * out > 1:
        result = calls.run(Call(shape=(n, out, count), places=(place,)), result, held=bias)
    shape = (n, out, *positions)
    result = calls.looked(shape, result)
    if bias:
        calls.added(shape, result, Own("bias"), (out, *positions))
    return calls.course(op)
