"""A net as nested lists: its layers, gathered by the braces and the calls of blocks that they stand in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archlang.facts.work import Counts, count
from archlang.ir import Graph, Layer
from archlang.ir.open_arguments import open_arguments
from archlang.program import Scope, program_of, scope_tree
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Leaf:
    """A layer, its number in `Graph.flat`, and its name within the scope around it; None if it has none.

    Leaves with one `kind` are equal in operator, arguments, ties and freezing. Connections and shapes may differ. Those
    with one `form` are equal in operator.
    """

    name: str | None
    kind: int
    number: int
    layer: Layer
    params: int
    macs: int
    form: int

    @property
    def word(self) -> str:
        return self.layer.op.word

    @property
    def shape(self) -> str:
        return shape_of(self.layer.output_types)


@dataclass(frozen=True, slots=True)
class Group:
    """Braces or a call of a block. Groups of one `kind` hold parts of the same kinds and labels, of one `form` parts
    of the same forms.

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
    form: int


Part = Leaf | Group


@dataclass(slots=True)
class Kinds:
    """Numbers of kinds, equal for equal parts; shared by the two nets that are compared."""

    numbers: dict[object, int] = field(default_factory=dict[object, int])

    def number(self, what: object) -> int:
        return self.numbers.setdefault(what, len(self.numbers))


def label_of(part: Part) -> str | None:
    """Return the label that the author wrote; None for a position, which changes when a step is added before it."""
    return None if part.name is None or part.name.isdecimal() else part.name


def leaves(part: Part) -> Iterator[Leaf]:
    """Yield the layers in a part, in order."""
    if isinstance(part, Leaf):
        yield part
    else:
        for inner in part.parts:
            yield from leaves(inner)


def shape_of(types: Sequence[TensorType]) -> str:
    """Return the sizes of values without the batch, and their dtype unless it is float32."""
    return ", ".join(str(type) if type.dtype == "float32" else f"{type} {type.dtype}" for type in types)


def tree(graph: Graph, kinds: Kinds) -> Group:
    """Return the net as a group."""
    return _group(_Walk(count(graph), kinds, tuple(graph.flat())), scope_tree(program_of(graph)))


@dataclass(frozen=True, slots=True)
class _Walk:
    """The layers of a net by number, what they count, and what is known of operators by block and place."""

    counts: Counts
    kinds: Kinds
    layers: Sequence[Layer]
    known: dict[object, int] = field(default_factory=dict[object, int])


def _group(walk: _Walk, scope: Scope) -> Group:
    parts = tuple(_leaf(walk, part) if isinstance(part, int) else _group(walk, part) for part in scope.parts)
    kind = walk.kinds.number(tuple((label_of(part), part.kind) for part in parts))
    params, macs = sum(part.params for part in parts), sum(part.macs for part in parts)
    form = walk.kinds.number(("form", *(part.form for part in parts)))
    return Group(scope.name, kind, scope.what, _shape(scope, parts), parts, params, macs, form)


def _shape(scope: Scope, parts: Sequence[Part]) -> str:
    if scope.what == "net":
        return ""
    return shape_of(scope.types) if scope.call else parts[-1].shape


def _leaf(walk: _Walk, number: int) -> Leaf:
    layer = walk.layers[number]
    key = layer.block.id, layer.node.outputs, layer.frozen, layer.reused, layer.training_only
    if key not in walk.known:
        made = open_arguments(layer.node, layer.block)
        given = [(name, made.get(name, repr(value))) for name, value in layer.op]
        walk.known[key] = walk.kinds.number((layer.op.word, *given, *attributes(layer).items()))
    counts = walk.counts.of(layer)
    form = walk.kinds.number(("form of", layer.op.word))
    return Leaf(layer.node.name, walk.known[key], number, layer, counts.params, counts.macs, form)


USUAL = {"reuse": "", "trained": "true", "runs": "always"}  # the values that are not listed for a layer


def attributes(layer: Layer) -> dict[str, str]:
    """Return the attributes of a layer besides its operator's arguments, if they differ from the usual ones."""
    said = dict(layer.node.ties)
    said.update((f"{name} starts", str(start)) for name, start in layer.node.starts.items())
    if layer.reused:
        said["reuse"] = layer.node.module or "true"
    if layer.frozen and layer.op.weights(*layer.input_types):
        said["trained"] = "false"
    if layer.training_only:
        said["runs"] = "when training"
    return said
