"""The padding of convolutions: by a number, by the sides of each axis, or by the name of a rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import Natural
from archlang.ops.windows import check_count, listed, pads

# a list of two instead of a number: the padding before and after
Border = (
    Natural | tuple[Natural | tuple[Natural, ...], ...] | Literal["same", "valid", "same_upper", "same_lower", "causal"]
)


def given_borders(pad: int | Sequence[int | Sequence[int]], rank: int) -> list[tuple[int, int]]:
    """Return the padding before and after along each axis by numbers."""
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
