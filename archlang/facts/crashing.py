"""Layers whose backward pass ends the process, by a fault of torch."""

from __future__ import annotations

from archlang.facts.gradients import gradients
from archlang.ir import Graph, Layer, OpNode

MAP_AXES = (4, 5)  # torch has a channels_last format for each


def crashing(graph: Graph) -> list[Layer]:
    """Return the layers whose backward pass ends the process if their input is in channels_last.

    Such an input needs no gradient, while a weight of the layer does: torch 2.13 then reads memory that is not its own.
    """
    if not any(isinstance(node, OpNode) and node.op.crashes for block in graph.blocks for node in block.nodes):
        return []
    return [
        layer
        for layer, wanted in gradients(graph)
        if layer.op.crashes and len(layer.input_types[0].shape) in MAP_AXES and wanted.weights and not wanted.inputs[0]
    ]
