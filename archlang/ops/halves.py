"""What torch takes for values in half precision, eager on the CPU: copies in float32, and panels of products."""

from __future__ import annotations

from math import prod

from archlang.ops.layouts import laid
from archlang.ops.running import Scratch
from archlang.shapes import DTYPE_BYTES, TensorType, param_type

HALF, WHOLE = 2, 4  # bytes of a value
PANEL, ROWS, DEPTH, STEP = 64, 256, 1024, 32  # of a product's panel: columns, rows and what is summed, at most
TABLES = 1_152  # bytes beside them


def is_half(x: TensorType) -> bool:
    """Return whether the values are computed in half precision."""
    known = laid(x)
    return known.is_float and DTYPE_BYTES[known.computed or known.dtype] == HALF


def bytes_taken(count: int) -> Scratch:
    """Return so many bytes, whatever the dtype of the net."""
    return (param_type((max(count, 0),), "uint8"),)


def in_floats(x: TensorType) -> Scratch:
    """Return the copy in float32 that a mean makes of values in half precision; nothing of others."""
    return bytes_taken(WHOLE * prod(laid(x).shape)) if is_half(x) else ()


def panels(x: TensorType, rows: int, inner: int, columns: int, *, turned: bool = False) -> Scratch:
    """Return an upper bound of what a product of matrices copies: panels of either, and sums; nothing in float32.

    The first one has `rows` times `inner` values, and is copied if it lies `turned`.
    """
    if not is_half(x):
        return ()
    high = -(-rows // -(-rows // ROWS))  # in equal parts
    deep = min(-(-inner // STEP) * STEP, DEPTH)
    first = HALF * high * (deep + STEP) * turned
    return bytes_taken(HALF * PANEL * deep + WHOLE * high * min(columns, PANEL) + first + TABLES)
