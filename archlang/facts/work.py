"""The counts of a net: weights, arithmetic, and the values that its operators return.

An operator states its weights and its work; values and bytes follow from its types. Each operator of each block is
asked once, and the counts of a block are multiplied by its calls, so the time grows with the blocks and not with the
layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

from archlang.ir import Block, Graph, Layer, Node, OpNode
from archlang.ops.base import Weight, Work
from archlang.shapes import FLOAT_DTYPES, TensorType


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of an operator, a block or a net, over one forward pass of one batch."""

    params: int = 0  # values of the weights that are not buffers
    trainable_params: int = 0  # those that training changes
    buffers: int = 0  # values of the buffers
    macs: int = 0  # multiply-accumulates of convolutions and matrix products
    output_values: int = 0  # values that the operators return, views included
    output_bytes: int = 0

    def at_rest(self) -> Totals:
        """Return the counts of a layer that does not run: only its weights."""
        return replace(self, macs=0, output_values=0, output_bytes=0)

    def again(self) -> Totals:
        """Return the counts that one more application adds: everything but the weights."""
        return replace(self, params=0, trainable_params=0, buffers=0)

    def __mul__(self, times: int) -> Totals:
        return Totals(*(getattr(self, field.name) * times for field in fields(self)))

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.params + other.params,
            self.trainable_params + other.trainable_params,
            self.buffers + other.buffers,
            self.macs + other.macs,
            self.output_values + other.output_values,
            self.output_bytes + other.output_bytes,
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of every operator (by block id and its outputs), of every block (by id) and of the net.

    They hold for evaluation. Of layers that run only in training, only the weights count.
    """

    operators: Mapping[tuple[str, tuple[int, ...]], Totals]
    blocks: Mapping[str, Totals]
    net: Totals = Totals()

    def of(self, layer: Layer) -> Totals:
        """Return the counts of one operator, wherever its block is called."""
        counts = self.operators[layer.block.id, layer.node.outputs]
        if layer.frozen:
            counts = replace(counts, trainable_params=0)
        counts = counts.again() if layer.reused else counts
        return counts.at_rest() if layer.training_only else counts

    def at(self, block: Block, node: Node) -> Totals:
        """Return the counts of a node at its place. A node that applies another's module has no weights of its own."""
        counts = self.operators[block.id, node.outputs] if isinstance(node, OpNode) else self.blocks[node.block]
        counts = counts.again() if node.module else counts
        return counts.at_rest() if node.outputs in block.training_only else counts


def work(graph: Graph, batch: int = 1) -> Work:
    """Return the arithmetic of one forward pass over `batch` images, each kind in its own column."""
    sums: dict[str, Work] = {}
    for block in graph.blocks:
        nodes = (node for node in block.nodes if node.outputs not in block.training_only)
        each = (_work(block, node, batch) if isinstance(node, OpNode) else sums[node.block] for node in nodes)
        sums[block.id] = sum(each, Work())
    return sums[graph.root.id]


def totals(graph: Graph, batch: int = 1, dtype: str | None = None) -> Totals:
    """Return the counts of the whole net; see `count`."""
    return count(graph, batch, dtype).net


def count(graph: Graph, batch: int = 1, dtype: str | None = None) -> Counts:
    """Return the counts of operators, blocks and net over `batch` images; `dtype` replaces the float dtypes."""
    if batch < 1:
        raise ValueError(f"a batch has at least 1 image, not {batch}")
    if dtype is not None and dtype not in FLOAT_DTYPES:
        raise ValueError(f"dtype is one of {', '.join(FLOAT_DTYPES)}, not {dtype}")
    operators = {
        (block.id, node.outputs): _operator(block, node, batch, dtype)
        for block in graph.blocks
        for node in block.nodes
        if isinstance(node, OpNode)
    }
    blocks: dict[str, Totals] = {}
    counts = Counts(operators, blocks)
    for block in graph.blocks:
        total = sum((one * times for one, times in Counter(_each(counts, block)).items()), Totals())
        if block.frozen:
            trained = sum(counts.of(layer).trainable_params for layer in graph.flat(block))
            total = replace(total, trainable_params=trained)
        blocks[block.id] = total
    return replace(counts, net=blocks[graph.root.id])


def _each(counts: Counts, block: Block) -> Iterator[Totals]:
    """Yield the counts of each node of a block. Equal calls share one object, so that the caller can multiply."""
    known: dict[tuple[str, bool, bool], Totals] = {}
    for node in block.nodes:
        if isinstance(node, OpNode):
            yield counts.at(block, node)
            continue
        key = node.block, node.module is not None, node.outputs in block.training_only
        if key not in known:
            known[key] = counts.at(block, node)
        yield known[key]


def retyped(type: TensorType, dtype: str | None) -> TensorType:
    """Return the type with its float dtype replaced by `dtype`; integers and bools keep theirs."""
    return TensorType(type.shape, type.axes, dtype) if dtype and type.is_float else type


def images(types: tuple[TensorType, ...], batch: int) -> int:
    """Return the factor of the counts for one image: the batch if a type has a batch axis, otherwise 1."""
    return batch if any("n" in type.axes for type in types) else 1


def _operator(block: Block, node: OpNode, batch: int, dtype: str | None) -> Totals:
    outputs = () if node.op.declared else block.types_of(node.outputs)  # a weight is no value that is computed
    weights = [weight for weight in node.op.weights(*block.types_of(node.inputs)) if weight.name not in node.ties]
    return Totals(
        params=sum(weight.count for weight in weights if not weight.buffer),
        trainable_params=sum(weight.count for weight in weights if _is_trainable(weight)),
        buffers=sum(weight.count for weight in weights if weight.buffer),
        macs=_work(block, node, batch).macs,
        output_values=sum(type.values * images((type,), batch) for type in outputs),
        output_bytes=sum(retyped(type, dtype).bytes * images((type,), batch) for type in outputs),
    )


def _work(block: Block, node: OpNode, batch: int) -> Work:
    inputs = block.types_of(node.inputs)
    times = images((*inputs, *block.types_of(node.outputs)), batch)
    return node.op.work(*inputs).over(times, node.op.once(*inputs))


def _is_trainable(weight: Weight) -> bool:
    """Return whether training changes it: every parameter, no buffer."""
    return not weight.buffer
