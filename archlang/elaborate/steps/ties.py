"""Finds labelled steps by their path, and ties weights to those of another step: `weight=wte.weight`."""

from __future__ import annotations

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.evaluating.block_parameters import name_span
from archlang.elaborate.evaluating.flowing import path_of
from archlang.elaborate.state.builder import Applied
from archlang.elaborate.state.lookup import Scope
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.elaborate.vocabulary.unknown import words_of
from archlang.ops.base import Operator, Weight
from archlang.shapes import TensorType, Window
from archlang.source import Span


def applied_at(node: s.Expression, here: Here) -> tuple[str, Applied]:
    """Find the labelled step that a path names, and its full path in the block."""
    written = path_of(node, here)
    found = _remembered(written, here)
    if found is None or _is_stored(found[1]):
        raise _nothing_to_reuse(node, written, here)
    return found


def _remembered(written: str, here: Here) -> tuple[str, Applied] | None:
    """Return the full path and the step, or the `param`, that a path names."""
    scope: Scope | None = here.scope
    while scope is not None and written:
        path = ir.join_path(scope.path, written)
        if path in here.builder.applied:
            return path, here.builder.applied[path]
        scope = scope.outer
    return None


def _is_stored(applied: Applied) -> bool:
    """Return whether this is a tensor of the net's own and no step."""
    return isinstance(applied.target, Operator) and applied.target.declared


def _nothing_to_reuse(node: s.Expression, written: str, here: Here) -> Exception:
    known = [path for path, applied in here.builder.applied.items() if not _is_stored(applied)]
    if here.builder.tainted or here.builder.failed:
        return Silent()
    if not written:
        return Mistake(Rejected("not-a-step", "`reuse` is followed by the label of a step"), node.span)
    if here.scope.find(written) is not None or written in here.builder.contents.scopes:
        message = f"`{written}` names a value or braces, but only a labelled operator or block can be applied again"
        help = (
            f"make what is in its braces a block, and call it: `{written}: ...`"
            if written in here.builder.contents.scopes
            else None
        )
        return Mistake(Rejected("not-a-step", message, help=help), node.span)
    help = did_you_mean(written, known) or (f"the labelled steps are {words_of(known[:6])}" if known else None)
    return Mistake(Rejected("unknown-name", f"no step above is called `{written}`", help=help), node.span)


# ---- tied weights


def ties_in(
    arguments: tuple[s.Argument, ...], op: type[Operator], here: Here
) -> tuple[tuple[s.Argument, ...], tuple[s.Argument, ...]]:
    """Split the arguments of an operator into plain ones and those that tie a weight.

    A weight is tied to that of another step, `weight=wte.weight`, or to a `param`, `weight=table`.
    """
    tied = tuple(
        argument
        for argument in arguments
        if argument.name is not None
        and argument.name not in op.model_fields
        and (isinstance(argument.value, s.Attribute) or _names_stored(argument.value, here))
        and (argument.name != "like" or op.alike is None)
    )
    return tuple(argument for argument in arguments if argument not in tied), tied


def _names_stored(node: s.Expression, here: Here) -> bool:
    """Return whether an expression is the label of a `param` or `buffer`."""
    found = _remembered(node.text, here) if isinstance(node, s.Name) else None
    return found is not None and _is_stored(found[1])


def ties(
    tied: tuple[s.Argument, ...], op: Operator, types: tuple[TensorType, ...], here: Here
) -> tuple[tuple[str, str], ...]:
    """Return the tied weights of an operator: the name of each, and the path of the weight it is tied to."""
    own = {weight.name: weight for weight in op.weights(*types)}
    found: dict[str, str] = {}
    for argument in tied:
        name, node = argument.name or "", argument.value
        if name not in own:
            message = f"{op.word} has no argument and no weight called `{name}`"
            help = did_you_mean(name, [*type(op).model_fields, *own])
            raise Mistake(Rejected("unknown-argument", message, help=help), name_span(argument))
        path, span, other = _tied_to(node, here)
        if other.shape != own[name].shape:
            shapes = f"{Window(other.shape)}, and the `{name}` of this {op.word} is {Window(own[name].shape)}"
            raise Mistake(Rejected("weights-differ", f"`{path}` is {shapes}"), node.span, (Label(span, "made here"),))
        if other.buffer != own[name].buffer:
            message = f"`{path}` is {'a buffer' if other.buffer else 'trained'}, and the `{name}` of {op.word} is not"
            raise Mistake(Rejected("weights-differ", message), node.span, (Label(span, "made here"),))
        found[name] = path
    return tuple(found.items())


def _tied_to(node: s.Expression, here: Here) -> tuple[str, Span, Weight]:
    """Return the path of the weight that a tie names, the place where it is made, and the weight itself."""
    stored = _remembered(path_of(node, here), here)
    if stored is not None and _is_stored(stored[1]):
        path, applied = stored
        assert isinstance(applied.target, Operator)
        (weight,) = applied.target.weights()
        here.builder.tie_to(path)
        return path, applied.span, weight
    assert isinstance(node, s.Attribute)
    path, applied = applied_at(node.base, here)
    return ir.join_path(path, node.name), applied.span, _weight(path, applied, node)


def _weight(path: str, applied: Applied, node: s.Attribute) -> Weight:
    """Find the weight that a tie names."""
    target = applied.target
    weights = target.weights(*applied.types) if isinstance(target, Operator) else ()
    for weight in weights:
        if weight.name == node.name:
            return weight
    help = did_you_mean(node.name, [weight.name for weight in weights])
    raise Mistake(Rejected("unknown-name", f"`{path}` has no weight called `{node.name}`", help=help), node.span)
