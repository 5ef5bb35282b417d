"""The step `inline`: the steps of a block, inserted where it is called."""

from __future__ import annotations

from functools import partial

from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.clauses import step_labels
from archlang.elaborate.evaluating.evaluate import givens
from archlang.elaborate.state.kinds import UNKNOWN, BlockValue, Tensor, bundle, kind
from archlang.elaborate.state.lookup import Lets, Scope, lookup
from archlang.elaborate.state.mistakes import Entered, Mistake, Silent
from archlang.elaborate.state.session import MAX_DEPTH, Here
from archlang.elaborate.steps.blocks import fill, refuse_unused_input
from archlang.elaborate.steps.calls import bound_for, ending, refuse_training_outputs
from archlang.elaborate.steps.loops import Walk
from archlang.elaborate.vocabulary.unknown import nothing_flows, unknown_step


def inline(step: s.Step, action: s.Inline, here: Here, run: Walk) -> None:
    """Inline a block. It has no scope of its own: its steps, keys and labels join those around it.

    Like any block it sees only its inputs and arguments.
    """
    head, word = _block(action.head, here), action.head.span
    label = step_labels.label_of(step.label, here)
    definition, session, outer = head.definition, here.session, here.builder
    if here.it is None:
        raise nothing_flows(definition.name.text, word)
    inputs = here.flowing()
    if session.depth >= MAX_DEPTH:
        message = f"calls are nested more than {MAX_DEPTH} deep here"
        raise Mistake(Rejected("calls-too-deep", message, help=ending(definition)), action.span)
    builder = outer.inlined(definition, head.home, inputs, action.span)
    scope = Scope(here.scope.path, keys=here.scope.keys, containers=here.scope.containers, position=here.scope.position)
    inner = Here(session, builder, scope, Lets({}), starts=here.starts)
    given = (*head.given, *givens(action.arguments, here))
    bound_for(definition, given, tuple(tensor.type for tensor in inputs), word, inner)
    told = partial(Label, action.span, f"`{definition.name.text}` is written out here")
    session.enter(told)
    try:
        fill(inner, run)
        for port in builder.inputs if not builder.failed else ():
            refuse_unused_input(port, word, inner)
    finally:
        session.leave()
    here.scope.position = scope.position
    outer.absorb(builder)
    if builder.failed:
        raise Entered
    refuse_training_outputs(builder.outputs, definition, word)
    step_labels.join(inner, action.span, here)
    here.it = bundle([Tensor(port.value, builder.contents.types[port.value]) for port in builder.outputs])
    step_labels.bind(label, here.it, here)


def _block(node: s.Name, here: Here) -> BlockValue:
    found = lookup(node.text, node.span, here)
    if found is None:
        raise unknown_step(node.text, node.span, here)
    if found is UNKNOWN:
        raise Silent
    if not isinstance(found, BlockValue):
        message = f"`{node.text}` is {kind(found)}, but only a block is written out by `inline`"
        raise Mistake(Rejected("not-a-block", message), node.span)
    return found
