"""Which gradients a backward pass computes, layer by layer.

A gradient flows backward from the net's float outputs. It goes through the values that depend on something trained, and
only through those on which such an output depends. A value that is not used, or used only before an `argmax` or a
`detach`, gets none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from archlang.facts.named_values import outputs_of
from archlang.ir import Graph, Layer, is_at
from archlang.ops.base import Wanted


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A layer as autograd records it: the gradients it would give, and the values through which they flow."""

    layer: Layer
    wanted: Wanted
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def gradients(graph: Graph, training: bool = True) -> Iterator[tuple[Layer, Wanted]]:
    """Yield each layer that runs, in order, and the gradients that the backward pass computes there.

    The net's inputs get none. In evaluation, layers that run only in training are left out.
    """
    recorded = list(_recorded(graph, training))
    reached = _reached(graph, recorded, training)
    for one in recorded:
        if reached.isdisjoint(one.outputs):
            yield one.layer, Wanted((False,) * len(one.layer.inputs), weights=False)
        elif reached.issuperset(one.outputs):
            yield one.layer, one.wanted
        else:
            yield one.layer, replace(one.wanted, outputs=tuple(value in reached for value in one.layer.outputs))


def _recorded(graph: Graph, training: bool) -> Iterator[_Recorded]:
    """Yield the layers that run, each with the gradients it gives if its own outputs get one."""
    requiring: set[int] = set()  # the values that depend on something trained
    for layer in graph.flat():
        if layer.training_only and not training:
            continue
        inputs = tuple(value in requiring for value in layer.inputs)
        wanted = Wanted(inputs, any(True for _ in trained_weights(layer)))
        types = zip(layer.outputs, layer.output_types, strict=True)
        outputs = tuple(value for value, type in types if type.is_float and wanted.any and not layer.op.detached)
        requiring.update(outputs)
        yield _Recorded(layer, wanted, tuple(value for value in layer.inputs if value in requiring), outputs)


def _reached(graph: Graph, recorded: Sequence[_Recorded], training: bool) -> set[int]:
    """Return the values that get a gradient: some output of the net depends on them."""
    ports = zip(graph.root.outputs, outputs_of(graph), strict=True)
    reached = {value for port, value in ports if training or not port.training}
    for one in reversed(recorded):
        if not reached.isdisjoint(one.outputs):
            reached.update(one.inputs)
    return reached


def trains_a_product(layer: Layer) -> bool:
    """Return whether a trained weight of the layer is multiplied with the inputs, that is, whether it is no bias."""
    return any(not name.endswith("bias") for name in trained_weights(layer))


def trained_weights(layer: Layer) -> Iterator[str]:
    """Yield the names of a layer's weights that may be trained: its own, or another's to which they are tied."""
    if layer.frozen:
        return
    ties = layer.ties
    for weight in layer.op.weights(*layer.input_types):
        owner = ties.get(weight.name, "")
        if not weight.buffer and not any(is_at(owner, path) for path in layer.block.frozen):
            yield weight.name
