"""Joins that compute value by value, two of their values at a time: what each step returns, saves and passes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archlang.ops.base import GradientPlace, Saved
from archlang.ops.joining import Join
from archlang.ops.layouts import Laid, Strides, blended, laid
from archlang.shapes import TensorType


def in_turn(types: Sequence[TensorType]) -> tuple[tuple[TensorType, ...], ...]:
    """Return steps that each take the result of the one before."""
    return tuple((*types[max(at - 1, 0) : at], type) for at, type in enumerate(types)) + tuple((x,) for x in types[-1:])


def whole_or_new(x: TensorType, y: TensorType) -> GradientPlace:
    """Return where the gradient of a summand is allocated: as the sum's own, or anew if axes were repeated."""
    return "whole" if x.shape == y.shape else "new"


def losing_axes(inputs: Sequence[TensorType], y: TensorType) -> tuple[int, ...]:
    """Return the summands of fewer axes than the sum: torch returns such a gradient as a view of one with all axes.

    That of a single number is no view.
    """
    return tuple(at for at, x in enumerate(inputs) if 0 < len(x.shape) < len(y.shape))


def new_or_summed(x: TensorType, y: TensorType) -> GradientPlace:
    """Return where the gradient of a factor is allocated: in new memory, after a sum if the factor was repeated."""
    return "new" if x.shape == y.shape else "summed"


def combined(op: Join, inputs: tuple[TensorType, ...]) -> Strides:
    """Return the strides of the result, from those after the first two inputs, the first three, and so on."""
    known = tuple(map(laid, inputs))
    so_far = known[0]
    for step, x in zip(op.broadcast(known)[1:], known[1:], strict=True):
        so_far = Laid(step.shape, step.axes, step.dtype, blended(step.shape, so_far, x))
    return so_far.strides


def kept_with_steps(op: Join, inputs: tuple[TensorType, ...], both: bool) -> tuple[Saved, ...]:
    """Return what the steps save of their two sides: an input, and before it the first input or the previous result.

    A side is saved for the gradient of the other, or of either if `both` says so.
    """
    if not inputs[0].is_float:
        return ()
    kept: list[Saved] = []
    for at, left in enumerate(op.broadcast(inputs)[:-1], 1):
        before = tuple(range(at))
        for_left = (*before, at) if both else (at,)
        if at == 1:
            kept.append(Saved("input", 0, when=for_left))
        else:
            own = Saved("own", shape=left.shape, dtype=left.dtype, per_image="n" in left.axes, name="step")
            kept.append(replace(own, when=for_left))
        kept.append(Saved("input", at, when=(*before, at) if both else before))
    return tuple(kept)
