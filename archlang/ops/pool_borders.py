"""The padding of pools: by a number, by one for each axis, or by the name of a rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import Natural
from archlang.ops.borders import named_borders
from archlang.ops.windows import Geometry, Sizes, Stride, brief, check_sides, each, listed
from archlang.shapes import TensorType, Window

PoolBorder = Natural | tuple[Natural, ...] | Literal["same", "valid", "same_upper", "same_lower"]


def pooling(
    x: TensorType, pool: str, kernel: Sizes, stride: Stride, pad: PoolBorder, dilation: Stride, ceil: bool
) -> Geometry:
    """Return how the window of a pool slides over `x`. The rules are those of convolutions.

    torch's pools pad both sides of an axis alike. Where `same_upper` asks for one value more after, the last window
    extends beyond the end instead, as with `ceil=true`. Where `same_lower` asks for one more before, both sides have
    it, and no window reaches the last one. At stride 1 this is not possible: the geometry has two borders then.
    """
    rank = len(kernel)
    check_sides(rank)
    steps, gaps = each(stride, rank, "stride"), each(dilation, rank, "dilation")
    if not isinstance(pad, str):
        return Geometry(kernel, steps, each(pad, rank, "pad"), gaps, ceil)
    if ceil and pad in ("same_upper", "same_lower"):
        message = f"pad={pad} gives ceil(size/stride) positions, and `ceil=true` can add none"
        raise Rejected("pool-padding", message, about="ceil")
    borders = named_borders(pad, x.spatial(rank, pool), kernel, steps, gaps)
    before, after = zip(*borders, strict=True)
    if any(step == 1 and one != other for step, (one, other) in zip(steps, borders, strict=True)):
        return Geometry(kernel, steps, before, gaps, after=after)
    return Geometry(kernel, steps, before, gaps, ceil or (pad == "same_upper" and before != after))


def check_half(geometry: Geometry) -> None:
    """Refuse padding by more than half the window, in which a window could see nothing else."""
    for k, width in zip(geometry.kernel, geometry.pad, strict=True):
        if width > k // 2:
            message = f"a pool's pad is at most half its window: {width} is over {k}/2"
            raise Rejected("pool-padding", message, about="pad")


def refuse_uneven(
    geometry: Geometry, x: TensorType, pool: str, pad: PoolBorder, counted: bool, values: str | None
) -> None:
    """Refuse a border that torch's pools cannot make.

    `counted` says that the border is counted as zeros. `values` are the arguments of a `pad` that borders a map in the
    same way; None if none does.
    """
    zeros = pad == "same_upper" and counted and geometry.ceil
    if geometry.is_even and not zeros:
        return
    rank = len(geometry.kernel)
    borders = named_borders(str(pad), x.spatial(rank, pool), geometry.kernel, geometry.stride, geometry.dilation)
    uneven = next(border for border in borders if border[0] != border[1])
    why = "torch's pools pad both sides of an axis alike at stride 1"
    if zeros:
        why = "torch's means count no zeros there; `count_include_pad=false` counts none at all"
    message = f"pad={pad} would pad by {uneven[0]} before and {uneven[1]} after, but {why}"
    help = None if values is None else f"write `{_padded_before(borders, values)} -> {pool} {_window(geometry)}`"
    raise Rejected("pool-padding", message, help=help, about="pad")


def _padded_before(borders: Sequence[tuple[int, int]], values: str) -> str:
    before, after = (listed(brief(side)) for side in zip(*borders, strict=True))
    return f"pad before={before} after={after}{values}"


def _window(geometry: Geometry) -> str:
    steps = geometry.stride if len(set(geometry.stride)) > 1 else geometry.stride[:1]
    return f"{Window(geometry.kernel)}/{'x'.join(map(str, steps))}"
