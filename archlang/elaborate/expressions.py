"""Expressions to values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.builder import Here
from archlang.elaborate.builtins import MAX_NUMBER
from archlang.elaborate.values import UNKNOWN, Mistake, Silent, Value, kind
from archlang.source import Span


def evaluate(node: s.Expression, here: Here) -> Value:
    """The value of an expression; raises `Mistake` with the place, or `Silent` behind an earlier mistake."""
    if type(node) is s.Literal and type(node.value) is int and node.value < MAX_NUMBER:
        return node.value  # most of what is evaluated
    value = _evaluators()[type(node)](node, here)
    if value is UNKNOWN:
        raise Silent
    return value


@cache
def _evaluators() -> dict[type, Callable[[Any, Here], Value]]:
    """What evaluates each kind of expression; imported here, because they evaluate what is within them in turn."""
    from archlang.elaborate import functions, operations, paths

    return {
        s.Literal: operations.literal, s.Quantity: operations.quantity, s.Text: operations.text_of,
        s.Unary: operations.unary, s.Binary: operations.binary, s.Conditional: operations.conditional,
        s.Sequence: operations.sequence, s.Name: paths.name, s.Attribute: paths.attribute, s.Index: paths.index,
        s.Slice: paths.slice, s.Call: functions.call, s.OpenSize: operations.open_size,
    }  # fmt: skip


def number(node: s.Expression, here: Here, what: str) -> int:
    """The value of an expression that must be a whole number."""
    value = evaluate(node, here)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Mistake(Rejected("wrong-kind", f"{what} is a whole number, and this is {kind(value)}"), node.span)
    return value


def truth(node: s.Expression, here: Here) -> bool:
    """The value of an expression that must be true or false."""
    value = evaluate(node, here)
    if not isinstance(value, bool):
        message = f"a condition is true or false, and this is {kind(value)}"
        number = isinstance(value, (int, float)) and isinstance(node, s.Name)
        help = f"compare it, as in `{node.text} > 0`" if number and isinstance(node, s.Name) else None
        raise Mistake(Rejected("wrong-kind", message, help=help), node.span)
    return value


def placed(span: Span, compute: Callable[[], Value]) -> Value:
    """What is computed, or the refusal of it with its place."""
    try:
        return compute()
    except Rejected as rejected:
        raise Mistake(rejected, span) from None
