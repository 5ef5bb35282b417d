"""What fits into a memory: the largest batch, the largest input, and what to recompute for a batch that does not."""

from __future__ import annotations

from archlang.fit.largest import Largest, largest_batch, largest_size
from archlang.fit.plans import Plan, plan, planned

__all__ = ["Largest", "Plan", "largest_batch", "largest_size", "plan", "planned"]
