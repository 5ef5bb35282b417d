"""Passes: functions from a Program to a Program that computes the same in another way."""

from __future__ import annotations

from archlang.program.passes.folding import folding
from archlang.program.passes.formatting import in_memory_format
from archlang.program.passes.overwriting import overwriting
from archlang.program.passes.recomputing import recomputing
from archlang.program.passes.slimming import slimming

__all__ = ["folding", "in_memory_format", "overwriting", "recomputing", "slimming"]
