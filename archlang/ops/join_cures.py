"""What joins propose if their inputs do not fit: other names of axes, a projection, a repeated axis."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from archlang.diagnostics import Rejected
from archlang.ops.base import Operator
from archlang.ops.windows import short
from archlang.shapes import AXIS_WORDS, TensorType, Window, input_type, slide, spatial_axes


def renaming(join: Operator, inputs: tuple[TensorType, ...]) -> str | None:
    """Return the step that makes the inputs' axes equal; None if the join would refuse their sizes too."""
    batched = [x for x in inputs if "n" in x.axes]
    if len({len(x.axes) for x in batched}) > 1:
        return None
    known = [*(input_type((1,) * sides).axes for sides in (3, 2, 1, 4)), ("n", "t", "c")]
    wanted = next((x.axes for x in batched if x.axes in known), batched[0].axes)
    other = next(x for x in batched if x.axes != wanted)
    names = " ".join(wanted)
    if sorted(other.axes) == sorted(wanted):
        return f'`permute "{names}"` puts the axes of {other} in that order'
    try:
        join.outputs(*(replace(x, axes=wanted) if x in batched else x for x in inputs))
    except Rejected:
        return None
    return f'if these are the same axes, `axes "{names}"` renames those of {other} ({other.names})'


def against(x: TensorType, y: TensorType) -> str | None:
    """Return the view of a parameter of one axis that sets its numbers against an axis of the other value.

    None if no axis has that size, or several have it.
    """
    for value, param in ((x, y), (y, x)):
        if "n" in param.axes or "n" not in value.axes or len(param.shape) != 1:
            continue
        (size,) = param.shape
        fitting = [at for at, axis in enumerate(value.axes) if axis != "n" and value.shape[at] == size]
        if len(fitting) == 1:
            axis, view = value.axes[fitting[0]], [size] + [1] * (len(value.axes) - 1 - fitting[0])
            return f"`reshape {view}` sets the {size} numbers of the parameter against the {AXIS_WORDS.get(axis, axis)}"
    return None


def projection(inputs: tuple[TensorType, ...]) -> str | None:
    """Return the layer that brings one of two shapes to the other, if a 1x1 convolution does."""
    kinds = list(dict.fromkeys(inputs))
    axes, rank = kinds[0].axes, len(kinds[0].axes) - 2
    if len(kinds) != 2 or axes not in (("n", "c"), *(("n", "c", *spatial_axes(sides)) for sides in (1, 2, 3))):
        return None
    small, large = sorted(kinds, key=lambda x: prod(x.shape[2:]))
    if small.shape[0] != large.shape[0]:
        return None
    window = Window((1,) * rank)
    if small.shape[2:] == large.shape[2:]:
        width = kinds[0]["c"]
        layer = f"conv {window} {width}" if rank else f"linear {width}"
        return f"project one side: `{layer}` brings {kinds[1]} to {kinds[0]}"
    strides = tuple(-(-size // wanted) for size, wanted in zip(large.shape[2:], small.shape[2:], strict=True))
    reached = (slide(size, 1, stride, 0, 0) for size, stride in zip(large.shape[2:], strides, strict=True))
    # a longer stride would leave out most of what it skips
    if tuple(reached) != small.shape[2:] or max(strides) > 4:
        return None
    return f"one side has one more stride: `conv {window}/{short(strides)} {small['c']}` brings {large} to {small}"


def expansion(inputs: tuple[TensorType, ...]) -> str | None:
    """Return the cure if an axis of size 1 must be repeated; None if repeating does not make the values equal."""
    if len({(x.axes, x.shape[0]) for x in inputs}) > 1:
        return None
    sides = [max(sizes) for sizes in zip(*(x.shape for x in inputs), strict=True)]
    if any(size not in (1, side) for x in inputs for size, side in zip(x.shape, sides, strict=True)):
        return None
    wanted = [side for side, axis in zip(sides, inputs[0].axes, strict=True) if axis != "n"]
    return f"`expand {wanted}` repeats a value along its axes of size 1"
