"""Derives a Graph that comes from JSON again, so that one that is accepted is one that a spec could give.

Types follow from the operators, references lead to what exists and comes earlier, and every module has a path of its
own. What the elaborator makes is right already, and is not checked twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.ir.nodes import FACTS, Block, CallNode, OpNode, Promise, is_at, join_path, values_of
from archlang.limits import limits
from archlang.ops.base import Weight
from archlang.ops.checks import check_numbers
from archlang.shapes import DTYPE_BYTES, TensorType, is_indexable

if TYPE_CHECKING:
    from archlang.ir.graph import Graph

MOST_DEEP = 40  # calls within calls, as in a spec
_AXIS = re.compile(r"[a-z_]\w*", re.ASCII)
_NOT_APPLIED = (Rejected, ValueError, ArithmeticError, LookupError, TypeError, AssertionError, RecursionError)


def check_derivation(graph: Graph) -> None:
    """Raise ValueError if a Graph is none that a spec could give."""
    if not graph.blocks:
        raise ValueError("a Graph has at least one block")
    earlier: dict[str, Block] = {}
    deep: dict[str, int] = {}
    for block in graph.blocks:
        if block.id in earlier or not re.fullmatch(rf"{re.escape(block.name)}(#[1-9]\d*)?", block.id):
            raise ValueError(f"{block.id!r} is no id of its own for the block {block.name}")
        _values(block)
        _paths(block)
        for node in block.nodes:
            _node(node, block, earlier)
        calls = [deep[node.block] for node in block.nodes if isinstance(node, CallNode)]
        deep[block.id] = 1 + max(calls, default=0)
        if deep[block.id] > MOST_DEEP:
            raise ValueError(f"{block.id}: calls are nested more than {MOST_DEEP} deep")
        earlier[block.id] = block
    for promise in graph.promises:
        _promise(promise)
    if graph.operators[graph.root.id] > limits().layers:
        raise ValueError(f"{graph.name} has more than {limits().layers:,} layers")


# ---- values


def _values(block: Block) -> None:
    """Check that each value is made once, in order, has a type, and is read only after that."""
    for type in block.types:
        _type(type, block)
    ports = [port.value for port in block.inputs]
    given = [value for node in block.nodes for value in node.outputs]
    if sorted([*ports, *given]) != list(range(len(block.types))) or given != sorted(given):
        raise ValueError(f"{block.id}: its inputs and steps do not give its values in order, each once")
    made = set(ports)
    for node in block.nodes:
        if not made.issuperset(node.inputs):
            raise ValueError(f"{block.id}: {node.path or 'a step'} reads a value before it is made")
        made.update(node.outputs)
    if not made.issuperset([*(port.value for port in block.outputs), *block.labels.values()]):
        raise ValueError(f"{block.id}: an output or a label names a value that does not exist")
    for names in ([port.name for port in block.inputs], [port.name for port in block.outputs]):
        if len(set(names)) < len(names):
            raise ValueError(f"{block.id}: two inputs or two outputs have one name")
    if all(port.training for port in block.outputs):
        raise ValueError(f"{block.id}: a block has an output, in evaluation too")
    _used(block)


def _used(block: Block) -> None:
    """Check that a step, an output or a size uses each input. An inlined block may leave steps that nothing uses."""
    used = {port.value for port in block.outputs} | {*values_of(block.guards)}
    for node in block.nodes:
        used.update(node.reads)
        if isinstance(node, OpNode):
            used.update(block.labels[path] for path in node.ties.values() if path in block.labels)
    if any(port.value not in used for port in block.inputs):
        raise ValueError(f"{block.id}: nothing uses one of its inputs")


def _promise(promise: Promise) -> None:
    """Check that a promise is about a fact, and that it promises a number, or sizes where the fact has some."""
    facts = [promise.fact, *(fact for _, fact in promise.more)]
    is_shape = isinstance(promise.expected, tuple)
    sized = ("shape", "receptive_field")
    known = all(fact in FACTS for fact in facts) or facts == ["shape"]
    if not known or (is_shape and facts[0] not in sized) or (not is_shape and facts[0] == "shape"):
        raise ValueError(f"{promise.fact!r} is no fact that can be promised to be {promise.expected}")
    if promise.more and any(fact in sized for fact in facts):
        raise ValueError("only numbers can be added up, not shapes or windows")


def _type(type: TensorType, block: Block) -> None:
    named = all(_AXIS.fullmatch(axis) for axis in type.axes) and len(type.axes) == len(type.shape)
    sized = all(size >= 1 for size in type.shape) and is_indexable(type.shape)
    if not named or not sized or type.dtype not in DTYPE_BYTES:
        raise ValueError(f"{block.id}: a value has a type that no tensor can have")


# ---- paths


def _paths(block: Block) -> None:
    """Check that modules have paths of their own, in braces that exist, and that paths lead to something."""
    own = [node.path for node in block.nodes if node.name is not None]
    taken = {*own, *block.scopes}
    if len(taken) < len(own) + len(block.scopes):
        raise ValueError(f"{block.id}: two steps or braces have one path")
    for path in own:
        parts = path.split(".")
        if any(".".join(parts[:end]) in set(own) for end in range(1, len(parts))):
            raise ValueError(f"{block.id}: {path} would be within another step")
    for node in block.nodes:
        if node.scope and node.scope not in block.scopes:
            raise ValueError(f"{block.id}: there are no braces {node.scope}")
    lost = [path for path in block.frozen if not any(is_at(one, path) or is_at(path, one) for one in own)]
    if lost:
        raise ValueError(f"{block.id}: there is nothing to freeze at {lost[0]}")


# ---- steps


def _node(node: OpNode | CallNode, block: Block, earlier: Mapping[str, Block]) -> None:
    """Check that a step gives values of its types, and that the modules and weights that it names are earlier ones."""
    types, outputs = block.types_of(node.inputs), block.types_of(node.outputs)
    is_join = isinstance(node, OpNode) and node.op.join
    if (node.name is not None) + (node.module is not None) != (0 if is_join else 1):
        raise ValueError(f"{block.id}: a step has a name, or applies the module of an earlier one; a join has neither")
    if isinstance(node, OpNode) and node.op.declared and not (node.name or "").isidentifier():
        raise ValueError(f"{block.id}: the name of a {node.op.word} is one word")
    if isinstance(node, CallNode):
        if node.block not in earlier:
            raise ValueError(f"{block.id}: {node.block!r} is no earlier block")
        callee = earlier[node.block]
        takes, gives = (callee.types_of(tuple(one.value for one in ports)) for ports in (callee.inputs, callee.outputs))
        if types != takes or outputs != gives or any(port.training for port in callee.outputs):
            raise ValueError(f"{block.id}: the call of {node.block} does not fit its inputs and outputs")
    elif _outputs(node, types) != outputs:
        raise ValueError(f"{block.id}: {node.op.word} at {node.path!r} does not give these outputs")
    before = {one.path: one for one in block.nodes if one.name is not None and one.outputs < node.outputs}
    if node.module is not None and not _is_again(node, before.get(node.module), block):
        raise ValueError(f"{block.id}: {node.module!r} is no earlier step that can be applied again here")
    if isinstance(node, OpNode) and node.ties:
        _ties(node, before, block, earlier)


def _outputs(node: OpNode, types: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
    """Return the types of the outputs of an operator; raises ValueError if it does not apply to its inputs."""
    op = node.op
    fits = not types if op.declared else bool(types) if op.join else len(types) in op.arity
    try:
        outputs = op.outputs(*types) if fits else None
        weights = op.weights(*types) if fits else ()
        check_numbers(op.word, op.__dict__)
    except _NOT_APPLIED as error:
        raise ValueError(f"{op.word} does not apply to {', '.join(map(str, types))}: {error}") from None
    if outputs is None:
        raise ValueError(f"{op.word} does not take {len(types)} values")
    if not all(is_indexable(weight.shape) for weight in weights):
        raise ValueError(f"{op.word} has a weight that torch cannot index")
    return outputs


def _is_again(node: OpNode | CallNode, first: OpNode | CallNode | None, block: Block) -> bool:
    """Return whether a step applies the module of an earlier one: the same operator, or the same kind of block."""
    if isinstance(node, CallNode) or not isinstance(first, OpNode):
        return isinstance(node, CallNode) and isinstance(first, CallNode)
    old, new = (one.op.weights(*block.types_of(one.inputs)) for one in (first, node))
    return first.op.word == node.op.word and [_like(weight) for weight in old] == [_like(weight) for weight in new]


def _like(weight: Weight) -> tuple[str, tuple[int, ...], bool]:
    return weight.name, weight.shape, weight.buffer


def _ties(node: OpNode, before: Mapping[str, OpNode | CallNode], block: Block, earlier: Mapping[str, Block]) -> None:
    """Check that each tie leads from a weight of this step to one of an earlier step with the same shape."""
    own = {weight.name: _like(weight)[1:] for weight in node.op.weights(*block.types_of(node.inputs))}
    for name, path in node.ties.items():
        if name not in own or own[name] not in [
            found for one in before.values() for found in _at(path, [one], block, earlier)
        ]:
            raise ValueError(f"{block.id}: the weight {name!r} of {node.path!r} cannot be tied to {path!r}")


def _at(
    path: str, nodes: Sequence[OpNode | CallNode], block: Block, earlier: Mapping[str, Block]
) -> list[tuple[tuple[int, ...], bool]]:
    """Return the shape of the weight at a path, and whether it is a buffer; empty if there is none."""
    for node in nodes:
        if node.name is None or not is_at(path, node.path):
            continue
        if isinstance(node, CallNode):
            callee = earlier[node.block]
            return _at(path[len(node.path) + 1 :], callee.nodes, callee, earlier)
        weights = node.op.weights(*block.types_of(node.inputs))
        return [(weight.shape, weight.buffer) for weight in weights if join_path(node.path, weight.name) == path]
    return []
