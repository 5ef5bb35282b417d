"""What attentions share: their heads and positions, and what a causal mask leaves to be seen."""

from __future__ import annotations

from collections.abc import Mapping

from archlang.diagnostics import Rejected
from archlang.ops.base import Slide
from archlang.shapes import TensorType


def check_positions(query: TensorType, key: TensorType, value: TensorType, is_causal: bool) -> None:
    """Check that keys and values have equal positions, and with a causal mask as many as the queries. Channels last."""
    if key.shape[:-1] != value.shape[:-1] or query.shape[0] != key.shape[0]:
        message = f"keys and values need the same positions, but these differ: {key} and {value}"
        raise Rejected("unequal-sizes", message, about="input")
    queries, keys = query.shape[-2], key.shape[-2]
    if is_causal and queries != keys:
        message = f"a causal mask needs as many keys as queries, but there are {keys} and {queries}"
        raise Rejected("causal-lengths", message, about="causal")


def causal(seen: Mapping[str, Slide]) -> dict[str, Slide]:
    """Return the slides if no position sees a later one."""
    return {axis: Slide(slide.extent, 1, slide.extent - 1, past=True) for axis, slide in seen.items()}


def check_heads(width: int, heads: int) -> int:
    """Check that the channels divide into the heads, and return those of one head."""
    if not heads or width % heads:
        raise Rejected("heads-do-not-divide", f"{width} channels are not a multiple of {heads} heads", about="heads")
    return width // heads
