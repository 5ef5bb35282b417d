"""The Graph itself, and a walk through all its operators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, model_validator

from archlang.diagnostics import Rejected
from archlang.ir.deriving import check_derivation
from archlang.ir.layers import Around, Layer
from archlang.ir.names import check_names
from archlang.ir.nodes import Block, Model, OpNode, Promise
from archlang.ir.sizes import check_sizes
from archlang.ir.starts import check_starts
from archlang.limits import limits, raising

if TYPE_CHECKING:
    import networkx

VERSION: Literal[1] = 1


class Graph(Model):
    """A checked net. `blocks` lists callees first; the last block is the net itself.

    `open_sizes` gives, for each size that its inputs leave open, the inputs and axes that have it. `fixed_sizes` names
    those that are valid only at their default, because a step holds a number made from them. `unchecked_promises` is
    how many promises were left out, since they hold for the net at its own parameters, and others were set.
    """

    version: Literal[1] = VERSION
    name: str
    arguments: dict[str, str]
    blocks: tuple[Block, ...]
    promises: tuple[Promise, ...] = ()
    unchecked_promises: int = 0
    open_sizes: dict[str, tuple[tuple[str, str], ...]] = Field(default_factory=dict[str, tuple[tuple[str, str], ...]])
    fixed_sizes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names(self, info: ValidationInfo) -> Graph:
        if info.mode == "json":
            check_derivation(self)
        check_names(self)
        check_starts(self)
        check_sizes(self)
        return self

    @cached_property
    def by_id(self) -> Mapping[str, Block]:
        return {block.id: block for block in self.blocks}

    @property
    def root(self) -> Block:
        return self.blocks[-1]

    @cached_property
    def operators(self) -> Mapping[str, int]:
        """How many operators each block has, with its calls expanded, by the id of the block."""
        found: dict[str, int] = {}
        for block in self.blocks:
            found[block.id] = sum(1 if isinstance(node, OpNode) else found[node.block] for node in block.nodes)
        return found

    def refuse_walk(self, block: Block | None = None, times: int = 1, folded: int | None = None) -> None:
        """Raise Rejected if visiting the operators of the net, or of a block, `times` exceeds the limit `walked`.

        `folded` is how many are visited where one stands for a row of equal ones.
        """
        block, most = block or self.root, limits().walked
        count = self.operators[block.id]
        visits = times * (count if folded is None else folded)
        if visits <= most:
            return
        largest = max(block.nodes, key=lambda node: 1 if isinstance(node, OpNode) else self.operators[node.block])
        at = f"{largest.span.file}:{largest.span.line}:{largest.span.column}"
        each = "this visits each of them" if times == 1 else f"this visits each of them about {times} times"
        message = f"{self.name} has {count:,} operators with its calls expanded, most of them at {at}, and {each}"
        raise Rejected("too-large", f"{message}: more than {most:,}", help=raising("walked", visits))

    def flat(self, block: Block | None = None) -> Iterator[Layer]:
        """Yield every operator of the net, or of one block, in the order written, with calls expanded.

        Raises `archlang.diagnostics.Rejected` if there are more than the limit `walked`.
        """
        block = block or self.root
        self.refuse_walk(block)
        numbers = iter(range(10**18))
        inputs = [next(numbers) for _ in block.inputs]
        yield from self._expand(block, Around(), inputs, numbers, {})

    def _expand(
        self, block: Block, around: Around, inputs: list[int], numbers: Iterator[int], given: dict[int, int]
    ) -> Iterator[Layer]:
        given.update(zip((port.value for port in block.inputs), inputs, strict=True))
        around = around.freezing(block)
        for node in block.nodes:
            inside = around.within(block, node)
            sources = [given[value] for value in node.inputs]
            if isinstance(node, OpNode):
                results = [next(numbers) for _ in node.outputs]
                yield inside.layer(node, block, tuple(sources), tuple(results))
            else:
                callee, inner = self.by_id[node.block], dict[int, int]()
                yield from self._expand(callee, inside, sources, numbers, inner)
                results = [inner[port.value] for port in callee.outputs]
            given.update(zip(node.outputs, results, strict=True))

    def to_networkx(self) -> networkx.MultiDiGraph[int]:
        """Return the whole net as a networkx graph: a node for each operator, an edge for each value that flows.

        Nodes are numbered as `flat` lists the operators, and have `path`, `op`, `outputs`, `params` and `macs`; edges
        have `shape` and `bytes`. All figures are for one image.
        """
        from archlang.packages import need

        need("networkx", "such a graph is made by")
        import networkx as nx

        graph: networkx.MultiDiGraph[int] = nx.MultiDiGraph(name=self.name)
        made: dict[int, int] = {}
        for number, layer in enumerate(self.flat()):
            op, inputs = layer.op, layer.input_types
            counts = {"params": 0 if layer.reused else op.params(*inputs), "macs": op.work(*inputs).macs}
            graph.add_node(number, path=layer.path, op=op.word, outputs=[str(t) for t in layer.output_types], **counts)
            for value, type in zip(layer.inputs, inputs, strict=True):
                if value in made:
                    graph.add_edge(made[value], number, shape=str(type), bytes=type.bytes)
            made.update(dict.fromkeys(layer.outputs, number))
        return graph


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a Graph."""
    return Graph.model_json_schema()
