"""The walk that turns a body into nodes, one statement after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.clauses import step_labels
from archlang.elaborate.clauses.freezing import run_freeze
from archlang.elaborate.clauses.inputs_outputs import run_input, run_output
from archlang.elaborate.clauses.promising import run_expect
from archlang.elaborate.clauses.stored import run_param
from archlang.elaborate.evaluating.evaluate import evaluate, givens
from archlang.elaborate.state.builder import At
from archlang.elaborate.state.kinds import UNKNOWN, BlockValue, Bundle, Function, OperatorValue, Value, bundle
from archlang.elaborate.state.lookup import labelled_and_step
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here
from archlang.elaborate.steps.braces import enter
from archlang.elaborate.steps.branches import gathered, told_of_untaken, vary
from archlang.elaborate.steps.calls import call_block
from archlang.elaborate.steps.heads import head_of_step, name_value, word_of_step
from archlang.elaborate.steps.inlining import inline
from archlang.elaborate.steps.known import note
from archlang.elaborate.steps.likes import liked
from archlang.elaborate.steps.operators import apply_operator, apply_to_one, is_one
from archlang.elaborate.steps.reuse import apply_again
from archlang.elaborate.steps.starts import run_default
from archlang.elaborate.steps.ties import ties_in
from archlang.elaborate.vocabulary.spelled import is_outermost, written
from archlang.source import Span


def run(body: s.Body, here: Here) -> None:
    """Elaborate statements in order. After a mistake `it` is unknown, and the walk continues."""
    for item in body.items:
        try:
            here.session.tick(item.span)
            _RUN[type(item)](item, here)
        except (Mistake, Silent, RecursionError) as stop:
            if isinstance(stop, RecursionError):
                stop = too_deep(item.span)
            if isinstance(stop, Mistake):
                here.session.report(stop)
            note(item, stop, here)
            here.session.give_up_if_spent()
            _after_mistake(item, here)


def too_deep(span: Span) -> Mistake:
    """Return the mistake for a spec that would exceed Python's stack."""
    return Mistake(Rejected("nested-too-deeply", "this is too long or nested too deeply to be worked out"), span)


def _after_mistake(item: s.Statement, here: Here) -> None:
    """Record what a failed statement leaves: its names exist, with unknown values."""
    builder = here.builder
    builder.fail()
    match item:
        case s.Let():
            here.lets.names[item.name] = UNKNOWN
        case s.Input():
            here.it = UNKNOWN
            here.scope.labels.setdefault(item.name, UNKNOWN)
        case s.Output():
            builder.close_outputs()
        case s.Expect() | s.Freeze() | s.Default():
            pass
        case s.Param(label=label):
            _unknown_labels(label, here)
        case s.Step(action=s.Apply() | s.Inline() | s.Reuse(), label=label):
            here.it = UNKNOWN
            _unknown_labels(label, here)
        case s.Step() | s.Broken():
            here.it = UNKNOWN
            builder.taint()


def _unknown_labels(label: s.Expression | None, here: Here) -> None:
    names = written(label)
    for name in names:
        if here.lets.find(name) is None:
            here.scope.labels[name] = UNKNOWN  # also in the place of the value that had the name first
    if label is not None and not names:
        here.builder.taint()


# ---- statements that are no steps


def _broken(item: s.Broken, here: Here) -> None:
    raise Silent


def _expect(item: s.Expect, here: Here) -> None:
    if here.builder.definition.is_net and not is_outermost(item, here.builder.definition.body):
        message = "`expect` cannot be inside braces, except those of `if`; use a path to name what is inside them"
        raise Mistake(Rejected("misplaced-expect", message), item.span)
    with here.session.guarding():  # a promise is no condition of the net
        run_expect(item, here)


def _let(item: s.Let, here: Here) -> None:
    step_labels.refuse_taken(item.name, item.span, here)
    if item.parameters is not None:
        here.lets.names[item.name] = Function(item.name, item, replace(here, it=None))
    else:
        here.lets.names[item.name] = evaluate(item.value, here)


# ---- steps


def _step(item: s.Step, here: Here) -> None:
    match item.action:
        case s.Apply() as action:
            _apply(item, action, here)
        case s.Inline() as action:
            inline(item, action, here, run)
        case s.Reuse() as action:
            label = step_labels.label_of(item.label, here)
            here.it = apply_again(action, here, run)
            step_labels.bind(label, here.it, here)
        case action:
            enter(item, action, here, run)


def _apply(step: s.Step, action: s.Apply, here: Here) -> None:
    """Elaborate a step that is an operator, a block or a value. Branches after an operator are its inputs."""
    head = _head(action, here)
    if not isinstance(head, (OperatorValue, BlockValue)):
        name_value(step, action, head, here)
        return
    label, before = step_labels.label_of(step.label, here) if step.label is not None else None, here.it
    if action.branches is not None:
        values = gathered(action.branches, here, run)
        # where the number of branches depends on a condition or a loop, one of them is a tuple of one
        here.it = Bundle(tuple(values)) if vary(action.branches) else bundle(values)
    name = None
    if not (isinstance(head, OperatorValue) and head.op.join):
        name = here.scope.numbered(step.span) if label is None else None
        name = name or step_labels.claim(label, step.span, here)
    at = At(here.scope.path, name, action.span, labelled=isinstance(step.label, (s.Name, s.Text)))
    if isinstance(head, OperatorValue):
        try:
            here.it = _operate(head, action, at, here)
        except Mistake as mistake:
            raise told_of_untaken(mistake, action.branches, before, here) from None
    else:
        given = givens(action.arguments, here)
        here.it = call_block(head, (*head.given, *given), at, action.head.span, here, run)
    if label is not None:
        step_labels.bind(label, here.it, here)


def _operate(head: OperatorValue, action: s.Apply, at: At, here: Here) -> Value:
    """Return the result of an operator with the arguments as they are written."""
    plain, tied = ties_in(action.arguments, head.op, here) if _may_tie(action) else (action.arguments, ())
    given = givens(plain, here, head.op)
    if any(argument.name == "like" for argument in action.arguments):
        given = liked(given, head.op, here)
    apply = apply_to_one if head.op.of_one and is_one(here.it) else apply_operator
    return apply(head, (*head.given, *given), at, action.head.span, here, tied)


def _may_tie(action: s.Apply) -> bool:
    """Return whether an argument may tie a weight: `weight=wte.weight`, `weight=table`."""
    return any(argument.name and isinstance(argument.value, (s.Attribute, s.Name)) for argument in action.arguments)


def _head(action: s.Apply, here: Here) -> Value:
    """Evaluate the start of a step: an operator, a block or a value."""
    node = action.head
    if not isinstance(node, s.Name):
        return head_of_step(node, here)
    label, found = labelled_and_step(node.text, node.span, here)
    return found if found is not None and label is None else word_of_step(node, label, found, action, here)


_RUN: dict[type, Callable[[Any, Here], None]] = {
    s.Let: _let, s.Input: run_input, s.Param: run_param, s.Output: run_output, s.Expect: _expect,
    s.Freeze: run_freeze, s.Default: run_default, s.Broken: _broken, s.Step: _step,
}  # fmt: skip
