"""The shipped nets: counts from each Graph, the year from each spec, and published accuracies."""

from __future__ import annotations

from archlang.zoo.entries import Entry, entry, published
from archlang.zoo.measured import Measured, measured, measured_macs
from archlang.zoo.origin import Origin, origin
from archlang.zoo.selection import ORDERS, Selection, may_hold, selected

__all__ = [
    "ORDERS", "Entry", "Measured", "Origin", "Selection", "entry", "may_hold", "measured", "measured_macs", "origin",
    "published", "selected",
]  # fmt: skip
