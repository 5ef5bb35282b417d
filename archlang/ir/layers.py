"""The operators of a whole net, one after the other: a walk through the calls of its blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from archlang.ir.nodes import Block, CallNode, OpNode, is_at, join_path
from archlang.ops.base import Operator
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator at its full path, in the order of the whole net. `inputs` and `outputs` number values globally.

    `path` is the state-dict path; a join has the path of the scope around it. A `training_only` layer does not run in
    evaluation, a `reused` one has the weights of an earlier layer at its path, a `frozen` one is not trained.
    """

    path: str
    node: OpNode
    block: Block
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    training_only: bool
    reused: bool
    frozen: bool

    @property
    def op(self) -> Operator:
        return self.node.op

    @property
    def ties(self) -> Mapping[str, str]:
        """The ties of its weights, or of those of the module that it applies again: the weight that each shares."""
        untied: Mapping[str, str] = {}
        written = self.block.ties.get(self.node.path, untied) if self.node.name or self.node.module else untied
        return {name: self.block.owner(path) for name, path in written.items()}

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        return self.block.types_of(self.node.inputs)

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        return self.block.types_of(self.node.outputs)


@dataclass(frozen=True, slots=True)
class Around:
    """The position of a walk through the calls of a net: the path, and what holds for everything below it."""

    path: str = ""
    idle: bool = False
    reused: bool = False
    frozen: tuple[str, ...] = ()

    def freezing(self, block: Block) -> Around:
        """Return the same position inside a block, with what the block freezes."""
        if not block.frozen:
            return self
        return replace(self, frozen=(*self.frozen, *(join_path(self.path, path) for path in block.frozen)))

    def within(self, block: Block, node: OpNode | CallNode) -> Around:
        """Return the position of a node in the block here."""
        path = join_path(self.path, node.path)
        return Around(
            path, self.idle or node.outputs in block.training_only, self.reused or node.module is not None, self.frozen
        )

    def layer(self, node: OpNode, block: Block, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Layer:
        frozen = any(is_at(self.path, path) for path in self.frozen)
        return Layer(self.path, node, block, inputs, outputs, self.idle, self.reused, frozen)
