"""The largest batch and the largest input of which the peak stays within a memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from archlang.facts.memory import Setup, memory
from archlang.ir import Graph

MOST = 2**40  # images


def largest_batch(graph: Graph, setup: Setup, budget_bytes: int) -> int:
    """The most images that fit; 0 where not even one does. The batch of the setup says nothing.

    A peak grows with the batch, so that halving what is left finds it.
    """

    def peak(batch: int) -> int:
        return memory(graph, replace(setup, batch=batch)).peak_bytes

    if peak(1) > budget_bytes:
        return 0
    least = 1
    while least < MOST and peak(2 * least) <= budget_bytes:
        least *= 2
    batches = range(least, 2 * least)
    return batches[bisect_right(batches, budget_bytes, key=peak) - 1]


def largest_size(sizes: Sequence[int], graph_at: Callable[[int], Graph], setup: Setup, budget_bytes: int) -> int | None:
    """The largest of these sizes, ascending, at which the net fits; None where it fits at none."""
    fitting = bisect_right(sizes, budget_bytes, key=lambda size: memory(graph_at(size), setup).peak_bytes)
    return sizes[fitting - 1] if fitting else None
