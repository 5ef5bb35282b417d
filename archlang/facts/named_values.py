"""The values of a net by the names that a spec has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.ir import Block, Graph

if TYPE_CHECKING:
    from archlang.program import Scope


def value_at(graph: Graph, path: str) -> int | None:
    """Return the number, as in `graph.flat()`, of the value that a path names: a label, a port or a step by its key.

    None where the path names none.
    """
    from archlang.program import program_of, scope_tree  # only where it is asked for: start-up counts

    return _value(scope_tree(program_of(graph)), path)


def outputs_of(graph: Graph) -> list[int]:
    """Return the numbers of the net's outputs, those `when training` among them."""
    from archlang.program import program_of, scope_tree

    return list(scope_tree(program_of(graph)).outputs)


def _value(scope: Scope, path: str) -> int | None:
    """Return the value that a path names, relative to the block of a scope."""
    value = named(scope.block, path)
    if value is not None:
        return scope.values[value]
    inside = (inner for inner in scope.calls() if inner.call and path.startswith(f"{inner.call.path}."))
    found = (_value(inner, path[len(inner.call.path) + 1 :]) for inner in inside if inner.call)
    return next((value for value in found if value is not None), None)


def named(block: Block, path: str) -> int | None:
    """Return the value of a block that a path names without going into a call."""
    if path in block.labels:
        return block.labels[path]
    ports = {port.name: port.value for port in (*block.inputs, *block.outputs)}
    if path in ports:
        return ports[path]
    steps = (node for node in block.nodes if node.path == path and (node.name or node.module))
    return next((node.outputs[0] for node in steps), None)
