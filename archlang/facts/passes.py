"""The work of the two passes: forward and backward, in evaluation or in training, layer by layer.

The columns are those of `Work`; docs/conventions.md says what each counts. A backward pass computes the gradients of
the trained weights, and of an input only if something before it is trained; the image gets none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from archlang.facts.gradients import gradients, trains_a_product
from archlang.facts.work import images
from archlang.ir import Graph, Layer
from archlang.ops.base import Wanted, Work


@dataclass(frozen=True, slots=True)
class Passed:
    """A layer, the gradients that its backward pass computes, and its work over the batch in each pass."""

    layer: Layer
    wanted: Wanted
    forward: Work
    backward: Work


@dataclass(frozen=True, slots=True)
class Passes:
    """The layers that run, in order, and the total work of each pass over the batch."""

    layers: tuple[Passed, ...]
    forward: Work
    backward: Work


def passes(graph: Graph, batch: int = 1, training: bool = False) -> Passes:
    """Return the work of a forward and a backward pass over `batch` images.

    In `training`, dropout is active and outputs `when training` are computed; in evaluation neither is.
    """
    known: dict[object, tuple[Work, Work]] = {}
    layers: list[Passed] = []
    for layer, wanted in gradients(graph, training):
        key = layer.block.id, layer.node.outputs, wanted
        if key not in known:
            known[key] = _work(layer, wanted, batch, training)
        layers.append(Passed(layer, wanted, *known[key]))
    forward = sum((one.forward for one in layers), Work())
    return Passes(tuple(layers), forward, sum((one.backward for one in layers), Work()))


def _work(layer: Layer, wanted: Wanted, batch: int, training: bool) -> tuple[Work, Work]:
    inputs = layer.input_types
    times = images((*inputs, *layer.output_types), batch)
    forward = layer.op.training_work(*inputs) if training else layer.op.work(*inputs)
    forward = forward.over(times, layer.op.once(*inputs))
    if layer.op.idle and not training:
        return forward, Work()
    return forward, _backward(layer, wanted, times)


def _backward(layer: Layer, wanted: Wanted, times: int) -> Work:
    """Return the work of the backward pass. A tied weight may be frozen while the bias of the layer is trained."""
    inputs = layer.input_types

    def work(wanted: Wanted) -> Work:
        return layer.op.backward(wanted, *inputs).over(times, layer.op.once_backward(wanted, *inputs))

    if not (wanted.weights and layer.ties) or trains_a_product(layer):
        return work(wanted)
    return replace(work(replace(wanted, weights=False)), bias_adds=work(wanted).bias_adds)
