"""Panels: the nodes of some items, and the links that their values make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from archlang.render.figure.items import Item, Shelf
from archlang.render.figure.labels import Labels, type_text
from archlang.render.figure.model import Link, Node, Panel
from archlang.structure.alike import numbers


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of a panel: for each thing laid over each other, the values that enter and leave; and their nodes."""

    inputs: Sequence[Sequence[int]]
    outputs: Sequence[Sequence[int]]
    entering: Sequence[Node]
    leaving: Sequence[Node]


@dataclass(slots=True)
class _Wires:
    """The links of a panel while they are found: the values of each, and the things in which there are some."""

    values: dict[tuple[str, str], dict[int, list[int]]] = field(
        default_factory=dict[tuple[str, str], dict[int, list[int]]]
    )

    def add(self, tail: str, head: str, thing: int, value: int) -> None:
        found = self.values.setdefault((tail, head), {}).setdefault(thing, [])
        if value not in found:
            found.append(value)


def panel(shelf: Shelf, items: Sequence[Item], ends: Ends, labels: Labels, name: str, note: str = "") -> Panel:
    """Return the panel of some items."""
    keys = {item: f"n{at}" for at, item in enumerate(items)}
    nodes = [labels.node(keys[item], item) for item in items]
    wires = _Wires()
    dashed = {node.key for node in nodes if node.dashed}
    for thing in range(len(ends.inputs)):
        _wire(shelf, keys, ends, thing, wires)
    count = len(ends.inputs)
    links = [
        _link(shelf, pair, found, count) for pair, found in wires.values.items()
        if len(found) == count or not _bypasses(pair, wires.values, dashed)
    ]  # fmt: skip
    used = {key for link in links for key in (link.tail, link.head)}
    ports = [node for node in (*ends.entering, *ends.leaving) if node.key in used]
    first = [node for node in ports if node in ends.entering]
    return Panel(
        name, note, (*first, *nodes, *(node for node in ports if node not in first)), tuple(links), labels.table()
    )


def _wire(shelf: Shelf, keys: Mapping[Item, str], ends: Ends, thing: int, wires: _Wires) -> None:
    """Find the links of one of the things that are laid over each other."""
    flow = shelf.structure.flow
    makers = {value: node.key for value, node in zip(ends.inputs[thing], ends.entering, strict=False)}
    own: dict[Item, list[int]] = {}
    for item, key in keys.items():
        run = item.piece.runs[thing]
        own[item] = [at for unit in run or () for at in numbers(unit)]
        makers.update((value, key) for value in flow.makes(own[item]))
    for item, key in keys.items():
        for value in dict.fromkeys(flow.reads(own[item])):
            tail, source = _source(shelf, value, makers)
            if tail not in ("", key):
                wires.add(tail, key, thing, source)
    for value, node in zip(ends.outputs[thing], ends.leaving, strict=False):
        tail, source = _source(shelf, value, makers)
        if tail:
            wires.add(tail, node.key, thing, source)


def _source(shelf: Shelf, value: int, makers: Mapping[int, str]) -> tuple[str, int]:
    """Return the node that gives a value, through layers that no picture shows, and which of its values it is."""
    flow = shelf.structure.flow
    while value not in makers:
        at = flow.makers.get(value)
        if at is None or not flow.layers[at].inputs:
            return "", value
        value = flow.layers[at].inputs[0]
    return makers[value], value


def _link(shelf: Shelf, pair: tuple[str, str], found: Mapping[int, Sequence[int]], count: int) -> Link:
    values = next(iter(found.values()))
    label = type_text(shelf.structure.flow, values[0])
    most = max(map(len, found.values()))
    return Link(*pair, label if most == 1 else f"{most} of {label}", len(found) < count, most)


def _bypasses(pair: tuple[str, str], links: Mapping[tuple[str, str], object], dashed: set[str]) -> bool:
    """Return whether a link goes round dashed nodes only: where they are missing, it stands for them."""
    after: dict[str, list[str]] = {}
    for tail, head in links:
        after.setdefault(tail, []).append(head)
    seen, rest = set[str](), [head for head in after.get(pair[0], []) if head in dashed]
    while rest:
        at = rest.pop()
        if at in seen:
            continue
        seen.add(at)
        for head in after.get(at, []):
            if head == pair[1]:
                return True
            if head in dashed:
                rest.append(head)
    return False
