"""Arguments of calls, and calls within expressions: functions, and operators and blocks with arguments fixed."""

from __future__ import annotations

from dataclasses import replace

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.builder import Here
from archlang.elaborate.builtins import FUNCTIONS, MAX_ITEMS, apply_function
from archlang.elaborate.expressions import evaluate, placed
from archlang.elaborate.operations import limited
from archlang.elaborate.parameters import bind_parameters
from archlang.elaborate.paths import word_or_value
from archlang.elaborate.reading import spelled
from archlang.elaborate.scopes import Lets
from archlang.elaborate.session import MAX_DEPTH
from archlang.elaborate.values import BlockValue, Function, Given, Initial, Mistake, OperatorValue, Value, kind, size_of
from archlang.ops import enumerations
from archlang.ops.base import Operator

CALL_STEPS = 3  # what the call of a function costs of the steps that a run may take


def givens(
    arguments: tuple[s.Argument, ...], here: Here, op: type[Operator] | None = None, strided: bool = True
) -> tuple[Given, ...]:
    """Arguments, evaluated; those of an operator may be words of its enumerations.

    A function has no strides: where they are not `strided`, a slash divides.
    """
    out: list[Given] = []
    for argument in arguments:
        node = argument.value
        value = word_or_value(node, here, op) if argument.name else _positional(node, here, op, strided)
        out.append(Given(argument.name, value, argument.span, node.span, argument.slash))
    return tuple(out)


def _positional(node: s.Expression, here: Here, op: type[Operator] | None, strided: bool) -> Value:
    """An argument without a name. A stride's slash, which no parentheses hold, needs a window."""
    if strided and isinstance(node, s.Binary) and node.operator == "/":
        left = evaluate(node.left, here)
        if not isinstance(left, tuple):
            message = f"`/` is a stride here, and needs a window on its left: `{spelled(node.left)}` is {kind(left)}"
            written = f"({spelled(node.left)} / {spelled(node.right)})"
            help = f"write `{written}`, or `{written.replace('/', '//')}` for a whole number"
            raise Mistake(Rejected("slash-without-window", message, help=help), node.span)
    try:
        return evaluate(node, here)
    except Mistake as mistake:
        unknown = node.text if isinstance(node, s.Name) and mistake.rejected.code == "unknown-name" else ""
        if op is None or unknown not in enumerations(op):
            raise
        return unknown  # `same` without the name of its argument, which is refused where the argument is taken


def call(node: s.Call, here: Here) -> Value:
    function = _called(node.function, here)
    op = function.op if isinstance(function, OperatorValue) else None
    given = givens(node.arguments, here, op, strided=not isinstance(function, Function))
    if isinstance(function, OperatorValue):
        return limited(OperatorValue(function.op, (*function.given, *given)), node.span, here)
    if isinstance(function, BlockValue):
        return limited(replace(function, given=(*function.given, *given)), node.span, here)
    if isinstance(function, Initial):
        return limited(Initial(function.word, (*function.given, *given)), node.span, here)
    if not isinstance(function, Function):
        raise Mistake(Rejected("wrong-kind", f"{kind(function)} is no function"), node.function.span)
    if function.let is not None:
        return _call_let(function, function.let, given, node, here)
    if any(argument.name for argument in given):
        raise Mistake(Rejected("unknown-argument", f"`{function.name}` takes no named arguments"), node.span)
    values = [argument.value for argument in given]
    here.session.tick(node.span, sum(size_of(value, MAX_ITEMS) // 64 for value in values))
    return placed(node.span, lambda: apply_function(function.name, values))


def _called(node: s.Expression, here: Here) -> Value:
    """What stands before parentheses: `max(a, b)` is the function, whatever label or operator is called `max`."""
    if isinstance(node, s.Name) and node.text in FUNCTIONS:
        own = here.lets.find(node.text)
        return own if own is not None else Function(node.text)
    return evaluate(node, here)


def _call_let(function: Function, let: s.Let, given: tuple[Given, ...], node: s.Call, here: Here) -> Value:
    session = here.session
    session.tick(node.span, CALL_STEPS)
    if session.depth >= MAX_DEPTH:
        message = f"`{let.name}` calls itself more than {MAX_DEPTH} deep"
        help = f"end it by a condition: `let {let.name}(...) = ... if ... else ...`"
        raise Mistake(Rejected("calls-too-deep", message, help=help), node.span)
    assert function.home is not None
    inside = replace(function.home, lets=Lets({}, function.home.lets))
    session.depth += 1
    try:
        bind_parameters(let.name, let.parameters or (), given, node.function.span, inside, evaluate)
        return evaluate(let.value, inside)
    finally:
        session.depth -= 1
