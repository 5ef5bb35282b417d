"""The Program of a net as its source and its module are asked for."""

from __future__ import annotations

from collections.abc import Collection

from archlang.ir import Graph
from archlang.ops.layouts import MemoryFormat
from archlang.program import Program, program_of
from archlang.program.passes import folding, in_memory_format, recomputing, slimming

SAVE = "save"  # the memory for which a module keeps less, at little cost


def program_for(
    graph: Graph, recomputed: Collection[str], memory_format: MemoryFormat | None, optimize: str | None, slim: bool
) -> Program:
    """Return how the net runs. Raises ValueError for an unknown setting, or for settings that exclude each other."""
    if optimize not in (None, "inference"):
        raise ValueError(f"what a module is optimised for is `inference`, not {optimize!r}")
    if slim and optimize:
        raise ValueError("a slim module keeps less in training, and `optimize` is for inference; give one of them")
    program = recomputing(program_of(graph), recomputed)
    program = slimming(program) if slim else folding(program) if optimize else program
    return in_memory_format(program, memory_format)
