"""The values of a net by the names that a spec has for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice

from archlang.ir import Block, Graph, OpNode


def value_at(graph: Graph, path: str) -> int | None:
    """The number, as in `graph.flat()`, of the value that a path names: a label, a port or a step by its key.

    None where the path names none.
    """
    return _found(graph, path)[1]


def outputs_of(graph: Graph) -> list[int]:
    """The numbers of the net's outputs, those `when training` among them."""
    return _found(graph, "")[0]


def _found(graph: Graph, path: str) -> tuple[list[int], int | None]:
    numbers = count()
    inputs = list(islice(numbers, len(graph.root.inputs)))
    return _walk(graph, graph.root, path, inputs, numbers)


def _walk(
    graph: Graph, block: Block, path: str, inputs: Sequence[int], numbers: Iterator[int]
) -> tuple[list[int], int | None]:
    """The numbers of a block's outputs, and of the value that the path, relative to the block, names."""
    known = dict(zip((port.value for port in block.inputs), inputs, strict=True))
    below: int | None = None
    for node in block.nodes:
        if isinstance(node, OpNode):
            given = list(islice(numbers, len(node.outputs)))
        else:
            rest = path[len(node.path) + 1 :] if path.startswith(f"{node.path}.") else ""
            entering = [known[value] for value in node.inputs]
            given, found = _walk(graph, graph.by_id[node.block], rest, entering, numbers)
            below = found if below is None else below
        known.update(zip(node.outputs, given, strict=True))
    value = named(block, path)
    return [known[port.value] for port in block.outputs], below if value is None else known[value]


def named(block: Block, path: str) -> int | None:
    """The value of a block that a path names without going into a call."""
    if path in block.labels:
        return block.labels[path]
    ports = {port.name: port.value for port in (*block.inputs, *block.outputs)}
    if path in ports:
        return ports[path]
    steps = (node for node in block.nodes if node.path == path and (node.name or node.module))
    return next((node.outputs[0] for node in steps), None)
