"""Expressions with sizes that are open: what keeps them open, and what they are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from archlang import syntax as s
from archlang.elaborate.evaluating.parts import as_text, placed
from archlang.elaborate.state.builtins import compute, keeps_open
from archlang.elaborate.state.kinds import Given, Value
from archlang.elaborate.state.open_sizes import fixed, guard
from archlang.elaborate.state.session import Here
from archlang.formulas import OpenInt
from archlang.source import Span


def open_binary(node: s.Binary, left: Value, right: Value, here: Here) -> Value:
    """Compute with sizes that are open. A comparison of two numbers is a condition on sizes; arithmetic keeps them open
    where it is of whole numbers.
    """
    are_whole = type(left) in (int, OpenInt) and type(right) in (int, OpenInt) and node.operator not in ("/", "**")
    are_lists = node.operator == "+" and isinstance(left, tuple) and isinstance(right, tuple)
    if not (are_whole or are_lists):
        left, right = fixed(left, node.left.span, here), fixed(right, node.right.span, here)
    result = placed(node.span, lambda: compute(node.operator, left, right))
    if isinstance(result, bool) and isinstance(left, int) and isinstance(right, int):
        guard(node.operator, left, right, result, node.span, here)
    return result


def as_hole(value: Value, span: Span, here: Here) -> str:
    """Return a value as the text that fills the hole of a string."""
    return as_text(fixed(value, span, here), span)


def taken(function: str, given: Sequence[Given], here: Here) -> list[Value]:
    """Return the values that a function of the language takes. Sizes stay open where its result remembers them."""
    values = [argument.value for argument in given]
    if not here.session.has_open_sizes or keeps_open(function, values):
        return values
    return [fixed(argument.value, argument.at, here) for argument in given]
