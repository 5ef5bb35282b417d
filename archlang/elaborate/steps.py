"""Statements, carried out in order: the walk that turns a body into nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate import labels
from archlang.elaborate.applying import apply, apply_again
from archlang.elaborate.builder import Here
from archlang.elaborate.expressions import evaluate
from archlang.elaborate.freezing import run_freeze
from archlang.elaborate.inlining import inline
from archlang.elaborate.ports import run_input, run_output
from archlang.elaborate.promising import run_expect
from archlang.elaborate.reading import is_outermost, written
from archlang.elaborate.stored import run_param
from archlang.elaborate.structure import enter
from archlang.elaborate.values import UNKNOWN, Function, Mistake, Silent
from archlang.source import Span


def run(body: s.Body, here: Here) -> None:
    """Carry out statements in order; a mistake leaves `it` unknown and the walk goes on."""
    for item in body.items:
        try:
            here.session.tick(item.span)
            _RUN[type(item)](item, here)
        except (Mistake, Silent, RecursionError) as stop:
            if isinstance(stop, RecursionError):
                stop = too_deep(item.span)
            if isinstance(stop, Mistake):
                here.session.report(stop)
            here.session.give_up_if_too_large()
            _after_mistake(item, here)


def too_deep(span: Span) -> Mistake:
    """The refusal of what would take Python's own stack."""
    return Mistake(Rejected("nested-too-deeply", "this is too long or nested too deeply to be worked out"), span)


def _after_mistake(item: s.Statement, here: Here) -> None:
    """What is known after a failed statement: its names are there, their values are not."""
    builder = here.builder
    builder.failed = True
    match item:
        case s.Let():
            here.lets.names[item.name] = UNKNOWN
        case s.Input():
            here.it = UNKNOWN
            here.scope.labels.setdefault(item.name, UNKNOWN)
        case s.Output():
            builder.has_output = True
        case s.Expect() | s.Freeze():
            pass
        case s.Param(label=label):
            _unknown_labels(label, here)
        case s.Step(action=s.Apply() | s.Inline() | s.Reuse(), label=label):
            here.it = UNKNOWN
            _unknown_labels(label, here)
        case s.Step() | s.Broken():
            here.it = UNKNOWN
            builder.tainted = True


def _unknown_labels(label: s.Expression | None, here: Here) -> None:
    names = written(label)
    for name in names:
        if here.lets.find(name) is None:
            here.scope.labels.setdefault(name, UNKNOWN)
    here.builder.tainted |= label is not None and not names


def _broken(item: s.Broken, here: Here) -> None:
    raise Silent


def _expect(item: s.Expect, here: Here) -> None:
    if here.builder.definition.is_net and not is_outermost(item, here.builder.definition.body):
        message = "`expect` stands outside all braces of its net but those of `if`, and names what is in them by a path"
        raise Mistake(Rejected("misplaced-expect", message), item.span)
    run_expect(item, here)


def _let(item: s.Let, here: Here) -> None:
    labels.refuse_taken(item.name, item.span, here)
    if item.parameters is not None:
        here.lets.names[item.name] = Function(item.name, item, replace(here, it=None))
    else:
        here.lets.names[item.name] = evaluate(item.value, here)


def _step(item: s.Step, here: Here) -> None:
    match item.action:
        case s.Apply() as action:
            apply(item, action, here, run)
        case s.Inline() as action:
            inline(item, action, here, run)
        case s.Reuse() as action:
            apply_again(item, action, here, run)
        case action:
            enter(item, action, here, run)


_RUN: dict[type, Callable[[Any, Here], None]] = {
    s.Let: _let, s.Input: run_input, s.Param: run_param, s.Output: run_output, s.Expect: _expect,
    s.Freeze: run_freeze, s.Broken: _broken, s.Step: _step,
}  # fmt: skip
