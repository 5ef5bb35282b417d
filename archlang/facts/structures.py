"""Which blocks are alike but for their numbers: same operators, connections and keys, whatever the sizes or rates."""

from __future__ import annotations

from collections.abc import Mapping

from archlang.ir import Block, CallNode, Graph, OpNode
from archlang.ops.base import Expression, Module, Stored

Structure = tuple[object, ...]


def structures(graph: Graph) -> dict[str, int]:
    """Return the number of each block's structure, by block id. Blocks of one structure share a number, from 0."""
    found: dict[str, Structure] = {}
    numbers: dict[Structure, int] = {}
    for block in graph.blocks:
        found[block.id] = _structure(block, found)
        numbers.setdefault(found[block.id], len(numbers))
    return {id: numbers[structure] for id, structure in found.items()}


def _structure(block: Block, callees: Mapping[str, Structure]) -> Structure:
    nodes = tuple(
        (node.scope, node.name, node.module, node.inputs, node.outputs, node_structure(block, node, callees))
        for node in block.nodes
    )
    ports = tuple((port.value, port.training) for port in (*block.inputs, *block.outputs))
    return block.name, nodes, ports, block.frozen


def node_structure(block: Block, node: OpNode | CallNode, callees: Mapping[str, Structure]) -> object:
    """Return the operator or block of a node without its numbers."""
    if isinstance(node, CallNode):
        return callees[node.block]
    return call_structure(node.torch(*block.types_of(node.inputs))), tuple(node.ties.items())


def call_structure(call: Module | Expression | Stored) -> object:
    """Return the torch call without the values of its arguments."""
    if isinstance(call, Expression):
        return call.template
    if isinstance(call, Stored):
        return call.template, len(call.shape), call.buffer, call.persistent
    return call.target, tuple(name for name, _ in call.args), tuple(name for name, *_ in call.options)
