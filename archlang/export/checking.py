"""Compares what a written file computes with its module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.export.inputs import drawn, reason_of
from archlang.ir import Graph

if TYPE_CHECKING:
    from torch import Tensor, nn

BATCHES = (2, 1, 3)  # the first is that of the tracing
TOLERANCE = 1e-4
Axes = Mapping[str, tuple[int | str, ...]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A written file: its bytes, the axes of what it takes and gives, and a function that runs it as loaded again."""

    data: bytes
    inputs: Axes
    outputs: Axes
    run: Callable[[tuple[Tensor, ...]], Sequence[Tensor]]


def checked(module: nn.Module, graph: Graph, written: Checked, format: str) -> tuple[float, tuple[str, ...]]:
    """Return the largest difference from the module, and the sizes at which they were compared.

    These are some batches, and for each open size that the file leaves open twice its default, if the net is valid
    there. Raises `Rejected` if the file fails or differs by more than the tolerance.
    """
    found, tried = 0.0, list[str]()
    for name, inputs in _cases(graph, written):
        expected = _expected(module, inputs)
        if expected is None:
            continue
        try:
            given = written.run(inputs)
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            message = f"{graph.name} as {format} fails at {name}, where the module does not: {reason_of(error)}"
            raise Rejected("export-failed", message) from error
        difference = max(map(_difference, given, expected), default=0.0)
        if len(given) != len(expected) or difference > TOLERANCE:
            message = f"{graph.name} as {format} differs from the module by {difference:.2g} at {name}"
            raise Rejected("export-failed", message)
        found = max(found, difference)
        tried.append(name)
    return found, tuple(tried)


def _cases(graph: Graph, written: Checked) -> Iterator[tuple[str, tuple[Tensor, ...]]]:
    named = {size for axes in written.inputs.values() for size in axes}
    batches = BATCHES if "batch" in named else BATCHES[:1]
    for batch in batches:
        yield f"batch {batch}", drawn(graph, batch)
    for name in graph.open_sizes:
        if name in named:
            size = 2 * int(graph.arguments[name])
            yield f"{name}={size}", drawn(graph, 1, {name: size})


def _expected(module: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor] | None:
    """Return the outputs of a module; None if it refuses the sizes of its inputs."""
    import torch
    from torch.utils import _pytree as trees

    try:
        with torch.no_grad():
            return [*trees.tree_leaves(module(*inputs))]
    except (RuntimeError, ValueError):
        return None


def _difference(given: Tensor, expected: Tensor) -> float:
    """Return the largest difference, relative to the largest finite value expected; infinite for another shape."""
    import torch

    if given.shape != expected.shape or given.dtype != expected.dtype:
        return float("inf")
    if not expected.numel():
        return 0.0
    ours, theirs = given.detach().double(), expected.detach().double()
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    scale = max(1.0, float(theirs.nan_to_num(0.0, 0.0, 0.0).abs().max()))
    apart = torch.where(same, torch.zeros_like(theirs), (ours - theirs).abs() / scale)
    return float(apart.nan_to_num(float("inf"), float("inf")).max())
