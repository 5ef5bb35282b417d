"""Folds a net: parts that repeat are one piece, and the calls of a piece are laid over each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from archlang.ir import Graph
from archlang.program import Scope
from archlang.structure.alike import Likeness, numbers
from archlang.structure.chains import Chain, Part, parts_of
from archlang.structure.flow import Flow
from archlang.structure.overlay import overlaid

LONGEST = 4  # parts that repeat together, such as the layer and the concat of a dense block

Unit = tuple[Part, ...]  # what repeats: one part, or several that repeat together
Run = tuple[Unit, ...]


@dataclass(frozen=True, eq=False)
class Piece:
    """A place in a folded net.

    `runs` has what stands there in each of the things laid over each other, None if nothing: a net itself is one thing;
    inside a piece, each of its units is one.
    """

    runs: tuple[Run | None, ...]

    @cached_property
    def units(self) -> Run:
        """All that stand there, in order."""
        return tuple(unit for run in self.runs if run for unit in run)

    @property
    def first(self) -> Part:
        return self.units[0][0]

    @property
    def times(self) -> int:
        """How often it repeats in a row, at most."""
        return max(len(run) for run in self.runs if run)

    @property
    def is_optional(self) -> bool:
        """Whether it is missing in some of what is laid over each other."""
        return None in self.runs

    @property
    def is_chain(self) -> bool:
        """Whether it is one box of layers, which may repeat."""
        return len(self.units[0]) == 1 and isinstance(self.first, Chain)

    @property
    def what(self) -> str:
        """The name of the block that is called, `{ }` for braces; empty for layers, and for several parts together."""
        return self.first.what if isinstance(self.first, Scope) and len(self.units[0]) == 1 else ""

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """The numbers of all layers in it."""
        return tuple(at for unit in self.units for at in numbers(unit))


@dataclass(frozen=True, eq=False)
class Structure:
    """A net that can be folded at each level."""

    flow: Flow
    likeness: Likeness = field(repr=False)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """The net's own parts."""
        return self.union([self.flow.tree])

    def union(self, scopes: Sequence[Scope]) -> tuple[Piece, ...]:
        """Return what is inside of some scopes, laid over each other."""
        runs = [list(self.runs(scope)) for scope in scopes]
        return tuple(map(Piece, overlaid(runs, self._place)))

    def runs(self, scope: Scope) -> Iterator[Run]:
        """Yield what is inside of one scope, in order; what repeats stands together."""
        return self._runs(tuple(parts_of(self.flow, scope.parts)))

    def inside(self, piece: Piece) -> tuple[Piece, ...]:
        """Return what is inside of all units of a piece, laid over each other; of a box of layers, nothing."""
        if piece.is_chain:
            return ()
        if len(piece.units[0]) > 1:
            return tuple(Piece(tuple(((part,),) for part in place)) for place in zip(*piece.units, strict=True))
        return self.union([unit[0] for unit in piece.units if isinstance(unit[0], Scope)])

    def _place(self, run: Run | None) -> tuple[object, ...]:
        return tuple(map(self.likeness.place, run[0])) if run else ()

    def _runs(self, parts: Sequence[Part]) -> Iterator[Run]:
        """Yield the parts in order; what repeats stands together, by the period that covers most."""
        at = 0
        while at < len(parts):
            counts = [(length, self._worth(parts, at, length)) for length in range(1, LONGEST + 1)]
            length, times = max(counts, key=lambda count: (count[0] * count[1] if count[1] > 1 else 1, -count[0]))
            yield tuple(tuple(parts[at + i * length : at + (i + 1) * length]) for i in range(times))
            at += length * times

    def _worth(self, parts: Sequence[Part], at: int, length: int) -> int:
        """Return how often the next parts repeat in a row. Boxes that alternate, 1×7 and 7×1, do so from 3 times on."""
        times = self._times(parts, at, length)
        unit = parts[at : at + length]
        boxes = all(isinstance(part, Chain) or self.likeness.is_box(part) for part in unit)
        return 1 if times == 2 and length > 1 and boxes else times

    def _times(self, parts: Sequence[Part], at: int, length: int) -> int:
        """Return how often the next parts repeat in a row."""
        times, end = 1, at + length
        while self.likeness.repeats(parts[end : end + length], parts[end - length : end]):
            times, end = times + 1, end + length
        return times


def structure_of(graph: Graph) -> Structure:
    """Return a net as it can be folded."""
    flow = Flow(graph)
    return Structure(flow, Likeness(flow))
