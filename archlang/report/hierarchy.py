"""The blocks of a net in its report: which are called, how often, and which calls are alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archlang.facts.structure import structures
from archlang.facts.work import Counts
from archlang.ir import Block, CallNode, Graph, join_path


@dataclass(frozen=True, slots=True)
class Repeat:
    """Calls of one block that follow each other: `times` runs of `length` rows from row `start`, all alike.

    `first` and `last` are the paths of the first call and the last.
    """

    block: str
    start: int
    length: int
    times: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block at one set of arguments: how often it is called, which structure it has, what one call counts."""

    id: str
    name: str
    structure: int
    calls: int
    params: int
    macs: int


def blocks_of(graph: Graph, counts: Counts) -> tuple[BlockRow, ...]:
    """The blocks that the net calls, callees first."""
    calls = {graph.root.id: 1}
    for block in reversed(graph.blocks):
        for node in block.nodes:
            if isinstance(node, CallNode):
                calls[node.block] = calls.get(node.block, 0) + calls[block.id]
    numbers = structures(graph)
    rows: list[BlockRow] = []
    for block in graph.blocks[:-1]:
        if block.id in calls:  # a block may be elaborated for a step that was taken back
            one = counts.blocks[block.id]
            rows.append(BlockRow(block.id, block.name, numbers[block.id], calls[block.id], one.params, one.macs))
    return tuple(rows)


def repeats_of(graph: Graph) -> tuple[Repeat, ...]:
    """The runs of alike calls, in the order of their first rows; within a run the first call alone is looked into."""
    lengths: dict[str, int] = {}
    for block in graph.blocks:
        lengths[block.id] = sum(lengths[n.block] if isinstance(n, CallNode) else 1 for n in block.nodes)
    return tuple(_repeats(graph, graph.root, "", 0, lengths))


def _repeats(graph: Graph, block: Block, prefix: str, start: int, lengths: dict[str, int]) -> Iterator[Repeat]:
    for run in block.runs():
        first = run[0]
        if not isinstance(first, CallNode):
            start += 1
            continue
        length = lengths[first.block]
        paths = [join_path(prefix, node.scope, node.name) for node in run]
        if len(run) > 1:
            yield Repeat(graph.by_id[first.block].name, start, length, len(run), paths[0], paths[-1])
        yield from _repeats(graph, graph.by_id[first.block], paths[0], start, lengths)
        start += length * len(run)
