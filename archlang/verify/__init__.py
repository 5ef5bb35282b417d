"""A net's module held against another one, which gives it its weights: keys, outputs, gradients, buffers.

Its functions import torch when they are called. What differs is told by the first layer at which the two part.
"""

from __future__ import annotations

from archlang.verify.comparing import verify
from archlang.verify.keys import Keys
from archlang.verify.reference import made, value_of
from archlang.verify.running import Trial
from archlang.verify.verdict import Check, Difference, Verdict

__all__ = ["Check", "Difference", "Keys", "Trial", "Verdict", "made", "value_of", "verify"]
