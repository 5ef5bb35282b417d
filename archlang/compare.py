"""The figures by which nets are compared, each for one image, as `expect` counts them.

MACs and outputs are those of evaluation, saved bytes those of training. The depth is the number in the names
of nets: the layers with weights on the longest path through it. ResNet-50 has 50; its projections, which are not on
that path, do not count (He et al. 2015, arXiv:1512.03385, table 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from archlang.facts.passes import passes
from archlang.facts.receptive import ReceptiveField, receptive_fields
from archlang.facts.saved import saved
from archlang.facts.work import totals
from archlang.ir import Graph, Layer
from archlang.shapes import TensorType

COUNTS = ("depth", "params", "macs", "backward_macs", "output_values", "saved_bytes")  # the figures that have a ratio


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one net, for one image.

    `receptive_field` is that of the last value with several positions: in a classifier, the input of the global pool.
    If no value has several, it is that of the last value. None if the input has no positions. `saved_bytes` is None if
    it is unknown.
    """

    inputs: tuple[TensorType, ...]
    depth: int
    params: int
    macs: int
    backward_macs: int
    output_values: int
    saved_bytes: int | None
    receptive_field: ReceptiveField | None


def figures(graph: Graph) -> Figures:
    """Return the figures of a net."""
    counts, kept = totals(graph), saved(graph)
    return Figures(
        inputs=tuple(graph.root.types[port.value] for port in graph.root.inputs),
        depth=depth(graph),
        params=counts.params,
        macs=counts.macs,
        backward_macs=passes(graph).backward.macs,
        output_values=counts.output_values,
        saved_bytes=None if kept.untold else kept.bytes,
        receptive_field=_field(graph),
    )


def ratio(count: int | None, base: int | None) -> float | None:
    """Return the count divided by that of the base; None if either is unknown, or the base is 0."""
    return count / base if base and count is not None else None


def depth(graph: Graph) -> int:
    """Return the most layers with weights and multiply-accumulates on one path from an input to an output.

    Layers that run in training alone are left out. A layer that is applied again counts each time; an operator with
    several matrices, such as attention, counts once.
    """
    deepest: dict[int, int] = {}  # for each value, the most such layers on a path to it
    known: dict[object, bool] = {}
    for layer in _running(graph):
        key = layer.block.id, layer.node.outputs
        if key not in known:
            known[key] = _is_weighted(layer)
        below = max((deepest.get(value, 0) for value in layer.inputs), default=0)
        deepest.update(dict.fromkeys(layer.outputs, below + known[key]))
    return max(deepest.values(), default=0)


def _is_weighted(layer: Layer) -> bool:
    weights = layer.op.weights(*layer.input_types)
    return any(not weight.buffer for weight in weights) and layer.op.work(*layer.input_types).macs > 0


def _running(graph: Graph) -> Iterator[Layer]:
    return (layer for layer in graph.flat() if not layer.training_only)


def _field(graph: Graph) -> ReceptiveField | None:
    fields = receptive_fields(graph)
    last: int | None = None
    spread: int | None = None
    for layer in _running(graph):
        for value, type in zip(layer.outputs, layer.output_types, strict=True):
            if fields[value].paths or fields[value].untold:
                last = value
                spread = value if _positions(type) > 1 else spread
    found = last if spread is None else spread
    return None if found is None else fields[found]


def _positions(type: TensorType) -> int:
    return prod(size for axis, size in zip(type.axes, type.shape, strict=True) if axis not in ("n", "c"))
