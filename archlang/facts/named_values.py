"""The values of a net by the names that a spec has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.ir import Block, Graph

if TYPE_CHECKING:
    from archlang.program import Scope
    from archlang.shapes import TensorType


def value_at(net: Scope, path: str) -> int | None:
    """Return the number, as in `graph.flat()`, of the value that a path names: a label, a port or a step by its key.

    None if the path names none.
    """
    found = _found(net, path)
    return found and found[0].values[found[1]]


def type_at(net: Scope, path: str) -> TensorType | None:
    """Return the type of the value that a path of a net names; None if it names none."""
    found = _found(net, path)
    return found and found[0].block.types[found[1]]


def outputs_of(graph: Graph) -> tuple[int, ...]:
    """Return the numbers of the net's outputs, those `when training` among them."""
    from archlang.program import program_of, scope_tree  # imported only when it is needed: start-up counts

    return scope_tree(program_of(graph)).outputs


def _found(scope: Scope, path: str) -> tuple[Scope, int] | None:
    """Return the scope whose block has the value that a path names, relative to `scope`, and that value."""
    value = _named(scope.block, path)
    if value is not None:
        return scope, value
    inside = (inner for inner in scope.calls() if inner.call and path.startswith(f"{inner.call.path}."))
    found = (_found(inner, path[len(inner.call.path) + 1 :]) for inner in inside if inner.call)
    return next((one for one in found if one is not None), None)


def _named(block: Block, path: str) -> int | None:
    """Return the value of a block that a path names without going into a call."""
    if path in block.labels:
        return block.labels[path]
    ports = {port.name: port.value for port in (*block.inputs, *block.outputs)}
    if path in ports:
        return ports[path]
    steps = (node for node in block.nodes if node.path == path and (node.name or node.module))
    return next((node.outputs[0] for node in steps), None)
