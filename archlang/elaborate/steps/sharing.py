"""Checks that a module can be applied again: the new inputs must give it the same weights and structure."""

from __future__ import annotations

from archlang import ir
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.state.builder import Applied
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.ops.base import Operator, Weight
from archlang.shapes import TensorType, Window
from archlang.source import Span


def refuse_other_operator(path: str, applied: Applied, types: tuple[TensorType, ...], span: Span) -> None:
    """Refuse to reuse an operator on inputs that would need other weights."""
    op = applied.target
    assert isinstance(op, Operator)
    before, after = _shapes(op.weights(*applied.types)), _shapes(op.weights(*types))
    if before != after:
        raise _other_weights(path, applied, [(path, before, after)], span)
    if op.torch(*applied.types) != op.torch(*types):
        raise _other_module(path, applied, span)


def refuse_other_block(path: str, applied: Applied, block: str, here: Here, span: Span) -> None:
    """Refuse to reuse a block on inputs that would need other weights or another structure."""
    if applied.block == block:
        return  # the usual case
    blocks = {made.id: made for made in here.session.blocks}
    differing = _differing(blocks[applied.block], blocks[block], path, blocks)
    if differing is None:
        raise _other_module(path, applied, span)
    if differing:
        raise _other_weights(path, applied, differing, span)


Differing = tuple[str, dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]


def _differing(first: ir.Block, second: ir.Block, path: str, blocks: dict[str, ir.Block]) -> list[Differing] | None:
    """Return the steps of two blocks whose weights differ; None if the blocks have different structures."""
    if first.id == second.id:
        return []
    found: list[Differing] = []
    if len(first.nodes) != len(second.nodes) or (first.scopes, first.frozen) != (second.scopes, second.frozen):
        return None
    for one, two in zip(first.nodes, second.nodes, strict=True):
        if not _is_placed_alike(one, two):
            return None
        below = ir.join_path(path, one.path)
        if isinstance(one, ir.CallNode) and isinstance(two, ir.CallNode):
            inner = _differing(blocks[one.block], blocks[two.block], below, blocks)
            if inner is None:
                return None
            found += inner
        elif isinstance(one, ir.OpNode) and isinstance(two, ir.OpNode):
            types = first.types_of(one.inputs), second.types_of(two.inputs)
            weights = _shapes(one.op.weights(*types[0])), _shapes(two.op.weights(*types[1]))
            if weights[0] != weights[1]:
                found.append((below, *weights))
            elif one.torch(*types[0]) != two.torch(*types[1]):
                return None
    return found if _conditions(second.guards) <= _conditions(first.guards) else None


def _is_placed_alike(one: ir.OpNode | ir.CallNode, two: ir.OpNode | ir.CallNode) -> bool:
    """Return whether two nodes have the same place, and no condition applies only to the second."""
    places = [(node.kind, node.path, node.inputs, node.outputs) for node in (one, two)]
    return places[0] == places[1] and _conditions(two.guards) <= _conditions(one.guards)


def _conditions(guards: tuple[ir.Guard, ...]) -> set[str]:
    """Return the conditions on sizes, with values given by their numbers."""
    return {guard.text(str) for guard in guards}


def _shapes(weights: tuple[Weight, ...]) -> dict[str, tuple[int, ...]]:
    return {weight.name: weight.shape for weight in weights}


def _other_weights(path: str, applied: Applied, differing: list[Differing], span: Span) -> Mistake:
    at, before, after = differing[0]
    name = next(name for name in (*before, *after) if before.get(name) != after.get(name))
    told = " and ".join(str(Window(shape)) if shape else "none" for shape in (before.get(name), after.get(name)))
    message = f"`{path}` cannot be applied again here: `{ir.join_path(at, name)}` has two shapes, {told}"
    label = Label(applied.span, f"{', '.join(map(str, applied.types))} flowed into it here")
    help = "give it the same channels, or write the step again, with its own weights"
    return Mistake(Rejected("weights-differ", message, help=help), span, (label,))


def _other_module(path: str, applied: Applied, span: Span) -> Mistake:
    message = f"`{path}` cannot be applied again here: for this input it would have another structure"
    label = Label(applied.span, f"{', '.join(map(str, applied.types))} flowed into it here")
    return Mistake(Rejected("weights-differ", message), span, (label,))
