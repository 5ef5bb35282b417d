"""Compares a net's module with a reference that gives it its weights: keys, outputs, gradients and buffers.

Its functions import torch when they are called. If the two differ, the first layer that differs is named.
"""

from __future__ import annotations

from archlang.verify.comparing import verify
from archlang.verify.keys import Keys
from archlang.verify.reference import made, value_of
from archlang.verify.running import Trial
from archlang.verify.verdict import Check, Difference, Verdict

__all__ = ["Check", "Difference", "Keys", "Trial", "Verdict", "made", "value_of", "verify"]
