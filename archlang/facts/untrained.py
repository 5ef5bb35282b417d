"""Weights that are not frozen but never get a gradient, because no float output depends on them."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.facts.gradients import gradients, trained_weights
from archlang.ir import Block, Graph, Layer, OpNode, join_path


@dataclass(frozen=True, slots=True)
class Untrained:
    """A layer some of whose weights never get a gradient, and how many values these hold."""

    layer: Layer
    values: int


def untrained(graph: Graph) -> list[Untrained]:
    """Return the layers with weights that never get a gradient in training, in order; frozen weights do not count."""
    if all(_all_reach(block) for block in graph.blocks):
        return []
    owned: dict[str, tuple[Layer, int]] = {}
    reached: set[str] = set()
    for layer, wanted in gradients(graph):
        sizes = {weight.name: weight.count for weight in layer.op.weights(*layer.input_types)}
        for name in trained_weights(layer):
            key = _key(layer, name)
            if not layer.reused and name not in layer.ties:
                owned[key] = layer, sizes[name]
            if wanted.weights:
                reached.add(key)
    found: dict[tuple[int, ...], Untrained] = {}
    for key, (layer, size) in owned.items():
        if key not in reached:
            before = found[layer.outputs].values if layer.outputs in found else 0
            found[layer.outputs] = Untrained(layer, before + size)
    return list(found.values())


def _all_reach(block: Block) -> bool:
    """Return whether each value leads to an output: all are used, and every step passes gradients on."""
    used = {value for node in block.nodes for value in node.inputs} | {port.value for port in block.outputs}
    given = (value for node in block.nodes for value in node.outputs)
    operators = [node for node in block.nodes if isinstance(node, OpNode)]
    floats = all(block.types[value].is_float for node in operators for value in node.outputs)
    return floats and used.issuperset(given) and not any(node.op.detached for node in operators)


def _key(layer: Layer, name: str) -> str:
    """Return the key of a weight in the state dict, or that of the weight to which it is tied."""
    scope = layer.path.removesuffix(layer.node.path).removesuffix(".")
    return join_path(scope, layer.ties[name]) if name in layer.ties else join_path(layer.path, name)
