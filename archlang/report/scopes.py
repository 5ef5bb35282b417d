"""The scopes of a net as a tree: the calls of blocks and the labelled braces, down to the layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from archlang.ir import Block, Graph, OpNode, join_path


@dataclass(frozen=True, slots=True)
class Scope:
    """A call of a block, braces, or the net itself, with its layers from `start` to before `end`.

    `path` is that of its module, empty for the net. `what` is the name of the called block, `{ }` or `net`; `block` is
    the id of the called block, otherwise empty. `inputs` and `outputs` are numbers of values as in `graph.flat()`; the
    inputs of braces are left out. `parts` are layers, by their number, and scopes.
    """

    path: str
    what: str
    block: str
    start: int
    end: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    parts: tuple[int | Scope, ...]


@dataclass(slots=True)
class _Next:
    """The numbers that the next value and the next layer have."""

    value: int
    layer: int = 0


@dataclass(frozen=True, slots=True)
class _Step:
    """A node of a block in one call: its place among the nodes, the braces around it, its layer or scope."""

    at: int
    braces: tuple[str, ...]
    part: int | Scope
    outputs: tuple[int, ...]


def scope_tree(graph: Graph) -> Scope:
    """The net as a scope, with all that stands in it."""
    count = len(graph.root.inputs)
    return _scope(graph, graph.root, "", tuple(range(count)), _Next(count))


def _scope(graph: Graph, block: Block, path: str, inputs: tuple[int, ...], following: _Next) -> Scope:
    start = following.layer
    given = dict(zip((port.value for port in block.inputs), inputs, strict=True))
    steps: list[_Step] = []
    for at, node in enumerate(block.nodes):
        sources = tuple(given[value] for value in node.inputs)
        if isinstance(node, OpNode):
            results = tuple(range(following.value, following.value + len(node.outputs)))
            part: int | Scope = following.layer
            following.value, following.layer = following.value + len(results), following.layer + 1
        else:
            part = _scope(graph, graph.by_id[node.block], join_path(path, node.path), sources, following)
            results = part.outputs
        given.update(zip(node.outputs, results, strict=True))
        steps.append(_Step(at, tuple(node.scope.split(".")) if node.scope else (), part, results))
    outputs = tuple(given[port.value] for port in block.outputs)
    root = block is graph.root
    parts = tuple(_parts(_Around(block, path, given, _last_uses(block)), steps, 0))
    return Scope(
        path, *(("net", "") if root else (block.name, block.id)), start, following.layer, inputs, outputs, parts
    )


@dataclass(frozen=True, slots=True)
class _Around:
    """A block where it is called: its path, the values it has there, and the last node that takes each value."""

    block: Block
    path: str
    given: Mapping[int, int]
    last_uses: Mapping[int, int]


def _last_uses(block: Block) -> dict[int, int]:
    uses = {value: at for at, node in enumerate(block.nodes) for value in node.inputs}
    return uses | {port.value: len(block.nodes) for port in block.outputs}


def _parts(around: _Around, steps: Sequence[_Step], depth: int) -> Iterator[int | Scope]:
    """The parts of some steps, those in braces gathered; `depth` braces are around all of them."""
    for name, group in groupby(steps, lambda step: step.braces[depth] if len(step.braces) > depth else None):
        inside = list(group)
        if name is None:
            yield from (step.part for step in inside)
            continue
        parts = tuple(_parts(around, inside, depth + 1))
        start, end = _first(parts[0]), _after(parts[-1])
        own = ".".join(inside[0].braces[: depth + 1])
        yield Scope(join_path(around.path, own), "{ }", "", start, end, (), _given(around, own, inside), parts)


def _given(around: _Around, own: str, inside: Sequence[_Step]) -> tuple[int, ...]:
    """The outputs of braces: the value of their label, otherwise the values inside that are used outside."""
    block, given = around.block, around.given
    if own in block.labels:
        return (given[block.labels[own]],)
    made = (value for step in inside for value in block.nodes[step.at].outputs)
    taken = tuple(given[value] for value in made if around.last_uses.get(value, -1) > inside[-1].at)
    return taken or inside[-1].outputs


def _first(part: int | Scope) -> int:
    return part if isinstance(part, int) else part.start


def _after(part: int | Scope) -> int:
    return part + 1 if isinstance(part, int) else part.end
