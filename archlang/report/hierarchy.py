"""The blocks of a net in its report: which are called, how often, and the counts of one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from archlang.facts.structures import structures
from archlang.facts.work import Counts
from archlang.ir import CallNode
from archlang.ops.base import Work
from archlang.report.facts import ReportFacts


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A block with one set of arguments: how often it is called, its structure, the counts of one call."""

    id: str
    name: str
    arguments: Mapping[str, str]
    structure: int
    calls: int
    params: int
    macs: int
    output_values: int
    output_bytes: int
    facts: ReportFacts = field(repr=False, compare=False)

    @property
    def forward(self) -> Work:
        """The arithmetic of the forward pass of one call."""
        return self.facts.blocks[self.id]

    def to_json(self) -> dict[str, object]:
        """Return the block as plain JSON values; docs/report.md has every field."""
        return {
            "id": self.id,
            "name": self.name,
            "arguments": dict(self.arguments),
            "structure": self.structure,
            "calls": self.calls,
            "params": self.params,
            **asdict(self.forward),
            "output_values": self.output_values,
            "output_bytes": self.output_bytes,
        }


def blocks_of(facts: ReportFacts, counts: Counts) -> tuple[BlockRow, ...]:
    """Return the blocks that the net calls, callees first."""
    graph = facts.graph
    calls = {graph.root.id: 1}
    for block in reversed(graph.blocks):
        for node in block.nodes:
            if isinstance(node, CallNode):
                calls[node.block] = calls.get(node.block, 0) + calls.get(block.id, 0)
    numbers = structures(graph)
    rows: list[BlockRow] = []
    for block in graph.blocks[:-1]:
        if calls.get(block.id):  # a block may be elaborated for a step that was taken back
            one = counts.blocks[block.id]
            macs = facts.blocks[block.id].macs if facts.training else one.macs
            told = (one.params, macs, one.output_values, one.output_bytes, facts)
            rows.append(BlockRow(block.id, block.name, block.arguments, numbers[block.id], calls[block.id], *told))
    return tuple(rows)
