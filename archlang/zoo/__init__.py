"""The shipped nets: counts from each Graph, the year from each spec, and published accuracies."""

from __future__ import annotations

from archlang.zoo.entries import Entry, entry, published
from archlang.zoo.origin import Origin, origin
from archlang.zoo.selection import ORDERS, Selection, may_hold, selected

__all__ = ["ORDERS", "Entry", "Origin", "Selection", "entry", "may_hold", "origin", "published", "selected"]
