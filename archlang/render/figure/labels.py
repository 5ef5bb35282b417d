"""What stands in the boxes of a panel, and in their titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archlang.facts.work import Counts
from archlang.ir import Layer
from archlang.ir.unknown import UNKNOWN
from archlang.program import Scope
from archlang.render.figure.items import Item, Shelf
from archlang.render.figure.letters import Letters
from archlang.render.figure.mistakes import FAMILY, is_wrong, rows_of, told_of, written_of
from archlang.render.figure.model import HEAD, SMALL, TEXT, Kind, Node, Table, Text
from archlang.render.figure.names import short, through
from archlang.render.figure.words import head_text, name_of, shape_text, si, trim_text
from archlang.render.looks import Cost
from archlang.structure import Chain, Piece, overlaid
from archlang.structure.chains import head_of, is_trim
from archlang.structure.flow import Flow

SIGNS = frozenset({"+", "||", "×", "−"})  # joins that are a sign in a circle
Place = tuple[Layer | None, ...]  # a layer of each call, None where it has none
_BESIDE = ("norm", "activation", "other")  # families that give a box their colour only where nothing else is in it
LEADS = " –"  # behind norms and activations that stand before the head of their box
BLOCK = "block"  # the family of a box that has its own inset


@dataclass(frozen=True, slots=True)
class Labels:
    """Writes the boxes of one panel. `letters` stand for numbers that vary; an overview has none and shows counts.

    `costs` is what the boxes are coloured by.
    """

    shelf: Shelf
    counts: Counts
    letters: Letters | None = None
    costs: Cost | None = None

    def node(self, key: str, item: Item) -> Node:
        """Return the node of an item."""
        piece = item.piece
        layers = self.shelf.layers
        rows, family, sign = self._rows(item)
        kind: Kind = "join" if sign else "block" if item.is_block else "box"
        if self.letters is None and not sign and not any(is_wrong(layers[at]) for at in piece.layers):
            rows += self._counts(piece)
        idle = self.letters is None and all(layers[at].training_only for at in piece.layers)
        red = any(is_wrong(layers[at]) for at in piece.layers)
        if red and item.is_block:
            rows.append((Text("a mistake is in it", SMALL, tone="wrong"),))
        dashed, share = piece.is_optional or idle, None if red else self._share(piece)
        return Node(key, kind, family, tuple(rows), self._title(item), dashed, share, red)

    def table(self) -> Table | None:
        """Return the table of what varies in the panel."""
        return self.letters.table() if self.letters else None

    def _rows(self, item: Item) -> tuple[list[tuple[Text, ...]], str, bool]:
        """Return the lines of an item, its family, and whether it is the sign of a join alone."""
        if item.is_block:
            return self._block(item), BLOCK, False
        rows: list[tuple[Text, ...]] = []
        families: list[str] = []
        for box in item.box:
            found, family, sign = self._box(box, alone=len(item.box) == 1)
            if sign and len(item.box) == 1:
                return found, family, True
            rows += found
            families.append(family)
        named = self._named(item)
        heading = [(Text(named, SMALL, tone="faint"),)] if named and self.letters is None else []
        shown = [FAMILY] if FAMILY in families else [one for one in families if one not in _BESIDE]
        family = next(iter(shown), families[0])
        return [*heading, *_led(rows)], family, False

    def _named(self, item: Item) -> str:
        first = item.piece.first
        return "" if not isinstance(first, Scope) else self.name(item)

    def name(self, item: Item) -> str:
        """Return the name of an item: that of its first call, and through which it goes on."""
        calls = [part.path for unit in item.piece.units for part in unit if isinstance(part, Scope)]
        around = item.name.rpartition(".")[0]
        if item.name not in calls:
            return short(item.name, around)
        own = [unit[0].path for unit in item.piece.units if isinstance(unit[0], Scope)] or calls
        return through(short(own[0], around), short(own[-1], around)) if self.letters is None else short(own[0], around)

    def _block(self, item: Item) -> list[tuple[Text, ...]]:
        piece = item.piece
        name, what = self.name(item), block_name(self.shelf, item)
        times = (Text(f"×{piece.times}", HEAD, True, "accent"),) if piece.times > 1 else ()
        heading = [(Text(name, SMALL, tone="faint"),)] if name != what and self.letters is None else []
        return [*heading, (Text(what, HEAD, True), *times)]

    def _box(self, box: Piece, alone: bool) -> tuple[list[tuple[Text, ...]], str, bool]:
        """Return the lines of a box of layers, its family, and whether it is the sign of a join."""
        places = self._places(box)
        first = next(layer for layer in places[0] if layer is not None) if places else None
        assert first is not None
        heads = [at for at, place in enumerate(places) if not is_trim(_known(place))]
        if not heads:
            words = _trims(places, places) or name_of(first.op)
            row = Text(words, HEAD, True) if alone else Text(words + LEADS, TEXT, tone="faint")
            return [(row,)], first.op.family, False
        (head,) = heads[:1]
        layer = next((one for one in places[head] if one and is_wrong(one)), _known(places[head]))
        before, after = _trims(places[:head], places), _trims(places[head + 1 :], places)
        if layer.op.join and name_of(layer.op) in SIGNS:
            tail = [(Text(after, TEXT, tone="faint"),)] if after else []
            return [(Text(name_of(layer.op), HEAD, True),), *tail], "join", True
        lead = [(Text(before + LEADS, TEXT, tone="faint"),)] if before else []
        if is_wrong(layer):
            return [*lead, *rows_of(layer)], FAMILY, False
        text = head_text(layer, self.letters.of(places[head]) if self.letters else {})
        times = (Text(f"×{box.times}", HEAD, True, "accent"),) if box.times > 1 else ()
        trail = [(Text(after, TEXT, tone="faint"),)] if after else []
        return [*lead, (Text(text, HEAD, True), *times), *trail], layer.op.family, False

    def _places(self, box: Piece) -> list[Place]:
        """Return the layers of a box, each with those of all calls that it stands for."""
        layers = self.shelf.layers
        chains: list[tuple[int, ...]] = []
        for run in box.runs:
            chain = run[0][0] if run else None
            chains.append(chain.layers if isinstance(chain, Chain) else ())
        found = overlaid(chains, lambda at: (is_trim(layers[at]), layers[at].op.word))
        return [tuple(None if at is None else layers[at] for at in place) for place in found]

    def _counts(self, piece: Piece) -> list[tuple[Text, ...]]:
        params, macs = self.cost(piece, "parameters"), self.cost(piece, "macs")
        words = [f"{si(params)} params"] if params else []
        words += [f"{si(macs)} MACs"] if macs else []
        return [(Text(" · ".join(words), SMALL, tone="faint"),)] if words else []

    def cost(self, piece: Piece, what: Cost) -> int:
        """Return what a piece costs: its parameters, multiply-accumulates, or bytes of outputs."""
        told = [self.counts.of(self.shelf.layers[at]) for at in piece.layers]
        name = {"parameters": "params", "macs": "macs", "memory": "output_bytes"}[what]
        return sum(getattr(one, name) for one in told)

    def _share(self, piece: Piece) -> float | None:
        if self.costs is None:
            return None
        net = self.counts.net
        name = {"parameters": "params", "macs": "macs", "memory": "output_bytes"}[self.costs]
        return self.cost(piece, self.costs) / max(1, int(getattr(net, name)))

    def _title(self, item: Item) -> str:
        """Return the path, the operators or the block, and the shape of what comes out."""
        piece, layers = item.piece, self.shelf.layers
        first, last = layers[piece.layers[0]], layers[piece.layers[-1]]
        wrong = [
            f"mistake in `{written_of(layers[at])}`: {told_of(layers[at])}"
            for at in piece.layers
            if is_wrong(layers[at])
        ]
        what = (
            block_name(self.shelf, item)
            if item.is_block
            else ", ".join(dict.fromkeys(layers[at].op.word for at in piece.layers if not is_wrong(layers[at])))
        )
        times = f" ×{piece.times}" if piece.times > 1 else ""
        shape = "" if is_wrong(last) else type_text(self.shelf.structure.flow, last.outputs[0])
        return " · ".join(filter(None, (item.name or first.path, what + times, shape, *dict.fromkeys(wrong))))


def block_name(shelf: Shelf, item: Item) -> str:
    """Return what a block is called: its own name, that of braces by their label, or parts that repeat together."""
    names: list[str] = []
    for part in item.piece.units[0]:
        if isinstance(part, Chain):
            names.append(name_of(shelf.layers[head_of(shelf.structure.flow, part)].op))
        else:
            names.append(part.what if part.call is not None else short(part.path, part.path.rpartition(".")[0]))
    return " + ".join(names)


def type_text(flow: Flow, value: int) -> str:
    """Return the shape of a value, as edges are labelled."""
    at = flow.makers.get(value)
    if at is None:
        root = flow.graph.root
        type = root.types[root.inputs[value].value]
    else:
        layer = flow.layers[at]
        type = layer.output_types[layer.outputs.index(value)]
    if type == UNKNOWN:
        return "unknown"
    return shape_text(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n") or "1"


def _trims(places: Sequence[Place], box: Sequence[Place]) -> str:
    """Return norms and activations joined by hyphens. Of `ReLU | GELU` each call has one, `(ReLU)` only some have.

    `box` are all places of their box, which some calls may lack. What changes no value in a picture is left out.
    """
    calls = [at for at in range(len(box[0])) if any(place[at] is not None for place in box)] if box else []
    groups: list[list[Place]] = []
    for place in places:
        if groups and all(_apart(place, other) for other in groups[-1]):
            groups[-1].append(place)
        else:
            groups.append([place])
    told = ((group, list(filter(None, (trim_text([_known(place)]) for place in group)))) for group in groups)
    return "-".join(_alternatives(group, names, calls) for group, names in told if names)


def _alternatives(group: Sequence[Place], names: Sequence[str], calls: Sequence[int]) -> str:
    """Return the names of layers of which each call has one at most; in parentheses if a call has none."""
    held = all(any(place[at] is not None for place in group) for at in calls)
    text = " | ".join(dict.fromkeys(names))
    return text if held and len(names) == len(group) else f"({text})"


def _apart(one: Place, other: Place) -> bool:
    """Return whether no call has both."""
    return all(a is None or b is None for a, b in zip(one, other, strict=True))


def _led(rows: Sequence[tuple[Text, ...]]) -> Iterator[tuple[Text, ...]]:
    """Yield the lines of a box; norms and activations that lead in lines of their own are one line."""
    lead = ""
    for row in rows:
        if len(row) == 1 and row[0].words.endswith(LEADS):
            lead += ("-" if lead else "") + row[0].words.removesuffix(LEADS)
            continue
        if lead:
            yield (Text(lead + LEADS, TEXT, tone="faint"),)
        lead = ""
        yield row
    if lead:
        yield (Text(lead + LEADS, TEXT, tone="faint"),)


def _known(place: Sequence[Layer | None]) -> Layer:
    return next(layer for layer in place if layer is not None)
