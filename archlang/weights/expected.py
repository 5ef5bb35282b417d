"""The entries of a net's state dict, computed from its Graph without making the module."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.ir import Graph, join_path
from archlang.source import Span


@dataclass(frozen=True, slots=True)
class Expected:
    """A tensor of a net: its shape and dtype in torch, and the step of the spec that it belongs to."""

    shape: tuple[int, ...]
    dtype: str
    span: Span


def expected_weights(graph: Graph) -> dict[str, Expected]:
    """Return every key of the state dict, in the order of the spec. A tied weight has a key at each of its places."""
    found: dict[str, Expected] = {}
    for layer in graph.flat():
        if layer.reused:
            continue
        for weight in layer.op.weights(*layer.input_types):
            if not weight.persistent:
                continue
            key = join_path(layer.path, weight.name)
            found[key] = Expected(weight.shape, weight.dtype, layer.node.span)
    return found
