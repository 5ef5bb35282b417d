"""The rows of a long report, folded by structure: calls that are alike are laid over each other and summed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from archlang.program import Scope
from archlang.report.data import Report
from archlang.report.lines import Line, layer_line, place_below
from archlang.shapes import TensorType
from archlang.structure import Chain, Piece, Structure, overlaid, structure_of

VARIES = "…"  # between the first and the last of several outputs that differ


def folded_lines(report: Report, most: int) -> list[Line]:
    """Return rows of the net as deep into its blocks as `most` rows allow. Each layer is counted in one row.

    A row with `×` is the sum over the calls of a block in a row; the rows below it, which are indented, are its parts,
    each summed over all of these calls. So the rows that are not indented add up to the net, and those below a row
    to that row.
    """
    structure = structure_of(report.facts.graph)
    found = list(_Cut(report, structure, False).rows(structure.pieces, 0, ""))
    depth = 1
    while True:
        for apart in (False, True):
            rows = list(_Cut(report, structure, apart).rows(structure.pieces, depth, ""))
            if len(rows) > most:
                return found
            if apart and not any(line.is_closed for line in rows):
                return rows
            found = rows
        depth += 1


@dataclass(frozen=True, slots=True)
class _Cut:
    """How the net is cut into rows: the layers of a box are `apart`, or one row."""

    report: Report
    structure: Structure
    apart: bool

    def rows(self, pieces: Sequence[Piece], depth: int, prefix: str, held: str = "") -> Iterator[Line]:
        """Yield the rows of some pieces, down to `depth`; their places are relative to the scope that holds them.

        `held` says in how many calls there are these pieces, if not in all.
        """
        for piece in pieces:
            here = _held(piece) or held
            if piece.is_chain:
                yield from self._layers(piece, prefix, here) if self.apart else (self._box(piece, prefix, here),)
            elif len(piece.units) == 1 and depth:  # its own rows tell enough
                yield from self.rows(self.structure.inside(piece), depth - 1, prefix, here)
            else:
                yield self._sum(piece, prefix, depth, here)
                inner = self.rows(self.structure.inside(piece), depth - 1, _path(piece)) if depth else ()
                yield from (line.indented() for line in inner)

    def _layers(self, piece: Piece, prefix: str, held: str) -> Iterator[Line]:
        """Yield a row for each layer of a box, summed over all boxes in this place."""
        boxes = [unit[0].layers for unit in piece.units if isinstance(unit[0], Chain)]
        for place in overlaid(boxes, lambda at: self.report.layers[at].op):
            layers = [at for at in place if at is not None]
            yield self._line(layers, layers, _count(self.report.layers[layers[0]].op, piece, held), prefix)

    def _box(self, piece: Piece, prefix: str, held: str) -> Line:
        words = dict.fromkeys(self.report.layers[at].op for at in piece.layers)
        last = [unit[0].layers[-1] for unit in piece.units if isinstance(unit[0], Chain)]
        line = self._line(piece.layers, last, _count(", ".join(words), piece, held), prefix)
        return line.closed() if len(words) > 1 else line

    def _line(self, layers: Sequence[int], last: Sequence[int], op: str, prefix: str) -> Line:
        rows = self.report.layers
        first = layer_line(rows[layers[0]])
        told = _told([rows[at].outputs[0] for at in last])
        ends = rows[last[-1]]
        return Line(
            first.path,
            place_below(first.place, prefix),
            op,
            [rows[at] for at in layers],
            ends.outputs,
            lambda: [ends.facts.fields[value] for value in ends.values],
            told=told,
        )

    def _sum(self, piece: Piece, prefix: str, depth: int, held: str) -> Line:
        """Return the row of the calls in one place; its output is that of the last of them."""
        rows, facts = self.report.layers, self.report.facts
        last = next(part for part in reversed(piece.units[-1]) if isinstance(part, Scope))
        types = {
            value: type for at in piece.layers for value, type in zip(rows[at].values, rows[at].outputs, strict=True)
        }
        ends = _path(piece) if prefix else _ends(_path(piece), last.path)
        words = (part.what if isinstance(part, Scope) else rows[part.layers[0]].op for part in piece.units[0])
        line = Line(
            _path(piece),
            place_below(ends, prefix),
            _count(", ".join(words), piece, held),
            [rows[at] for at in piece.layers],
            tuple(types[value] for value in last.outputs),
            lambda: [facts.fields[value] for value in last.outputs],
        )
        return line if depth else line.closed()


def _path(piece: Piece) -> str:
    """Return the path of the first scope in a place."""
    return next(part.path for part in piece.units[0] if isinstance(part, Scope))


def _ends(first: str, last: str) -> str:
    """Return the paths of the first and of the last call, without what both begin with in the second."""
    around = first.rpartition(".")[0]
    return first if first == last else f"{first} to {place_below(last, around)}"


def _count(word: str, piece: Piece, held: str) -> str:
    """Return a word with how often it repeats in a row, and in how many of the calls around it there is one."""
    return f"{word}{f' ×{piece.times}' if piece.times > 1 else ''}{held}"


def _held(piece: Piece) -> str:
    return f", {sum(run is not None for run in piece.runs)} of {len(piece.runs)}" if piece.is_optional else ""


def _told(types: Sequence[TensorType]) -> str:
    """Return the first and the last of some outputs if they differ; empty if one says it all."""
    ends = str(types[0]), str(types[-1])
    return "" if all(one == other for one, other in pairwise(types)) else VARIES.join(ends)
