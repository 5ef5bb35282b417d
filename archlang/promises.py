"""`expect` lines, held against the facts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import replace

from archlang.diagnostics import Diagnostic
from archlang.facts.work import Counts, Totals, count
from archlang.ir import Block, Graph, OpNode, Promise, is_at
from archlang.shapes import TensorType

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def verify(graph: Graph) -> list[Diagnostic]:
    """A diagnostic for each promise that is broken, with both numbers, and for each that names nothing."""
    if not graph.promises:
        return []
    counts = count(graph)
    return [diagnostic for promise in graph.promises if (diagnostic := _verdict(graph, counts, promise))]


def _verdict(graph: Graph, counts: Counts, promise: Promise) -> Diagnostic | None:
    if promise.fact == "shape":
        return _shape_verdict(graph, promise)
    total = total_at(graph, counts, promise.path)
    if total is None:
        return _nothing_there(graph, promise)
    actual = total.macs * 2 if promise.fact == "flops" else int(getattr(total, promise.fact))
    expected = promise.expected
    assert not isinstance(expected, tuple)
    if promise.comparison == "~":
        if abs(actual - expected) <= promise.slack:
            return None
        distance = f"{abs(actual - expected):,.0f} from {expected:,}"
        off = f"is {actual:,}, which is {distance}: more than one unit of its last digit"
    else:
        if _COMPARE[promise.comparison](actual, expected):
            return None
        off = f"is {actual:,}, and `{promise.comparison} {expected:,}` is promised"
    return Diagnostic("broken-promise", f"`{promise.text}` of {graph.name} {off}", promise.span)


def _shape_verdict(graph: Graph, promise: Promise) -> Diagnostic | None:
    type = type_at(graph.root, promise.path, graph)
    if type is None:
        return _nothing_there(graph, promise)
    sizes = tuple(size for size, axis in zip(type.shape, type.axes, strict=True) if axis != "n")
    if (sizes == promise.expected) == (promise.comparison == "=="):
        return None
    assert isinstance(promise.expected, tuple)
    wanted = "x".join(map(str, promise.expected))
    message = f"`{promise.text}` of {graph.name} is {type}, and `{promise.comparison} {wanted}` is promised"
    return Diagnostic("broken-promise", message, promise.span)


def total_at(graph: Graph, counts: Counts, path: str) -> Totals | None:
    """The counts of all operators at or below a path; of the whole net for the empty path. None where nothing is."""
    if not path:
        return counts.net
    found = list(_below(graph, counts, graph.root, path))
    if not found:
        return None
    total = sum(found, Totals())
    if any(block.frozen for block in graph.blocks):
        layers = (layer for layer in graph.flat() if is_at(layer.path, path))
        total = replace(total, trainable_params=sum(counts.of(layer).trainable_params for layer in layers))
    return total


def _below(graph: Graph, counts: Counts, block: Block, path: str, idle: bool = False) -> Iterator[Totals]:
    """The counts of the nodes at or below a path relative to a block; `idle` ones do not run in evaluation."""
    for node in block.nodes:
        if is_at(node.path, path):
            total = counts.at(block, node)
            yield total.at_rest() if idle else total
        elif not isinstance(node, OpNode) and path.startswith(f"{node.path}."):
            below = path[len(node.path) + 1 :]
            found = _below(graph, counts, graph.by_id[node.block], below, idle or node.outputs in block.training_only)
            yield from (total.again() if node.module else total for total in found)


def type_at(block: Block, path: str, graph: Graph) -> TensorType | None:
    """The type of the value that a path names: a label, or a step by its key."""
    if path in block.labels:
        return block.types[block.labels[path]]
    ports = {port.name: port.value for port in (*block.inputs, *block.outputs)}
    if path in ports:
        return block.types[ports[path]]
    for node in block.nodes:
        if node.path == path and (node.name or node.module):
            return block.types[node.outputs[0]]
        if not isinstance(node, OpNode) and path.startswith(f"{node.path}."):
            return type_at(graph.by_id[node.block], path[len(node.path) + 1 :], graph)
    return None


def _nothing_there(graph: Graph, promise: Promise) -> Diagnostic:
    from difflib import get_close_matches

    names = [*graph.root.labels, *(port.name for port in graph.root.inputs)]
    near = get_close_matches(promise.path, names, 1, 0.6)
    help = f"did you mean `{near[0]}`?" if near else None
    return Diagnostic("unknown-name", f"{graph.name} has nothing called `{promise.path}`", promise.span, help=help)
