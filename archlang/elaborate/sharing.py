"""Weights that several steps share: modules applied again by `reuse`, and single weights that are tied."""

from __future__ import annotations

from dataclasses import replace

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.builder import Applied, At, Here
from archlang.elaborate.names import words_of
from archlang.elaborate.parameters import name_span
from archlang.elaborate.paths import path_of
from archlang.elaborate.scopes import Scope
from archlang.elaborate.suggest import did_you_mean
from archlang.elaborate.values import BlockValue, Given, Mistake, Silent
from archlang.ops.base import Operator, Weight
from archlang.shapes import TensorType, Window
from archlang.source import Span


def remember(
    at: At,
    target: Operator | BlockValue,
    given: tuple[Given, ...],
    types: tuple[TensorType, ...],
    block: str,
    here: Here,
) -> None:
    """Keep a labelled step, so that it can be applied again; `block` is the id of a block."""
    if at.name is None or not at.labelled:
        return
    if isinstance(target, BlockValue):
        target = replace(target, given=given)
    here.builder.applied[ir.join_path(at.scope, at.name)] = Applied(target, types, block, at.span)


def applied_at(node: s.Expression, here: Here) -> tuple[str, Applied]:
    """The labelled step that a path names, seen from here, and its path within the block."""
    written = path_of(node, here)
    scope: Scope | None = here.scope
    while scope is not None and written:
        path = ir.join_path(scope.path, written)
        if path in here.builder.applied:
            return path, here.builder.applied[path]
        scope = scope.outer
    raise _nothing_to_reuse(node, written, here)


def _nothing_to_reuse(node: s.Expression, written: str, here: Here) -> Exception:
    known = [*here.builder.applied]
    if here.builder.tainted or here.builder.failed:
        return Silent()
    if not written:
        return Mistake(Rejected("not-a-step", "`reuse` is followed by the label of a step"), node.span)
    if here.scope.find(written) is not None or written in here.builder.scopes:
        message = f"`{written}` names a value or braces, and only a labelled operator or block is applied again"
        help = (
            f"make what is in its braces a block, and call it: `{written}: ...`"
            if written in here.builder.scopes
            else None
        )
        return Mistake(Rejected("not-a-step", message, help=help), node.span)
    help = did_you_mean(written, known) or (f"the labelled steps are {words_of(known[:6])}" if known else None)
    return Mistake(Rejected("unknown-name", f"no step above is called `{written}`", help=help), node.span)


# ---- what may be applied again


def refuse_other_operator(path: str, applied: Applied, types: tuple[TensorType, ...], span: Span) -> None:
    """Refuse to apply an operator to what would give it other weights."""
    op = applied.target
    assert isinstance(op, Operator)
    before, after = _shapes(op.weights(*applied.types)), _shapes(op.weights(*types))
    if before != after:
        raise _other_weights(path, applied, [(path, before, after)], span)
    if op.torch(*applied.types) != op.torch(*types):
        raise _other_module(path, applied, span)


def refuse_other_block(path: str, applied: Applied, block: str, here: Here, span: Span) -> None:
    """Refuse to apply a block to what would give it other weights, or another structure."""
    if applied.block == block:
        return  # as a rule; no need to look the blocks up
    blocks = {made.id: made for made in here.session.blocks}
    differing = _differing(blocks[applied.block], blocks[block], path, blocks)
    if differing is None:
        raise _other_module(path, applied, span)
    if differing:
        raise _other_weights(path, applied, differing, span)


Differing = tuple[str, dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]


def _differing(first: ir.Block, second: ir.Block, path: str, blocks: dict[str, ir.Block]) -> list[Differing] | None:
    """The steps of two blocks whose weights differ; None where the blocks are not built alike."""
    if first.id == second.id:
        return []
    found: list[Differing] = []
    if len(first.nodes) != len(second.nodes) or (first.scopes, first.frozen) != (second.scopes, second.frozen):
        return None
    for one, two in zip(first.nodes, second.nodes, strict=True):
        if (one.kind, one.path, one.inputs, one.outputs) != (two.kind, two.path, two.inputs, two.outputs):
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
            elif one.op.torch(*types[0]) != two.op.torch(*types[1]):
                return None
    return found


def _shapes(weights: tuple[Weight, ...]) -> dict[str, tuple[int, ...]]:
    return {weight.name: weight.shape for weight in weights}


def _other_weights(path: str, applied: Applied, differing: list[Differing], span: Span) -> Mistake:
    at, before, after = differing[0]
    name = next(name for name in (*before, *after) if before.get(name) != after.get(name))
    told = " and ".join(str(Window(shape)) if shape else "none" for shape in (before.get(name), after.get(name)))
    message = f"`{path}` cannot be applied again here: `{ir.join_path(at, name)}` has two shapes, {told}"
    label = Label(applied.span, f"{', '.join(map(str, applied.types))} flowed into it here")
    help = "give it the same channels, or write the step anew for weights of its own"
    return Mistake(Rejected("weights-differ", message, help=help), span, (label,))


def _other_module(path: str, applied: Applied, span: Span) -> Mistake:
    message = f"`{path}` cannot be applied again here: for what flows in, it is built differently"
    label = Label(applied.span, f"{', '.join(map(str, applied.types))} flowed into it here")
    return Mistake(Rejected("weights-differ", message), span, (label,))


# ---- tied weights


def ties_in(
    arguments: tuple[s.Argument, ...], op: type[Operator]
) -> tuple[tuple[s.Argument, ...], tuple[s.Argument, ...]]:
    """The plain arguments of an operator, and those that tie a weight: `weight=wte.weight`."""
    tied = tuple(
        argument
        for argument in arguments
        if argument.name is not None
        and argument.name not in op.model_fields
        and isinstance(argument.value, s.Attribute)
    )
    return tuple(argument for argument in arguments if argument not in tied), tied


def ties(
    tied: tuple[s.Argument, ...], op: Operator, types: tuple[TensorType, ...], here: Here
) -> tuple[tuple[str, str], ...]:
    """Which weights of an operator are another's: the name of each, and the path of the other."""
    own = {weight.name: weight for weight in op.weights(*types)}
    found: dict[str, str] = {}
    for argument in tied:
        name, node = argument.name or "", argument.value
        assert isinstance(node, s.Attribute)
        if name not in own:
            message = f"{op.word} has no argument and no weight called `{name}`"
            help = did_you_mean(name, [*type(op).model_fields, *own])
            raise Mistake(Rejected("unknown-argument", message, help=help), name_span(argument))
        path, applied = applied_at(node.base, here)
        other = _weight(path, applied, node)
        if other.shape != own[name].shape:
            shapes = f"{Window(other.shape)}, and the `{name}` of this {op.word} is {Window(own[name].shape)}"
            label = Label(applied.span, "made here")
            raise Mistake(Rejected("weights-differ", f"`{path}.{node.name}` is {shapes}"), node.span, (label,))
        found[name] = ir.join_path(path, node.name)
    return tuple(found.items())


def _weight(path: str, applied: Applied, node: s.Attribute) -> Weight:
    """The weight that a tie names."""
    target = applied.target
    weights = target.weights(*applied.types) if isinstance(target, Operator) else ()
    for weight in weights:
        if weight.name == node.name:
            return weight
    help = did_you_mean(node.name, [weight.name for weight in weights])
    raise Mistake(Rejected("unknown-name", f"`{path}` has no weight called `{node.name}`", help=help), node.span)
