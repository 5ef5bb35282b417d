"""The calls of torch in a convolution with a connection table."""

from __future__ import annotations

from collections.abc import Sequence

from archlang.ops.base import GradientPlace, Operator
from archlang.ops.calls import Call, Convolved, Cuts
from archlang.ops.in_calls import Calls, Shape
from archlang.ops.layouts import contiguous, laid
from archlang.ops.parts import Course, Own
from archlang.ops.windows import Geometry
from archlang.shapes import TensorType

PART: GradientPlace = "part"


def by_table(
    op: Operator, x: TensorType, geometry: Geometry, table: Sequence[Sequence[int]], result: Shape, *, bias: bool
) -> Course:  # fmt: skip
    """Return the calls of the emitted module: a convolution of each input map for all output maps that see it.

    The `table` lists for each output map the input maps that it sees. `result` is the shape of the result.
    """
    calls, padded = Calls(x), geometry.padded(x)
    is_padded = padded != x.shape
    value = calls.run(Call(shape=padded), 0, held=True) if is_padded else 0
    lies = contiguous(padded) if is_padded else laid(x).strides
    pairs = [(number, out) for out, seen in enumerate(table) for number in seen]
    kernels = calls.run(Cuts(shape=geometry.kernel, count=len(pairs)), Own("weight"), results=len(pairs))
    uses: dict[int, list[tuple[int, int]]] = {}
    for at, (number, out) in enumerate(pairs):
        uses.setdefault(number, []).append((kernels + at, out))
    sums: list[list[int]] = [[] for _ in table]
    before: tuple[int, ...] = ()
    n, _, *sides = result
    for seen in uses.values():
        count = len(seen)
        stacked = Call(shape=(count, 1, *geometry.kernel), places=(PART,) * count)
        weight = calls.run(stacked, *(at for at, _ in seen), holds=before)
        before = (weight,)
        one = (padded[0], 1, *padded[2:])
        shape = (n, count, *sides)
        window = Convolved(shape=shape, axes=x.axes, lies=contiguous(shape), groups=1, stride=geometry.stride)
        maps = calls.run(window, calls.looked(one, value, lies, spread=True, axes=x.axes), weight)
        first = calls.run(Cuts(shape=(n, *sides), count=count), maps, results=count, held=True)
        for at, (_, out) in enumerate(seen):
            sums[out].append(first + at)
    _added(calls, sums, result, before, bias=bias)
    return calls.course(op)


def _added(calls: Calls, sums: Sequence[Sequence[int]], result: Shape, holds: Shape, *, bias: bool) -> None:
    """Add the sums of the maps of each output, which are put side by side, and the bias."""
    one = (result[0], *result[2:])
    made: list[int] = []
    for first, *others in sums:
        total = calls.run(Call(shape=one, places=("whole",)), first)
        for other in others:
            total = calls.added(one, total, other)
        made.append(total)
    together = calls.run(Call(shape=result, places=(PART,) * len(made)), *made, holds=holds)
    if bias:
        calls.run(Call(shape=result, places=("whole", "new")), together, Own("bias"), holds=holds)
