"""The Program: how a net runs. It stands between the Graph, which says what is computed, and the emitted source.

A Program is made of nested regions: the blocks of the net, and the labelled braces in them. Each region lists its calls
in the order in which they run, the values that enter and leave it, and which values are kept until it returns. Calls
carry marks, such as `recomputed`. `lower` prints a Program as PyTorch source, `facts.memory` simulates it, and a pass
(`program.passes`) makes another Program of it.
"""

from __future__ import annotations

from archlang.program.making import program_of
from archlang.program.regions import Call, Entry, Program, Region
from archlang.program.scopes import Scope, scope_tree
from archlang.program.text import text_of

__all__ = ["Call", "Entry", "Program", "Region", "Scope", "program_of", "scope_tree", "text_of"]
