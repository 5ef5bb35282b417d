"""Memory over time: a step of training, or an inference, simulated operation by operation.

Eager torch on the CPU, running the module that `archlang build` prints: what each operation allocates, what autograd
saves, what the Python frames hold, when each storage is freed. docs/memory.md defines the step.
"""

from __future__ import annotations

from archlang.facts.memory.casts import AutocastUnknown
from archlang.facts.memory.optimizers import OPTIMIZERS
from archlang.facts.memory.results import MARGIN, Alive, Memory, Moment, memory
from archlang.facts.memory.setup import MODES, Setup, setup_of

__all__ = [
    "MARGIN",
    "MODES",
    "OPTIMIZERS",
    "Alive",
    "AutocastUnknown",
    "Memory",
    "Moment",
    "Setup",
    "memory",
    "setup_of",
]
