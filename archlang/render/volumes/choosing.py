"""The maps of a net, one after the other, as a drawing in volumes shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from archlang.diagnostics import Rejected
from archlang.facts.work import count
from archlang.ir import Graph
from archlang.ops.law import FAMILIES
from archlang.render.figure.items import Item, Shelf
from archlang.render.figure.labels import Labels, type_text
from archlang.render.figure.making import Wanted, totals_of
from archlang.render.figure.model import HEAD, Node
from archlang.structure import Chain, Piece, structure_of
from archlang.structure.chains import head_of, is_trim
from archlang.structure.flow import Flow

MOST = 36  # slabs; straight blocks are opened up to so many
_MAP, _VECTOR = ("n", "c", "h", "w"), ("n", "c")
_OTHERS = ("attention", "recurrent", "embedding")  # families whose values are no maps
_WINDOWED = ("convolution", "pooling")


@dataclass(frozen=True, slots=True)
class Slab:
    """A map, `sizes` of its channels, height and width, or a vector of so many units; `window` slides over it next.

    `words` is what made it, `shape` its shape in words, `title` what it is in full.
    """

    words: str
    shape: str
    sizes: tuple[int, ...]
    family: str
    fill: str
    title: str
    made_by: tuple[int, int] | None = None
    window: tuple[int, int] | None = None

    @property
    def is_map(self) -> bool:
        return len(self.sizes) > 1


@dataclass(frozen=True, slots=True)
class Volumes:
    """All slabs of a net, those that follow each other and read the same together.

    `skips` are pairs of slabs by number: the one is also taken where the other is made.
    """

    name: str
    totals: str
    groups: tuple[tuple[Slab, ...], ...]
    skips: tuple[tuple[int, int], ...]

    @property
    def families(self) -> tuple[str, ...]:
        known = {slab.family for group in self.groups for slab in group}
        return tuple(family for family in FAMILIES if family in known)


def volumes_of(graph: Graph, wanted: Wanted) -> Volumes:
    """Return the maps of a net. Raises `Rejected` if it is no chain of maps."""
    shelf, counts = Shelf(structure_of(graph)), count(graph)
    flow = shelf.structure.flow
    labels = Labels(shelf, counts, costs=wanted.costs)
    _check_ends(flow)
    parts = _opened(shelf, shelf.overview(wanted.depth, wanted.expanded))
    values, skips = _chain(shelf, parts)
    slabs, at = [_input(flow)], [0]  # and the slab of the net's input and of each part
    for part, value in zip(parts, values, strict=True):
        if not _keeps_its_map(flow, part):
            slabs.append(_slab(flow, part, labels.node("", part), value))
        at.append(len(slabs) - 1)
    if not any(slab.is_map for slab in slabs[1:]):
        raise _refused("no layer of this net gives a map of channels, height and width")
    shown = [replace(one, window=other.made_by) for one, other in pairwise(slabs)] + slabs[-1:]
    groups = (tuple(group) for _, group in groupby(shown, key=lambda slab: (slab.words, slab.shape)))
    name = graph.name if wanted.title is None else wanted.title
    told = tuple(dict.fromkeys((at[tail], at[head]) for tail, head in skips))
    return Volumes(name, totals_of(shelf, counts), tuple(groups), told)


def _refused(why: str) -> Rejected:
    return Rejected("no-volumes", f"volumes show one map after another: {why}", help="--style figure draws any net")


def _check_ends(flow: Flow) -> None:
    outputs = [port for port in flow.graph.root.outputs if not port.training]
    for word, ports in (("inputs", flow.graph.root.inputs), ("outputs", outputs)):
        if len(ports) != 1:
            raise _refused(f"this net has {len(ports)} {word}, and they have room for one")
    for layer in flow.layers:
        if layer.op.family in _OTHERS:
            raise _refused(f"`{layer.path}` is {layer.op.word}, whose values are no maps")


def _chain(shelf: Shelf, items: Sequence[Item]) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the value that each item hands to the next, and the skips, as numbers of items; 0 is the net's input.

    Raises `Rejected` where an item does not take what the item before it gives.
    """
    flow = shelf.structure.flow
    owners = {0: 0}
    values: list[int] = []
    skips: list[tuple[int, int]] = []
    for number, item in enumerate(items, 1):
        layers = item.piece.layers
        own = set(flow.makes(layers))
        taken = dict.fromkeys(_source(flow, one, owners) for one in flow.reads(layers) if one not in own)
        before = [one for one in taken if owners.get(one) == number - 1]
        if not before:
            where, last = _where(flow, item), _where(flow, items[number - 2]) if number > 1 else "the input"
            raise _refused(f"`{where}` does not take what `{last}` before it gives")
        values += before[:1]
        skips += [(owners[one], number) for one in taken if one in owners and one not in before]
        owners.update(dict.fromkeys(own, number))
    ends = zip(flow.tree.outputs, flow.graph.root.outputs, strict=True)
    (end,) = (value for value, port in ends if not port.training)
    return [*values[1:], _source(flow, end, owners)], skips


def _where(flow: Flow, item: Item) -> str:
    return item.name or flow.layers[item.piece.layers[0]].path


def _source(flow: Flow, value: int, owners: Mapping[int, int]) -> int:
    """Return the value that one is made of by layers that no picture shows."""
    while value not in owners and value in flow.makers and flow.layers[flow.makers[value]].inputs:
        value = flow.layers[flow.makers[value]].inputs[0]
    return value


def _opened(shelf: Shelf, items: Sequence[Item]) -> list[Item]:
    """Return the items that run in evaluation; straight blocks are opened while there is room."""
    layers = shelf.layers
    shown = [item for item in items if not all(layers[at].training_only for at in item.piece.layers)]
    room = MOST - len(shown)
    found: list[Item] = []
    for item in shown:
        parts = _parts(shelf, item)
        if len(parts) - 1 > room:
            parts = [item]
        room -= len(parts) - 1
        found += parts
    return found


def _parts(shelf: Shelf, item: Item) -> list[Item]:
    """Return the boxes of an item one by one; a block that is not straight stays one."""
    if item.is_block:
        inner = [part for one in shelf.opened(item) for part in _parts(shelf, one)]
        return inner if not any(part.is_block for part in inner) and _is_straight(shelf, inner) else [item]
    if item.piece.times > 1:
        return [part for unit in item.piece.units for part in _parts(shelf, shelf.item(Piece(((unit,),))))]
    units = [Piece(((unit,),)) for box in item.box for unit in box.units]
    return [Item(unit, item.name if len(units) == 1 else "", (unit,)) for unit in units]


def _is_straight(shelf: Shelf, items: Sequence[Item]) -> bool:
    """Return whether each item takes what the item before it gives, and nothing else."""
    flow = shelf.structure.flow
    before: set[int] | None = None
    for item in items:
        own = set(flow.makes(item.piece.layers))
        taken = {one for one in flow.reads(item.piece.layers) if one not in own}
        if len(taken) != 1 or not (before is None or taken <= before or shelf.is_from(next(iter(taken)), before)):
            return False
        before = own
    return bool(items)


def _keeps_its_map(flow: Flow, item: Item) -> bool:
    return all(is_trim(flow.layers[at]) for at in item.piece.layers)


def _input(flow: Flow) -> Slab:
    port = flow.graph.root.inputs[0]
    type = flow.graph.root.types[port.value]
    sizes = _sizes(type.axes, type.shape, port.name)
    shape = type_text(flow, 0)
    return Slab(port.name, shape, sizes, "port", "fill norm", f"input {port.name} · {shape}")


def _sizes(axes: Sequence[str], shape: Sequence[int], where: str) -> tuple[int, ...]:
    if tuple(axes) not in (_MAP, _VECTOR):
        raise _refused(f"`{where}` has the axes {' '.join(axes)}, which are those of no map")
    return tuple(shape[1:])


def _slab(flow: Flow, item: Item, node: Node, value: int) -> Slab:
    """Return the slab of what an item gives, before it is flattened or laid out anew."""
    layers = set(item.piece.layers)
    layer = flow.layers[flow.makers[value]]
    while is_trim(layer) and flow.makers.get(layer.inputs[0]) in layers:
        value = layer.inputs[0]
        layer = flow.layers[flow.makers[value]]
    type = layer.output_types[layer.outputs.index(value)]
    sizes = _sizes(type.axes, type.shape, item.name or layer.path)
    return Slab(_words(node), type_text(flow, value), sizes, node.family, node.fill, node.title, _window(flow, item))


def _words(node: Node) -> str:
    """Return the heads of a box, and how often a block repeats; without norms, activations and counts."""
    rows = (" ".join(text.words for text in row if text.size == HEAD) for row in node.rows)
    return " – ".join(filter(None, rows))


def _window(flow: Flow, item: Item) -> tuple[int, int] | None:
    """Return the height and width of what slides over the map before, if it is one layer."""
    first = item.piece.first
    if not isinstance(first, Chain):
        return None
    op = flow.layers[head_of(flow, first)].op
    sizes = getattr(op, "kernel", None)
    return sizes if op.family in _WINDOWED and isinstance(sizes, tuple) and len(sizes) == 2 else None  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
