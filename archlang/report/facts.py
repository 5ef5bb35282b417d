"""The facts of a net that its report adds: the work of its blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from archlang.facts.net import NetFacts
from archlang.facts.work import images
from archlang.ir import Block, OpNode
from archlang.ops.base import Work


@dataclass(frozen=True, eq=False)
class ReportFacts(NetFacts):
    """The facts of a net over a batch, in evaluation or in training."""

    @cached_property
    def blocks(self) -> Mapping[str, Work]:
        """The arithmetic of one call of each block, by id. All of it runs: only a net has outputs `when training`."""
        found: dict[str, Work] = {}
        for block in self.graph.blocks[:-1]:
            each = (self._once(block, node) if isinstance(node, OpNode) else found[node.block] for node in block.nodes)
            found[block.id] = sum(each, Work())
        return found

    def _once(self, block: Block, node: OpNode) -> Work:
        inputs = block.types_of(node.inputs)
        work = node.op.training_work(*inputs) if self.training else node.op.work(*inputs)
        times = images((*inputs, *block.types_of(node.outputs)), self.batch)
        return work.over(times, node.op.once(*inputs))
