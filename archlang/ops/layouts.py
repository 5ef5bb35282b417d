"""The memory layout of tensors: strides, and the rules by which torch chooses those of a result.

A stride is counted in values. An operator that gets plain types treats them as contiguous, at a batch above one. An
operator that gets `Laid` types knows the batch and the strides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from typing import Literal

from archlang.shapes import TensorType

Strides = tuple[int, ...]
MemoryFormat = Literal["channels_last"]  # torch's name of an order of the axes n c h w in memory
MEMORY_FORMATS: tuple[MemoryFormat, ...] = ("channels_last",)


@dataclass(frozen=True, slots=True)
class Laid(TensorType):
    """A type with its batch size and strides. Two with the same `place` are one tensor; -1 is a place of its own.

    `weights` is the memory format of the net's weights with four axes; None if they are contiguous. `computed` is the
    dtype in which it is computed where that is another than the net says.
    """

    strides: Strides = ()
    place: int = -1
    weights: MemoryFormat | None = None
    computed: str | None = None


def contiguous(shape: Sequence[int]) -> Strides:
    """Return the strides of contiguous values, the last axis innermost."""
    return (*reversed(list(accumulate((max(size, 1) for size in reversed(shape[1:])), int.__mul__, initial=1))),)[
        : len(shape)
    ]


def at_batch(x: TensorType, batch: int) -> TensorType:
    """Return the type with so many images; one with strides is at its batch already."""
    if isinstance(x, Laid):
        return x
    shape = (size * batch if axis == "n" else size for size, axis in zip(x.shape, x.axes, strict=True))
    return TensorType(tuple(shape), x.axes, x.dtype)


def laid(x: TensorType) -> Laid:
    """Return the type with its strides; a plain one is contiguous, and its batch open: more than one."""
    if isinstance(x, Laid):
        return x
    shape = at_batch(x, 2).shape
    return Laid(shape, x.axes, x.dtype, contiguous(shape))


def is_at(x: Laid, strides: Strides) -> bool:
    """Return whether the values have these strides; the stride of an axis of size 1 does not matter."""
    return all(size == 1 or one == other for size, one, other in zip(x.shape, x.strides, strides, strict=True))


def is_contiguous(x: Laid) -> bool:
    """Return whether the values are contiguous."""
    return is_at(x, contiguous(x.shape))


def viewed(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]) -> Strides | None:
    """Return the strides under which the same memory has another shape of as many values; None if there are none.

    Axes that are one run in memory are taken together, and each such run is divided anew. An axis of size 1 gets the
    stride that torch gives it: its place in the run that it ends up in.
    """
    made: list[int] = []
    left = list(wanted)
    for count, step in _runs(shape, strides):
        taken = 1
        while left and (taken < count or left[-1] == 1):
            made.append(taken * step)
            taken *= left.pop()
        if taken != count:
            return None
    return tuple(reversed(made)) if not left else None


def _runs(shape: Sequence[int], strides: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the runs in memory, last first: how many values, and the stride of the last axis."""
    count, step = 1, strides[-1] if strides else 1
    for at in reversed(range(len(shape))):
        count *= shape[at]
        if at and shape[at - 1] != 1 and strides[at - 1] != count * step:
            yield count, step
            count, step = 1, strides[at - 1]
    yield count, step


def is_matrix(x: Laid, last: int = 1) -> bool:
    """Return whether the axes before the `last` ones can be taken as one without a copy, as torch does to multiply."""
    return viewed(x.shape, x.strides, (prod(x.shape[:-last]), *x.shape[-last:])) is not None


def permuted(shape: Sequence[int], order: Sequence[int]) -> Strides:
    """Return dense strides. `order` lists the axes from the innermost to the outermost."""
    strides = [0] * len(shape)
    step = 1
    for axis in order:
        strides[axis] = step
        step *= max(shape[axis], 1)
    return tuple(strides)


def blended(shape: Sequence[int], *inputs: Laid) -> Strides:
    """Return the strides of a result computed value by value (torch's TensorIterator).

    Inputs of this shape that are all contiguous, or all contiguous with the channels innermost, give a result that is
    so too, whatever the strides of their axes of size 1. Inputs of the same strides without a gap keep these strides.
    Otherwise the result is dense, its axes in the order in which the first input that tells them apart has them. An
    axis that an input repeats has the stride 0 there.
    """
    if all(x.shape == tuple(shape) for x in inputs):
        formats = (contiguous(shape), channels_last(shape)) if len(shape) == 4 else (contiguous(shape),)
        for format in formats:
            if all(is_at(x, format) for x in inputs):
                return format
        if all(x.strides == inputs[0].strides for x in inputs) and _is_dense(inputs[0]):
            return inputs[0].strides
    repeated = [_repeated(shape, x) for x in inputs]
    order = list(reversed(range(len(shape))))
    for at in range(1, len(order)):
        place = at
        for before in reversed(range(at)):
            found = _inner(shape, repeated, order[before], order[place])
            if found > 0:
                order[before], order[place] = order[place], order[before]
                place = before
            elif found < 0:
                break
    return permuted(shape, order)


def like(x: TensorType) -> Strides:
    """Return the strides of a result computed from one input, value by value."""
    one = laid(x)
    return blended(one.shape, one)


def like_with_a_number(x: Laid) -> Strides:
    """Return the strides of a result computed from one input and a number.

    The number is a tensor of no axes to torch, so that strides of axes of size 1 stay as well.
    """
    return blended(x.shape, x, Laid((), (), x.dtype, ()))


def _repeated(shape: Sequence[int], x: Laid) -> Strides:
    lacking = len(shape) - len(x.shape)
    told = zip(shape[lacking:], x.shape, x.strides, strict=True)
    return (*(0,) * lacking, *(0 if size == 1 and wanted != 1 else stride for wanted, size, stride in told))


def _inner(shape: Sequence[int], strides: Sequence[Strides], a: int, b: int) -> int:
    """Return 1 if axis b is further in than axis a, -1 if not, 0 if no input decides."""
    for each in strides:
        if each[a] == 0 or each[b] == 0:
            continue
        if each[a] != each[b]:
            return 1 if each[a] > each[b] else -1
        if shape[a] > shape[b]:
            return 1
    return 0


def _is_dense(x: Laid) -> bool:
    """Return whether the values leave no gap and none overlap."""
    axes = sorted((stride, size) for size, stride in zip(x.shape, x.strides, strict=True) if size > 1)
    return not axes or (axes[0][0] == 1 and all(a[0] * a[1] == b[0] for a, b in pairwise(axes)))


def is_channels_last(x: Laid) -> bool:
    """Return whether torch treats the input as channels last: n c h w or n c d h w with the channels innermost."""
    rank = len(x.shape)
    if rank not in (4, 5):
        return False
    least = 0
    if x.strides[1] == 0:
        return False
    for axis in (1, *reversed(range(2, rank)), 0):
        if x.shape[axis] == 0 or x.strides[axis] < least or (axis == 0 and least == x.strides[1]):
            return False
        least = x.strides[axis]
        if x.shape[axis] > 1:
            least *= x.shape[axis]
    return True


def channels_last(shape: Sequence[int]) -> Strides:
    """Return the strides of n c h w or n c d h w with the channels innermost."""
    return permuted(shape, (1, *reversed(range(2, len(shape))), 0))


def formatted(shape: Sequence[int], x: TensorType) -> Strides:
    """Return the strides of a result that keeps the input's memory format: channels innermost, or contiguous."""
    return channels_last(shape) if is_channels_last(laid(x)) else contiguous(shape)


def pooled(shape: Strides, x: Laid) -> Strides:
    """Return the strides of a result that keeps the memory format; torch pools n c t as n c 1 t."""
    if len(x.shape) > 3:
        return formatted(shape, x)
    n, c, _, t = formatted((*shape[:2], 1, *shape[2:]), unsqueezed(x, 2))
    return n, c, t


def averaged(shape: Strides, x: Laid) -> Strides:
    """Return the strides of means, which are contiguous if windows have three sides."""
    return contiguous(shape) if len(shape) == 5 else pooled(shape, x)


def convolved(shape: Sequence[int], x: TensorType, weight: Sequence[int]) -> Strides:
    """Return the strides of a convolution's result: those of the memory format of the input, or else of the weight.

    `weight` is the shape of the weight. For one axis, torch computes with a map of height 1: a view of the input if it
    is contiguous, else of a copy.
    """
    known = laid(x)
    if len(shape) == 4 and is_last_weight(known, weight):
        return channels_last(shape)
    if len(known.shape) != 3:
        return formatted(shape, x)
    if not is_contiguous(known):
        return contiguous(shape)
    n, c, _, t = formatted((*shape[:2], 1, *shape[2:]), unsqueezed(known, 2))
    return (n, c, t)


def is_last_weight(x: Laid, shape: Sequence[int]) -> bool:
    """Return whether torch treats a weight as channels last, in a net with the input `x`."""
    if x.weights != "channels_last" or len(shape) != 4:
        return False
    return is_channels_last(Laid(tuple(shape), ("_",) * 4, x.dtype, channels_last(shape)))


def converted(x: Laid) -> Strides:
    """Return the strides of n c h w after `to(memory_format=torch.channels_last)`, which may return its input."""
    return x.strides if is_channels_last(x) else channels_last(x.shape)


def unsqueezed(x: Laid, at: int) -> Laid:
    """Return the tensor with a further axis of size 1."""
    stride = x.shape[at] * x.strides[at] if at < len(x.shape) else 1
    shape, strides = (*x.shape[:at], 1, *x.shape[at:]), (*x.strides[:at], stride, *x.strides[at:])
    return Laid(shape, (*x.axes[:at], "_", *x.axes[at:]), x.dtype, strides)
