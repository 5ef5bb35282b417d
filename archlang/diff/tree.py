"""A net as nested lists: its layers, gathered by the braces and the calls of blocks that they stand in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from archlang.facts.work import Counts, count
from archlang.ir import Block, Graph, Layer, OpNode
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Leaf:
    """A layer, its number in `Graph.flat`, and its name within the scope around it; None if it has none.

    Leaves with one `kind` are equal in operator, arguments, ties and freezing. Connections and shapes may differ.
    """

    name: str | None
    kind: int
    number: int
    layer: Layer
    params: int
    macs: int

    @property
    def word(self) -> str:
        return self.layer.op.word

    @property
    def shape(self) -> str:
        return shape_of(self.layer.output_types)


@dataclass(frozen=True, slots=True)
class Group:
    """Braces or a call of a block. Groups with one `kind` hold parts of the same kinds and labels.

    `word` is the block's name, `{ }` for braces and `net` for the net itself. `shape` is that of the outputs of the
    call, or of the last part of the braces.
    """

    name: str | None
    kind: int
    word: str
    shape: str
    parts: tuple[Part, ...]
    params: int
    macs: int


Part = Leaf | Group


@dataclass(slots=True)
class Kinds:
    """Numbers of kinds, equal for equal parts; shared by the two nets that are compared."""

    numbers: dict[object, int] = field(default_factory=dict[object, int])

    def number(self, what: object) -> int:
        return self.numbers.setdefault(what, len(self.numbers))


def label_of(part: Part) -> str | None:
    """The label that the author wrote; None for a position, which changes when a step is added before it."""
    return None if part.name is None or part.name.isdecimal() else part.name


def leaves(part: Part) -> Iterator[Leaf]:
    """The layers in a part, in order."""
    if isinstance(part, Leaf):
        yield part
    else:
        for inner in part.parts:
            yield from leaves(inner)


def shape_of(types: Sequence[TensorType]) -> str:
    """The sizes of values without the batch, and their dtype unless it is float32."""
    return ", ".join(str(type) if type.dtype == "float32" else f"{type} {type.dtype}" for type in types)


def tree(graph: Graph, kinds: Kinds) -> Group:
    """The net as a group."""
    walk = _Walk(graph, count(graph), kinds, enumerate(graph.flat()))
    return _group(kinds, None, ("net", ""), _parts(walk, graph.root))


@dataclass(frozen=True, slots=True)
class _Walk:
    """A net, its remaining layers, and the kinds of its operators that are known, by block and node."""

    graph: Graph
    counts: Counts
    kinds: Kinds
    layers: Iterator[tuple[int, Layer]]
    known: dict[object, int] = field(default_factory=dict[object, int])


def _parts(walk: _Walk, block: Block) -> tuple[Part, ...]:
    steps: list[tuple[tuple[str, ...], Part]] = []
    for node in block.nodes:
        braces = tuple(node.scope.split(".")) if node.scope else ()
        if isinstance(node, OpNode):
            steps.append((braces, _leaf(walk, node.name)))
        else:
            callee = walk.graph.by_id[node.block]
            told = callee.name, shape_of(block.types_of(node.outputs))
            steps.append((braces, _group(walk.kinds, node.name, told, _parts(walk, callee))))
    return tuple(_gathered(walk.kinds, steps, 0))


def _gathered(kinds: Kinds, steps: Sequence[tuple[tuple[str, ...], Part]], deep: int) -> Iterator[Part]:
    """The parts, those in braces gathered; `deep` braces stand around all of them."""
    for name, run in groupby(steps, lambda step: step[0][deep] if len(step[0]) > deep else None):
        if name is None:
            yield from (part for _, part in run)
        else:
            inside = tuple(_gathered(kinds, list(run), deep + 1))
            yield _group(kinds, name, ("{ }", inside[-1].shape), inside)


def _group(kinds: Kinds, name: str | None, told: tuple[str, str], parts: tuple[Part, ...]) -> Group:
    kind = kinds.number(tuple((label_of(part), part.kind) for part in parts))
    return Group(name, kind, *told, parts, sum(part.params for part in parts), sum(part.macs for part in parts))


def _leaf(walk: _Walk, name: str | None) -> Leaf:
    number, layer = next(walk.layers)
    key = layer.block.id, layer.node.outputs, layer.frozen, layer.reused, layer.training_only
    if key not in walk.known:
        walk.known[key] = walk.kinds.number((layer.op.word, repr(layer.op), *attributes(layer).items()))
    counts = walk.counts.of(layer)
    return Leaf(name, walk.known[key], number, layer, counts.params, counts.macs)


USUAL = {"reuse": "", "trained": "true", "runs": "always"}  # what is not told of a layer


def attributes(layer: Layer) -> dict[str, str]:
    """The attributes of a layer besides its operator's arguments, if they differ from the usual ones."""
    said = dict(layer.node.ties)
    if layer.reused:
        said["reuse"] = layer.node.module or "true"
    if layer.frozen and layer.op.weights(*layer.input_types):
        said["trained"] = "false"
    if layer.training_only:
        said["runs"] = "when training"
    return said
