"""The calls of torch in a convolution with a connection table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archlang.ops.base import GradientPlace, Operator
from archlang.ops.calls import Call, Convolved, Cuts
from archlang.ops.in_calls import Calls, Shape
from archlang.ops.layouts import contiguous, laid
from archlang.ops.parts import Course, Own
from archlang.shapes import TensorType

PART: GradientPlace = "part"


@dataclass(frozen=True, slots=True)
class Tabled:
    """The shape of the padded input, the kernel, the shape of the result, the table, the stride, and whether a bias."""

    padded: Shape
    kernel: Shape
    result: Shape
    table: tuple[tuple[int, ...], ...]
    stride: Shape
    bias: bool


def by_table(op: Operator, x: TensorType, of: Tabled) -> Course:
    """Return the calls of the emitted module: a convolution of each input map for all output maps that see it."""
    calls = Calls(x)
    is_padded = of.padded != x.shape
    value = calls.run(Call(shape=of.padded), 0, held=True) if is_padded else 0
    lies = contiguous(of.padded) if is_padded else laid(x).strides
    pairs = [(number, out) for out, seen in enumerate(of.table) for number in seen]
    kernels = calls.run(Cuts(shape=of.kernel, count=len(pairs)), Own("weight"), results=len(pairs))
    uses: dict[int, list[tuple[int, int]]] = {}
    for at, (number, out) in enumerate(pairs):
        uses.setdefault(number, []).append((kernels + at, out))
    sums: list[list[int]] = [[] for _ in of.table]
    before: tuple[int, ...] = ()
    n, _, *sides = of.result
    for seen in uses.values():
        count = len(seen)
        stacked = Call(shape=(count, 1, *of.kernel), places=(PART,) * count)
        weight = calls.run(stacked, *(at for at, _ in seen), holds=before)
        before = (weight,)
        one = (of.padded[0], 1, *of.padded[2:])
        shape = (n, count, *sides)
        window = Convolved(shape=shape, axes=x.axes, lies=contiguous(shape), groups=1, stride=of.stride)
        maps = calls.run(window, calls.looked(one, value, lies, spread=True, axes=x.axes), weight)
        first = calls.run(Cuts(shape=(n, *sides), count=count), maps, results=count, held=True)
        for at, (_, out) in enumerate(seen):
            sums[out].append(first + at)
    _added(calls, sums, of, before)
    return calls.course(op)


def _added(calls: Calls, sums: Sequence[Sequence[int]], of: Tabled, holds: Shape) -> None:
    """Add the sums of the maps of each output, which are put side by side, and the bias."""
    one = (of.result[0], *of.result[2:])
    made: list[int] = []
    for first, *others in sums:
        total = calls.run(Call(shape=one, places=("whole",)), first)
        for other in others:
            total = calls.added(one, total, other)
        made.append(total)
    together = calls.run(Call(shape=of.result, places=(PART,) * len(made)), *made, holds=holds)
    if of.bias:
        calls.run(Call(shape=of.result, places=("whole", "new")), together, Own("bias"), holds=holds)
