"""The inputs that a module is traced with and compared on, and which of their axes may differ from call to call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archlang.ir import Graph, Port
from archlang.shapes import TensorType

if TYPE_CHECKING:
    from torch import Tensor

BATCH = "batch"
SEED = 0


def drawn(graph: Graph, batch: int, sizes: Mapping[str, int] | None = None) -> tuple[Tensor, ...]:
    """Return the inputs of a net for a batch, from a fixed seed; `sizes` replace open sizes, by name.

    Floats are normally distributed. Integers are 0 or 1, which every table of an embedding with two rows has.
    """
    import torch

    generator = torch.Generator().manual_seed(SEED)
    made: list[Tensor] = []
    for port in graph.root.inputs:
        type = graph.root.types[port.value]
        shape = [
            size * batch if axis == "n" else (sizes or {}).get(open_size(graph, port.name, axis) or "", size)
            for axis, size in zip(type.axes, type.shape, strict=True)
        ]
        values = torch.randn(shape, generator=generator) if type.is_float else None
        made.append(
            (torch.randint(2, shape, generator=generator) if values is None else values).to(getattr(torch, type.dtype))
        )
    return tuple(made)


def results(graph: Graph) -> list[Port]:
    """Return the outputs of a net in evaluation."""
    return [port for port in graph.root.outputs if not port.training]


def open_size(graph: Graph, port: str, axis: str) -> str | None:
    """Return the name of the open size that an axis of an input has; None if its size is fixed."""
    return next((name for name, places in graph.open_sizes.items() if (port, axis) in places), None)


def axis_names(graph: Graph, port: str, type: TensorType) -> list[str | None]:
    """Return for each axis of an input the name of its size if that may differ: `batch`, or an open size."""
    return [BATCH if axis == "n" else open_size(graph, port, axis) for axis in type.axes]


def reason_of(error: Exception) -> str:
    """Return the kind of an error and the first line of its message that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
