"""What a person sees of a net: layers that belong together as one box, blocks that repeat as one.

`structure_of(graph)` folds by structure, not by equality: two calls are alike if their operators and windows are,
whatever their widths, strides and rates. Tables, pictures and pages are cut from the same `Structure`.
"""

from __future__ import annotations

from archlang.structure.chains import Chain
from archlang.structure.folding import Piece, Structure, structure_of
from archlang.structure.overlay import overlaid

__all__ = ["Chain", "Piece", "Structure", "overlaid", "structure_of"]
