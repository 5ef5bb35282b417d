"""The pieces of a net that a panel shows: scopes that hold others are opened, small ones become boxes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from archlang.diagnostics import Rejected
from archlang.ir import Layer, is_at
from archlang.program import Scope
from archlang.structure import Chain, Piece, Structure
from archlang.structure.alike import numbers
from archlang.structure.chains import head_of, is_trim
from archlang.structure.folding import Run

FITTING, MOST, FEW = (
    16,
    20,
    6,
)  # items of an overview: as many as are opened for, at most, and so few that more are opened
LINES = 4  # boxes of a straight block that become lines of one box


@dataclass(frozen=True, eq=False)
class Item:
    """What one place of a panel shows. `box` are the boxes whose lines it has; a block without them has its own inset.

    `name` is what it is called; `around` the path of the scope it was opened from.
    """

    piece: Piece
    name: str
    box: tuple[Piece, ...] = ()

    @property
    def is_block(self) -> bool:
        return not self.box


@dataclass(frozen=True, eq=False)
class Shelf:
    """Makes items from pieces of one net."""

    structure: Structure
    known: dict[tuple[int, ...], tuple[Piece, ...]] = field(default_factory=dict[tuple[int, ...], tuple[Piece, ...]])

    @property
    def layers(self) -> Sequence[Layer]:
        return self.structure.flow.layers

    def inside(self, piece: Piece) -> tuple[Piece, ...]:
        """Return the parts of a piece, without what no picture shows."""
        return tuple(one for one in self.structure.inside(piece) if not self.is_hidden(one))

    def is_hidden(self, piece: Piece) -> bool:
        """Return whether a piece only changes the layout of a value, or nothing."""
        layers = [self.layers[at] for at in piece.layers]
        plain = all(len(one.inputs) == 1 and _is_plain(one) for one in layers)
        return piece.is_chain and (plain or all(one.op.family == "dropout" for one in layers))

    def boxes(self, piece: Piece) -> tuple[Piece, ...]:
        """Return the boxes of a piece that is straight and short, else nothing."""
        if piece.is_chain:
            return (piece,)
        if len(piece.units[0]) > 1 or (piece.times > 1 and not self._reads_alike(piece)):
            return ()
        found: list[Piece] = []
        for one in (lifted(one, piece) for one in self.inside(piece)):
            inner = self.boxes(one)
            if not inner or one.is_optional:
                return ()
            found += inner
        return tuple(found) if 0 < len(found) <= LINES and self._is_straight(found) else ()

    def _reads_alike(self, piece: Piece) -> bool:
        first = piece.first
        return isinstance(first, Scope) and self.structure.likeness.is_box(first)

    def _is_straight(self, boxes: Sequence[Piece]) -> bool:
        """Return whether each box takes only what the box before it gives, and none joins values."""
        flow = self.structure.flow
        for before, after in pairwise(boxes):
            made, own = set(flow.makes(numbers(before.units[-1]))), set(flow.makes(after.layers))
            read = {value for value in flow.reads(numbers(after.units[0])) if value not in own}
            if len(read) != 1 or not (read <= made or self.is_from(next(iter(read)), made)):
                return False
        heads = [self.layers[head_of(flow, box.first)] for box in boxes if isinstance(box.first, Chain)]
        return all(len(head.inputs) <= 1 for head in heads)

    def is_from(self, value: int, made: set[int]) -> bool:
        """Return whether a value comes from these through layers that no picture shows."""
        while value in self.structure.flow.makers:
            layer = self.layers[self.structure.flow.makers[value]]
            if not _is_plain(layer) or len(layer.inputs) != 1:
                return False
            (value,) = layer.inputs
            if value in made:
                return True
        return False

    def item(self, piece: Piece, name: str = "") -> Item:
        """Return a piece as an item. Braces around one repeated block are that block."""
        first = piece.first
        name = name or (first.path if isinstance(first, Scope) else "")
        boxes = self.boxes(piece)
        if boxes:
            return Item(piece, name, boxes)
        inner = self.inside(piece)
        if len(inner) == 1 and piece.times == 1 and len(piece.units[0]) == 1:
            return self.item(lifted(inner[0], piece), name)
        return Item(piece, name)

    def opened(self, item: Item) -> list[Item]:
        """Return what is inside of an item, in the things that its panel lays over each other; of a row, its calls."""
        if item.piece.times > 1 and len(item.piece.runs) == 1:
            return [self.item(Piece(((unit,),))) for unit in item.piece.units]
        return [self.item(lifted(one, item.piece)) for one in self.inside(item.piece)]

    def in_block(self, pieces: Iterable[Piece]) -> list[Item]:
        """Return the items of an inset: braces are opened, blocks are not."""
        found: list[Item] = []
        for item in (self.item(piece) for piece in pieces if not self.is_hidden(piece)):
            first = item.piece.first
            braces = isinstance(first, Scope) and first.call is None and item.piece.times == 1
            if braces and len(item.box) != 1:
                found += self.in_block(lifted(one, item.piece) for one in self.inside(item.piece))
            else:
                found.append(item)
        return self._merged(found)

    def _merged(self, items: Sequence[Item]) -> list[Item]:
        """Return the items; a norm that stands before a box of its own becomes a line of that box."""
        found: list[Item] = []
        for item in items:
            before = found[-1] if found else None
            if before and self._leads(before, item):
                pairs = zip(before.piece.runs, item.piece.runs, strict=True)
                runs = tuple(a and b and ((*a[0], *b[0]),) for a, b in pairs)
                found[-1] = Item(Piece(runs), item.name, (*before.box, *item.box))
            else:
                found.append(item)
        return found

    def _leads(self, one: Item, other: Item) -> bool:
        """Return whether an item is only norms and activations, and the next takes what it gives, and nothing else."""
        if not one.box or not other.box or one.piece.times > 1 or other.piece.times > 1:
            return False
        if [run is None for run in one.piece.runs] != [run is None for run in other.piece.runs]:
            return False
        layers = [self.layers[at] for box in one.box for at in box.layers]
        if not all(is_trim(layer) for layer in layers) or any(self.layers[at].op.join for at in other.piece.layers):
            return False
        flow = self.structure.flow
        made, own = set(flow.makes(one.piece.layers)), set(flow.makes(other.piece.layers))
        leaving = {value for layer in layers for value in layer.outputs if value not in flow.reads(one.piece.layers)}
        read = {value for value in flow.reads(other.piece.layers) if value not in own}
        return read <= made and all(flow.uses[value] == 1 for value in leaving)

    def overview(self, depth: int | None = None, expanded: Sequence[str] = ()) -> list[Item]:
        """Return the items of the overview, about fourteen; with `depth`, what is so many levels deep."""
        items = [self.item(piece) for piece in self.structure.pieces if not self.is_hidden(piece)]
        for _ in range(depth if depth is not None else 0):
            items = [one for item in items for one in (self.opened(item) if item.is_block else [item])]
        while depth is None:
            wanted = [item for item in items if self._opens(item) and self._is_single(item)]
            wanted = [
                item
                for item in wanted
                if len(items) - 1 + len(self.opened(item)) <= (MOST if len(items) < FEW else FITTING)
            ]
            if not wanted:
                break
            widest = max(
                wanted,
                key=lambda item: (
                    item.piece.first.what == "{ }" if isinstance(item.piece.first, Scope) else False,
                    len(item.piece.layers),
                ),
            )
            items = [one for item in items for one in (self.opened(item) if item is widest else [item])]
        return self._merged(self._expanded(items, expanded))

    def _expanded(self, items: list[Item], paths: Sequence[str]) -> list[Item]:
        """Return the items; those whose path is asked for, and those around one that is, are opened."""
        for path in paths:
            name = ""
            while name != path:
                around = next((item for item in items if item.is_block and item.name and is_at(path, item.name)), None)
                if around is None:
                    raise _nothing_at(path, items)
                inner = self.opened(around)
                items = [one for item in items for one in (inner if item is around else [item])]
                name = around.name
        return items

    def _opens(self, item: Item) -> bool:
        return item.is_block and item.piece.times == 1 and len(item.piece.units[0]) == 1

    def _is_single(self, item: Item) -> bool:
        """Return whether a block is called nowhere else: braces are not, and a block that is keeps its inset."""
        first = item.piece.first
        return isinstance(first, Scope) and (first.call is None or self._calls(first.what) == 1)

    def _calls(self, what: str) -> int:
        def count(scope: Scope) -> int:
            inner = sum(count(part) for part in scope.parts if isinstance(part, Scope))
            return inner + (scope.call is not None and scope.what == what)

        return count(self.structure.flow.tree)


def _nothing_at(path: str, items: Sequence[Item]) -> Rejected:
    known = ", ".join(f"`{item.name}`" for item in items if item.is_block and item.name)
    message = f"the figure shows nothing at `{path}` that could be opened"
    return Rejected("unknown-name", message, help=f"it shows these closed: {known}" if known else None)


def lifted(inner: Piece, outer: Piece) -> Piece:
    """Return a part of a piece as a part of what is around it: missing where the piece is, or where it was missing."""
    runs = iter(inner.runs)
    found: list[Run | None] = []
    for run in outer.runs:
        inside = [next(runs) for _ in run or ()]
        units = tuple(unit for one in inside if one for unit in one)
        found.append(units or None)
    return Piece(tuple(found))


def _is_plain(layer: Layer) -> bool:
    family = layer.op.family
    return family == "layout" or (family == "dropout" and not getattr(layer.op, "p", 1))
