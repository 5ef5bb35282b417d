"""The bars of a long net, folded by structure as the report folds its rows: alike calls in a row are one bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archlang.ir import Graph
from archlang.program import Scope
from archlang.structure import Piece, Structure, structure_of


def folded_layers(graph: Graph, most: int) -> list[tuple[Piece, str]]:
    """Return the pieces of a net as deep into its blocks as `most` of them allow, each with the path of its first call.

    Each layer is in one piece. There may be more than `most` if the net itself has as many.
    """
    structure = structure_of(graph)
    found, depth = list(structure.pieces), 1
    while not all(piece.is_chain for piece in found):
        deeper = list(_cut(structure, structure.pieces, depth))
        if len(deeper) > most:
            break
        found, depth = deeper, depth + 1
    return [(piece, _path(piece)) for piece in found]


def _cut(structure: Structure, pieces: Sequence[Piece], depth: int) -> Iterator[Piece]:
    for piece in pieces:
        if depth and not piece.is_chain:
            yield from _cut(structure, structure.inside(piece), depth - 1)
        else:
            yield piece


def _path(piece: Piece) -> str:
    """Return the path of the first call in a piece; empty for a box of layers."""
    return next((part.path for part in piece.units[0] if isinstance(part, Scope)), "")
