"""The facts of one net together, each computed when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from archlang.facts.work import Counts, count
from archlang.ir import Graph, Layer

if TYPE_CHECKING:
    from archlang.facts.passes import Passed
    from archlang.facts.receptive import ReceptiveField
    from archlang.facts.saved import KeptAt
    from archlang.program import Scope

Values = tuple[int, ...]  # the values that a layer returns, numbered as in `Graph.flat`: they identify the layer


@dataclass(frozen=True, eq=False)
class NetFacts:
    """The facts of a net over a batch, in evaluation or in training; `dtype` replaces the float dtypes."""

    graph: Graph
    batch: int = 1
    dtype: str | None = None
    training: bool = False

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every operator of the net in the order written, calls expanded."""
        return tuple(self.graph.flat())

    @cached_property
    def tree(self) -> Scope:
        """The scopes of the net."""
        from archlang.program import program_of, scope_tree  # imported only when it is needed: start-up counts

        return scope_tree(program_of(self.graph))

    @cached_property
    def counts(self) -> Counts:
        """The counts of operators, blocks and net, in evaluation."""
        return count(self.graph, self.batch, self.dtype)

    @cached_property
    def passes(self) -> Mapping[Values, Passed]:
        """The work of both passes, of each layer that runs."""
        from archlang.facts.passes import passes

        return {one.layer.outputs: one for one in passes(self.graph, self.batch, self.training).layers}

    @cached_property
    def saved(self) -> Mapping[Values, KeptAt]:
        """The tensors that each layer that runs saves for the backward pass."""
        from archlang.facts.saved import saved

        found = saved(self.graph, self.batch, self.dtype, self.training)
        return {one.layer.outputs: one for one in found.layers}

    @cached_property
    def fields(self) -> Mapping[int, ReceptiveField]:
        """The receptive field of each value."""
        from archlang.facts.receptive import receptive_fields

        return receptive_fields(self.graph)
