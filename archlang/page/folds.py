"""How the blocks of a net fold on its page: by the structure that tables and pictures are cut from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from archlang.facts.work import Counts, count
from archlang.ir import Graph
from archlang.page.progressions import numbers
from archlang.program import Call, Entry, Region, Scope, program_of
from archlang.render.figure.items import Shelf
from archlang.render.figure.making import inset_of
from archlang.render.figure.model import Panel
from archlang.render.figure.words import head_text, trim_text
from archlang.structure import Chain, Piece, structure_of
from archlang.structure.chains import Part, head_of
from archlang.structure.folding import Run, Unit


@dataclass(frozen=True, slots=True)
class Folds:
    """A net that can be folded, with the first call of each block, by the block's id."""

    shelf: Shelf
    counts: Counts
    scopes: Mapping[str, Scope]
    regions: Mapping[str, Region]

    def entries(self, block: str) -> list[object]:
        """Return what a block holds, as the page shows it: its nodes by their numbers, boxes, braces and what repeats.

        A box of several layers is `chain`, their numbers. What repeats has `times`, and so have braces that hold
        nothing else; `word` names what repeats, and `each` tells how its calls look and differ.
        """
        region = self.regions[block]
        places = {node.outputs: at for at, node in enumerate(region.block.nodes)}
        return list(_Block(self, places).entries(self.scopes[block], region))


def folds_of(graph: Graph) -> Folds:
    """Return a net as its page folds it."""
    program, structure = program_of(graph), structure_of(graph)
    scopes = {graph.root.id: structure.flow.tree}
    for scope in _calls(structure.flow.tree):
        scopes.setdefault(scope.callee, scope)
    return Folds(Shelf(structure), count(graph), scopes, program.regions)


def _calls(scope: Scope) -> Iterator[Scope]:
    """Yield all calls of blocks within a scope."""
    for call in scope.calls():
        yield call
        yield from _calls(call)


@dataclass(frozen=True, slots=True)
class _Block:
    """Writes the entries of one block. `places` numbers its nodes by what they give."""

    folds: Folds
    places: Mapping[tuple[int, ...], int]

    def entries(self, scope: Scope, region: Region) -> Iterator[object]:
        """Yield the entries of a scope, which is the block or braces in it."""
        at = {_key(part): at for at, part in enumerate(scope.parts)}
        done = 0
        for run in self.folds.shelf.structure.runs(scope):
            spots = [[at[key] for part in unit for key in _keys(part)] for unit in run]
            first, end = spots[0][0], spots[-1][-1] + 1
            yield from (self._entry(scope, region, one) for one in range(done, first))  # calls without layers
            parts = list(self._parts(scope, region, [part for unit in run for part in unit], at))
            yield from (self._fold(run, parts),) if len(run) > 1 else parts
            done = end
        yield from (self._entry(scope, region, one) for one in range(done, len(scope.parts)))

    def _parts(
        self, scope: Scope, region: Region, parts: Iterable[Part], at: Mapping[object, int]
    ) -> Iterator[object]:  # fmt: skip
        """Yield parts in a row, and between them the calls without layers."""
        done: int | None = None
        for part in parts:
            spots = [at[key] for key in _keys(part)]
            yield from (self._entry(scope, region, one) for one in range(spots[0] if done is None else done, spots[0]))
            found = [self._entry(scope, region, one) for one in spots]
            yield {"chain": found} if len(found) > 1 else found[0]
            done = spots[-1] + 1

    def _entry(self, scope: Scope, region: Region, at: int) -> object:
        """Return a node by its number, or braces."""
        entry, part = region.entries[at], scope.parts[at]
        if isinstance(entry, Region):
            assert isinstance(part, Scope)
            return _braces(entry, list(self.entries(part, entry)))
        return self.places[_call(entry).outputs]

    def _fold(self, run: Run, parts: Sequence[object]) -> dict[str, object]:
        piece = Piece((run,))
        calls = [part for part in parts if isinstance(part, int)]
        inside = {"calls": numbers(calls)} if len(calls) == len(parts) else {"entries": parts}
        return {"times": len(run), "word": self._word(run[0]), **inside, **self._each(piece)}

    def _word(self, unit: Unit) -> str:
        """Return what repeats: a box as the figure writes it, or the names of the parts."""
        chain, *others = unit
        if others or not isinstance(chain, Chain):
            return ", ".join(map(self._name, unit))
        flow = self.folds.shelf.structure.flow
        head = head_of(flow, chain)
        trims = trim_text(flow.layers[at] for at in chain.layers if at != head)
        return " · ".join(filter(None, (head_text(flow.layers[head], {}), trims)))

    def _name(self, part: Part) -> str:
        if isinstance(part, Chain):
            return " → ".join(self.folds.shelf.layers[at].op.word for at in part.layers)
        if part.call is not None:
            return part.what
        label = next((name for name in reversed(part.path.split(".")) if not name.isdecimal()), "")
        return label.rstrip("0123456789") or label or part.what

    def _each(self, piece: Piece) -> dict[str, object]:
        """Return how the calls of a piece look and differ; nothing where each of them is one box, which are equal."""
        if piece.is_chain:
            return {}
        name = next((part.path for part in piece.units[0] if isinstance(part, Scope)), "")
        return {"each": _told(inset_of(self.folds.shelf, self.folds.counts, piece, name))}


def _braces(region: Region, entries: Sequence[object]) -> dict[str, object]:
    """Return braces; those around something that repeats are that."""
    inside: dict[str, object] = {"entries": entries}
    if len(entries) == 1 and isinstance(entries[0], dict):
        only = cast("dict[str, object]", entries[0])
        inside = only if "times" in only and "path" not in only else inside
    return {"name": region.name or "", "path": region.path, **inside}


def _told(panel: Panel) -> dict[str, object]:
    """Return the boxes of an inset as lines, those that only some calls have with a 1, its sentence and its table."""
    lines = [
        [" · ".join(" ".join(text.words for text in row) for row in node.rows), int(node.dashed)]
        for node in panel.nodes
        if node.kind not in ("port", "dot")
    ]
    table = [panel.table.headings, *panel.table.rows] if panel.table else []
    return {"lines": lines, "note": panel.note, "table": table}


def _key(part: int | Scope) -> object:
    return part if isinstance(part, int) else ("scope", id(part))


def _keys(part: Part) -> tuple[object, ...]:
    return part.layers if isinstance(part, Chain) else (_key(part),)


def _call(entry: Entry) -> Call:
    assert isinstance(entry, Call)
    return entry
