"""What costs time to know of a net: found when a column or the JSON first asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from archlang.facts.passes import Passed, passes
from archlang.facts.receptive import ReceptiveField, receptive_fields
from archlang.facts.saved import KeptAt, saved
from archlang.facts.work import images
from archlang.ir import Block, Graph, OpNode
from archlang.ops.base import Work
from archlang.report.scopes import Scope, scope_tree


@dataclass(frozen=True, eq=False)
class Facts:
    """The facts of a net over a batch, in evaluation or in training; layers are named by the first value they give."""

    graph: Graph
    batch: int
    dtype: str | None
    training: bool

    @cached_property
    def passes(self) -> Mapping[int, Passed]:
        """The two passes of each layer that runs."""
        found = passes(self.graph, self.batch, self.training)
        return {passed.layer.outputs[0]: passed for passed in found.layers}

    @cached_property
    def saved(self) -> Mapping[int, KeptAt]:
        """What each layer that runs keeps for the backward pass."""
        found = saved(self.graph, self.batch, self.dtype, self.training)
        return {kept.layer.outputs[0]: kept for kept in found.layers}

    @cached_property
    def fields(self) -> Mapping[int, ReceptiveField]:
        """The receptive field of each value."""
        return receptive_fields(self.graph)

    @cached_property
    def tree(self) -> Scope:
        """The scopes of the net."""
        return scope_tree(self.graph)

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
