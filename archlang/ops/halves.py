"""What torch computes in float32 where values have half the bytes, eager on the CPU."""

from __future__ import annotations

from math import prod

from archlang.ops.layouts import laid
from archlang.ops.running import Scratch
from archlang.shapes import DTYPE_BYTES, TensorType, param_type

HALF, WHOLE = 2, 4  # bytes of a value


def in_floats(x: TensorType) -> Scratch:
    """Return the copy in float32 that a mean makes of values in half precision; nothing of others."""
    known = laid(x)
    is_half = DTYPE_BYTES[known.computed or known.dtype] == HALF and known.is_float
    return (param_type((WHOLE * prod(known.shape),), "uint8"),) if is_half else ()
