"""Which gradients a backward pass must give, layer by layer: none where nothing that is trained lies before."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.ir import Graph, Layer, is_at
from archlang.ops.base import Wanted


def gradients(graph: Graph, training: bool = True) -> Iterator[tuple[Layer, Wanted]]:
    """Each layer that runs, in order, and the gradients that are wanted of it.

    The net's inputs need none. Those of evaluation leave out what runs in training alone.
    """
    flowing: set[int] = set()  # the values that need a gradient
    for layer in graph.flat():
        if layer.training_only and not training:
            continue
        inputs = tuple(value in flowing for value in layer.inputs)
        wanted = Wanted(inputs, _is_trained(layer))
        if wanted.any:
            types = zip(layer.outputs, layer.output_types, strict=True)
            flowing.update(value for value, type in types if type.is_float)
        yield layer, wanted


def _is_trained(layer: Layer) -> bool:
    """Whether the layer has weights that training changes: its own, or another's to which they are tied."""
    if layer.frozen:
        return False
    ties, frozen = layer.node.ties, layer.block.frozen
    weights = (weight for weight in layer.op.weights(*layer.input_types) if not weight.buffer)
    return any(not any(is_at(ties.get(weight.name, ""), path) for path in frozen) for weight in weights)
