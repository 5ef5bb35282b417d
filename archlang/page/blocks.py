"""The blocks of a net for its page: each once, with its nodes, however often it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archlang.ir import Block, CallNode, Graph, OpNode, Port
from archlang.ir.partial import is_wrong
from archlang.ir.unknown import UNKNOWN
from archlang.ops.written import arguments
from archlang.page.folds import Folds, folds_of
from archlang.page.occurrences import Occurrences
from archlang.page.progressions import texts
from archlang.shapes import Window
from archlang.source import Span
from archlang.why.answer import WhyLayer
from archlang.why.text import steps_of

FEWEST = 3  # calls in a row that are written as one


def blocks_data(graph: Graph, occurrences: Occurrences, files: Mapping[str, int]) -> list[dict[str, object]]:
    """Return each block that is called, callees first; the last one is the net. `files` numbers the files of spans."""
    folds = folds_of(graph)
    called = _called(graph)
    numbers = {block.id: at for at, block in enumerate(block for block in graph.blocks if block.id in called)}
    return [_block(folds, block, numbers, occurrences, files) for block in graph.blocks if block.id in numbers]


def _called(graph: Graph) -> set[str]:
    """Return the blocks that the net reaches; a block may be elaborated for a step that was taken back."""
    found = {graph.root.id}
    for block in reversed(graph.blocks):
        if block.id in found:
            found.update(node.block for node in block.nodes if isinstance(node, CallNode))
    return found


def _block(
    folds: Folds, block: Block, numbers: Mapping[str, int], occurrences: Occurrences, files: Mapping[str, int]
) -> dict[str, object]:  # fmt: skip
    return {
        "name": block.name,
        "arguments": " ".join(f"{name}={value}" for name, value in block.arguments.items()),
        "inputs": [_port(port) for port in block.inputs],
        "outputs": [_port(port) for port in block.outputs],
        "types": texts(["unknown" if type == UNKNOWN else str(type) for type in block.types]),
        "nodes": repeated(
            [
                _op(block, node, occurrences, files) if isinstance(node, OpNode) else _call(node, numbers, files)
                for node in block.nodes
            ]
        ),
        "entries": folds.entries(block.id),
    }


def _port(port: Port) -> dict[str, object]:
    return {"name": port.name, "value": port.value, **({"training": True} if port.training else {})}


def repeated(nodes: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """Return nodes, with calls in a row that differ in numbers alone, by equal steps, as one with `times`."""
    found: list[dict[str, object]] = []
    run: list[dict[str, object]] = []
    for node in nodes:
        if run and not _continues(run, node):
            found += _written(run)
            run = []
        run.append(node)
    return found + (_written(run) if run else [])


def _continues(run: Sequence[dict[str, object]], node: dict[str, object]) -> bool:
    """Return whether a call has the block and the place of those before it, and values that grow as theirs do."""
    one, last = run[0], run[-1]
    if any(each.get("block") is None for each in (one, node)):
        return False
    if any(one[key] != node[key] for key in ("block", "named", "at")):
        return False
    step = _values(run[1])[0] - _values(one)[0] if len(run) > 1 else _values(node)[0] - _values(one)[0]
    return _values(node) == [value + step for value in _values(last)]


def _values(node: dict[str, object]) -> list[int]:
    inputs, outputs = node["inputs"], node["outputs"]
    assert isinstance(inputs, tuple) and isinstance(outputs, tuple)
    return [*inputs, *outputs]


def _written(run: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    if len(run) < FEWEST:
        return [*run]
    step = _values(run[1])[0] - _values(run[0])[0]
    return [{**run[0], "path": texts([str(one["path"]) for one in run]), "times": len(run), "step": step}]


def _call(node: CallNode, numbers: Mapping[str, int], files: Mapping[str, int]) -> dict[str, object]:
    return {
        "block": numbers[node.block],
        "path": node.path,
        "named": node.name is not None or node.module is not None,
        "inputs": node.inputs,
        "outputs": node.outputs,
        "at": _place(node.span, files),
    }


def _op(block: Block, node: OpNode, occurrences: Occurrences, files: Mapping[str, int]) -> dict[str, object]:
    key = block.id, node.outputs
    told = occurrences.first(key)
    wrong = str(getattr(node.op, "told", "")) if is_wrong(node) else ""
    return {
        "op": node.op.word,
        "written": str(getattr(node.op, "text", "")) if wrong else " ".join((node.op.word, *arguments(node.op))),
        "kind": "wrong" if wrong else "join" if node.op.join else "weights" if told.weights else "plain",
        "path": node.path,
        "named": node.name is not None or node.module is not None,
        "inputs": node.inputs,
        "outputs": node.outputs,
        "at": _place(node.span, files),
        "axes": [side for side in told.axes if side],
        "law": [[line.name, steps] for line in told.law if (steps := steps_of(line))],
        "weights": [_weight(told, at) for at in range(len(told.weights))],
        **occurrences.written(key, wrong),
    }


def _weight(told: WhyLayer, at: int) -> list[object]:
    weight = told.weights[at]
    return [weight.name, str(Window(weight.shape)), weight.count, weight.buffer]


def _place(span: Span, files: Mapping[str, int]) -> list[int]:
    """Return the file's number and the span; the file is -1 if it is not shown."""
    return [files.get(span.file, -1), span.line, span.column, span.end_line, span.end_column]
