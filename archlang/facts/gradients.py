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
        wanted = Wanted(inputs, any(True for _ in trained_weights(layer)))
        if wanted.any:
            types = zip(layer.outputs, layer.output_types, strict=True)
            flowing.update(value for value, type in types if type.is_float)
        yield layer, wanted


def trained_weights(layer: Layer) -> Iterator[str]:
    """The names of a layer's weights that training changes: its own, or another's to which they are tied."""
    if layer.frozen:
        return
    for weight in layer.op.weights(*layer.input_types):
        owner = layer.node.ties.get(weight.name, "")
        if not weight.buffer and not any(is_at(owner, path) for path in layer.block.frozen):
            yield weight.name
