"""Makes the Program of a Graph. No other code reads a node's dotted scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archlang.ir import Block, CallNode, Graph, OpNode, is_at, values_of
from archlang.ops.base import Expression
from archlang.program.regions import Call, Entry, Program, Region


def program_of(graph: Graph) -> Program:
    """Return how a net runs, before any pass changes it."""
    return Program(graph, {block.id: region_of(block) for block in graph.blocks})


def region_of(block: Block) -> Region:
    """Return the region of a block, with those of the braces in it."""
    calls = [_call(block, node) for node in block.nodes]
    outputs = tuple(dict.fromkeys(port.value for port in block.outputs))
    # an output of the block is read after all of its calls
    last = {value: at for at, call in enumerate(calls) for value in call.reads}
    last |= dict.fromkeys((*outputs, *values_of(block.guards)), len(calls))
    entries = _entries(_Flow(block, calls, last), "", 0, len(calls))
    return Region(block, "", None, entries, tuple(port.value for port in block.inputs), outputs)


def _call(block: Block, node: OpNode | CallNode) -> Call:
    types = (*block.types_of(node.inputs), *block.types_of(node.outputs))
    callee = node.block if isinstance(node, CallNode) else None
    return Call(node, types, node.outputs in block.training_only, callee)


@dataclass(frozen=True)
class _Flow:
    """The calls of a block in order, and for each value the last call that reads it."""

    block: Block
    calls: Sequence[Call]
    last: Mapping[int, int]


def _entries(flow: _Flow, path: str, start: int, end: int) -> tuple[Entry, ...]:
    """Return the calls from `start` to `end`, in the braces `path`. Inner braces become regions."""
    entries: list[Entry] = []
    at = start
    while at < end:
        scope = flow.calls[at].node.scope
        if scope == path:
            entries.append(flow.calls[at])
            at += 1
            continue
        inner = _braces_at(flow.block, scope, path)
        after = at
        while after < end and is_at(flow.calls[after].node.scope, inner):
            after += 1
        entries.append(_braces(flow, inner, path, at, after))
        at = after
    return tuple(entries)


def _braces_at(block: Block, scope: str, outer: str) -> str:
    """Return the path of the outermost braces within `outer` that hold `scope`; the name of braces may have dots."""
    parts = scope.split(".")
    depth = outer.count(".") + 1 if outer else 0
    paths = [".".join(parts[:end]) for end in range(depth + 1, len(parts) + 1)]
    return next((path for path in paths if path in block.braces), paths[0])


def _braces(flow: _Flow, path: str, outer: str, start: int, end: int) -> Region:
    """Return the region of braces. Its inputs are made before it; its outputs are read after it."""
    part = flow.calls[start:end]
    made = dict.fromkeys(value for call in part for value in call.outputs)
    read = dict.fromkeys(value for call in part for value in call.reads)
    entering = tuple(value for value in read if value not in made)
    leaving = tuple(value for value in made if flow.last.get(value, -1) >= end)
    leaving = leaving or part[-1].outputs  # braces of an inlined block, whose values nothing uses
    # an expression is written out again; a module is passed in
    again = dict.fromkeys(call.module for call in part if call.module and not isinstance(call.torch, Expression))
    borrowed = tuple(module for module in again if not is_at(module, path))
    name = path[len(outer) + 1 :] if outer else path
    return Region(flow.block, path, name, _entries(flow, path, start, end), entering, leaving, borrowed)
