"""The padding of convolutions: by a number, by the sides of each axis, or by the name of a rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import Natural
from archlang.ops.windows import Geometry, Sizes, Stride, check_count, check_sides, each, listed, pads
from archlang.shapes import TensorType

# a list of two instead of a number: the padding before and after
Border = (
    Natural | tuple[Natural | tuple[Natural, ...], ...] | Literal["same", "valid", "same_upper", "same_lower", "causal"]
)


def convolving(x: TensorType, operator: str, kernel: Sizes, stride: Stride, pad: Border, dilation: Stride) -> Geometry:
    """Return how the window of a convolution slides over `x`.

    `same` pads by half the kernel on each side, whatever the stride; `same_upper` and `same_lower` pad as little as
    gives ceil(h/stride) positions, an odd rest after or before (ONNX's names; TensorFlow's `SAME` is the first);
    `causal` pads so that no position sees a later one.
    """
    rank = len(kernel)
    check_sides(rank)
    steps, gaps = each(stride, rank, "stride"), each(dilation, rank, "dilation")
    if isinstance(pad, str):
        borders = named_borders(pad, x.spatial(rank, operator), kernel, steps, gaps)
    else:
        borders = _given_borders(pad, rank)
    before, after = zip(*borders, strict=True)
    return Geometry(kernel, steps, before, gaps, after=after)


def sliding_options(geometry: Geometry) -> tuple[tuple[str, object, object], ...]:
    """Return the options of a module that takes a stride, a dilation and a border for each side, and their defaults."""
    ones = (1,) * len(geometry.kernel)
    border = geometry.torch_border
    return (
        ("stride", geometry.stride, ones), ("dilation", geometry.dilation, ones), ("border", border, (0,) * len(border))
    )  # fmt: skip


def _given_borders(pad: int | Sequence[int | Sequence[int]], rank: int) -> list[tuple[int, int]]:
    if isinstance(pad, int):
        return [(pad, pad)] * rank
    check_count(len(pad), rank, "pad")
    borders: list[tuple[int, int]] = []
    for sides in pad:
        pair = (sides, sides) if isinstance(sides, int) else tuple(sides)
        if len(pair) != 2:
            message = f"along one axis `pad` must be one number or two, before and after, not {listed(pair)}"
            raise Rejected("sides-differ", message, about="pad")
        borders.append(pair)
    return borders


def named_borders(
    pad: str, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the padding before and after along each axis by the name of a rule."""
    if pad == "same":
        return [(width, width) for width in pads("same", kernel, dilation)]
    # how many positions a window covers besides its first
    added = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if pad == "causal":
        if len(kernel) > 1:
            message = f"pad=causal is for sequences, but the window has {len(kernel)} sides"
            raise Rejected("window-rank", message, about="pad")
        return [(width, 0) for width in added]
    if pad == "valid":
        return [(0, 0)] * len(kernel)
    steps = zip(sizes, stride, added, strict=True)
    # the last window starts at the last whole stride within the input
    missing = [max(range(0, size, step)[-1] + more + 1 - size, 0) for size, step, more in steps]
    halves = [(width // 2, width - width // 2) for width in missing]
    return halves if pad == "same_upper" else [(after, before) for before, after in halves]
