"""The type of a value of which nothing is known, in what is drawn of a wrong net."""

from __future__ import annotations

from archlang.shapes import TensorType

UNKNOWN = TensorType((0,), ("unknown",))
