"""Evaluates expressions. An expression contains others of any kind, so all kinds are in this file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.block_parameters import bind_parameters
from archlang.elaborate.evaluating.instead import as_condition, refuse_values
from archlang.elaborate.evaluating.open_arithmetic import Hole, filled, open_binary, taken
from archlang.elaborate.evaluating.parts import (
    attribute_of,
    item_of,
    labelled,
    limited,
    placed,
    slash_without_window,
    slice_of,
    strided,
    together,
    value_at,
)
from archlang.elaborate.state.builtins import (
    FUNCTIONS,
    MAX_NUMBER,
    apply_function,
    compute,
    fits,
    quick,
    too_large,
)
from archlang.elaborate.state.kinds import (
    UNKNOWN,
    BlockValue,
    Function,
    Given,
    Initial,
    OperatorValue,
    Tensor,
    Value,
    kind,
    parts_in,
)
from archlang.elaborate.state.lookup import Lets, declared, lookup
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.open_sizes import all_fixed, closed_int, fixed
from archlang.elaborate.state.session import MAX_DEPTH, VALUES_PER_STEP, Here
from archlang.elaborate.vocabulary.spelled import spelled
from archlang.elaborate.vocabulary.unknown import unknown_name
from archlang.limits import limits
from archlang.open_numbers import is_open
from archlang.ops import enumerations
from archlang.ops.base import Operator
from archlang.ops.initialisers import is_start
from archlang.shapes import Window

CALL_STEPS = 3  # counted for each call of a function against the limit of a run


def evaluate(node: s.Expression, here: Here) -> Value:
    """Evaluate an expression. Raises `Mistake` with the place, or `Silent` after an earlier mistake."""
    if type(node) is s.Literal and type(node.value) is int and node.value < MAX_NUMBER:
        return node.value  # the usual case
    value = _EVALUATORS[type(node)](node, here)
    if value is UNKNOWN:
        raise Silent
    return value


def number(node: s.Expression, here: Here, what: str, if_list: str | None = None) -> int:
    """Evaluate an expression that must be a whole number. `if_list` is the help where it is a list."""
    value = evaluate(node, here)
    if not isinstance(value, int) or isinstance(value, bool):
        help = if_list if isinstance(value, tuple) and not isinstance(value, Window) else None
        raise Mistake(Rejected("wrong-kind", f"{what} must be a whole number, not {kind(value)}", help=help), node.span)
    return closed_int(value, node.span, here)


def truth(node: s.Expression, here: Here) -> bool:
    """Evaluate an expression that must be true or false."""
    value = evaluate(node, here)
    if not isinstance(value, bool):
        message = f"a condition must be true or false, not {kind(value)}"
        raise Mistake(Rejected("wrong-kind", message, help=as_condition(node, value)), node.span)
    return value


# ---- literals, arithmetic, lists


def _literal(node: s.Literal, here: Here) -> Value:
    if isinstance(node.value, tuple):
        return Window(node.value)
    if not fits(node.value):
        raise Mistake(too_large("this"), node.span)
    return node.value


def _quantity(node: s.Quantity, here: Here) -> Value:
    return node.value


def _open_size(node: s.OpenSize, here: Here) -> Value:
    message = f"`{node.name}=` leaves a size open, which is only possible in the shape of an input"
    raise Mistake(Rejected("misplaced-size", message), node.span)


def text_of(node: s.Text, here: Here) -> str:
    """Evaluate a string as a name: its holes are filled in."""
    text = _text(node, here)
    return str(fixed(text, node.span, here)) if here.session.has_open_sizes else text


def _text(node: s.Text, here: Here) -> str:
    """Evaluate a string. Sizes after `=`, as in a pattern, stay open."""
    parts = [part if isinstance(part, str) else Hole(evaluate(part, here), part.span) for part in node.parts]
    text = filled(parts, here)
    if len(text) > limits().items:
        raise Mistake(Rejected("number-too-large", "this string is too long"), node.span)
    return text


def _unary(node: s.Unary, here: Here) -> Value:
    if node.operator == "not":
        return not truth(node.operand, here)
    value = evaluate(node.operand, here)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        help = f"an operator computes it: `({spelled(node.operand)}) -> neg`" if isinstance(value, Tensor) else None
        raise Mistake(Rejected("wrong-kind", f"`-` does not take {kind(value)}", help=help), node.span)
    return -value


def _binary(node: s.Binary, here: Here) -> Value:
    if node.operator in ("and", "or"):
        holds = truth(node.left, here)
        return holds if holds == (node.operator == "or") else truth(node.right, here)
    left, right = evaluate(node.left, here), evaluate(node.right, here)
    result = quick(node.operator, left, right)
    if result is not None:
        return result
    refuse_values(node, left, right)
    if node.operator == "/" and isinstance(left, tuple):
        return strided(left, right, node)
    if node.operator in ("/", "//", "%") and right == 0 and isinstance(left, (int, float)):
        raise Mistake(Rejected("division-by-zero", f"`{node.operator}` divides by this, which is 0"), node.right.span)
    here.session.tick(node.span, parts_in(left, limits().items) // VALUES_PER_STEP if isinstance(left, tuple) else 0)
    if here.session.has_open_sizes and (is_open(left) or is_open(right)):
        return open_binary(node, left, right, here)
    return placed(node.span, lambda: compute(node.operator, left, right))


def _conditional(node: s.Conditional, here: Here) -> Value:
    return evaluate(node.then if truth(node.condition, here) else node.otherwise, here)


def _sequence(node: s.Sequence, here: Here) -> Value:
    if len(node.items) == 1 and not node.is_list:
        return evaluate(node.items[0], here)
    return together([evaluate(item, here) for item in node.items], node, here)


# ---- names, facts, indexes


def _name(node: s.Name, here: Here) -> Value:
    found = lookup(node.text, node.span, here)
    if found is None:
        raise unknown_name(node.text, node.span, here)
    return found


def _base(node: s.Expression, here: Here) -> Value:
    """Evaluate what stands before a dot or an index. A string is a computed label there, if such a label exists."""
    if isinstance(node, s.Text):
        text = text_of(node, here)
        if here.scope.find(text) is not None:
            return labelled(text, node.span, here)
    value = evaluate(node, here)
    return fixed(value, node.span, here) if isinstance(value, str) else value


def _attribute(node: s.Attribute, here: Here) -> Value:
    found = value_at(spelled(node), here) if here.builder.contents.dotted else None
    if found is not None:
        return found
    return attribute_of(_base(node.base, here), node, here)


def _index(node: s.Index, here: Here) -> Value:
    return item_of(_base(node.base, here), number(node.index, here, "an index"), node)


def _slice(node: s.Slice, here: Here) -> Value:
    base = _base(node.base, here)
    start = number(node.start, here, "a bound") if node.start else None
    stop = number(node.stop, here, "a bound") if node.stop else None
    return slice_of(base, start, stop, node, here)


# ---- calls: functions, and operators and blocks with arguments fixed


def givens(
    arguments: tuple[s.Argument, ...], here: Here, op: type[Operator] | None = None, strided: bool = True
) -> tuple[Given, ...]:
    """Evaluate arguments. Those of an operator may be words of its enumerations.

    A function has no strides: if `strided` is false, a slash divides.
    """
    out: list[Given] = []
    for argument in arguments:
        node = argument.value
        value = _word_or_value(argument, here, op) if argument.name else _positional(node, here, op, strided, out)
        out.append(Given(argument.name, value, argument.span, node.span, argument.slash))
    return tuple(out)


def _word_or_value(argument: s.Argument, here: Here, op: type[Operator] | None) -> Value:
    """Evaluate a named argument. A bare word may be one of an enumeration of `op`, or of any: `mode=nearest`."""
    node = argument.value
    if isinstance(node, s.Name):
        found = lookup(node.text, node.span, here)
        # a word of the operator's enumeration comes before functions, and before initialisers if none is meant
        after = Function if is_start(argument.name or "") else (Function, Initial)
        if (found is None or isinstance(found, after)) and node.text in enumerations(op):
            return node.text
    return evaluate(node, here)


def _positional(
    node: s.Expression, here: Here, op: type[Operator] | None, strided: bool, before: Sequence[Given]
) -> Value:
    """Evaluate an argument without a name. A slash outside parentheses is a stride, and needs a window before it."""
    if strided and isinstance(node, s.Binary) and node.operator == "/":
        left = evaluate(node.left, here)
        if not isinstance(left, tuple):
            raise slash_without_window(node, left, before, op, here)
    try:
        return evaluate(node, here)
    except Mistake as mistake:
        unknown = node.text if isinstance(node, s.Name) and mistake.rejected.code == "unknown-name" else ""
        if op is None or unknown not in enumerations(op):
            raise
        return unknown  # `same` without a name: `bind_operator` refuses it


def _call(node: s.Call, here: Here) -> Value:
    function = called(node.function, here)
    op = function.op if isinstance(function, OperatorValue) else None
    given = givens(node.arguments, here, op, strided=not isinstance(function, (Function, Initial)))
    if isinstance(function, Initial):
        given = all_fixed(given, here)
    if isinstance(function, (OperatorValue, BlockValue, Initial)):
        return limited(replace(function, given=(*function.given, *given)), node.span, here)
    if not isinstance(function, Function):
        raise Mistake(Rejected("wrong-kind", f"{kind(function)} is not a function"), node.function.span)
    if function.let is not None:
        return _call_let(function, function.let, given, node, here)
    if any(argument.name for argument in given):
        raise Mistake(Rejected("unknown-argument", f"`{function.name}` takes no named arguments"), node.span)
    values = taken(function.name, given, here)
    here.session.tick(node.span, sum(parts_in(value, limits().items) // VALUES_PER_STEP for value in values))
    return placed(node.span, lambda: apply_function(function.name, values))


def called(node: s.Expression, here: Here) -> Value:
    """Evaluate what is called. `max(a, b)` is the function, even if a label or an operator is named `max`.

    A function that the spec defines comes before it.
    """
    if isinstance(node, s.Name) and node.text in FUNCTIONS:
        own = here.lets.find(node.text) or declared(node.text, node.span, here)
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
    with session.deeper():
        bind_parameters(let.name, let.parameters or (), given, node.function.span, inside, evaluate)
        return evaluate(let.value, inside)


_EVALUATORS: dict[type, Callable[[Any, Here], Value]] = {
    s.Literal: _literal, s.Quantity: _quantity, s.Text: _text, s.Unary: _unary, s.Binary: _binary,
    s.Conditional: _conditional, s.Sequence: _sequence, s.Name: _name, s.Attribute: _attribute, s.Index: _index,
    s.Slice: _slice, s.Call: _call, s.OpenSize: _open_size,
}  # fmt: skip
