"""Memory over time: a step of training, or an inference, simulated operation by operation.

Eager torch on the CPU, as the module runs that `archlang build` prints: what each operation takes, what autograd keeps
of it, what the frames of Python hold, when each storage is given back. docs/memory.md tells what the step is.
"""

from __future__ import annotations

from archlang.facts.memory.casts import AutocastUnknown
from archlang.facts.memory.optimizers import OPTIMIZERS
from archlang.facts.memory.results import Alive, Memory, Moment, memory
from archlang.facts.memory.setup import MODES, Setup, setup_of

__all__ = ["MODES", "OPTIMIZERS", "Alive", "AutocastUnknown", "Memory", "Moment", "Setup", "memory", "setup_of"]
