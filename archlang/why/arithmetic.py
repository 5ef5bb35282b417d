"""Arithmetic on numbers, as the docstrings of operators write it, without Python's `eval`.

The language's own expressions do not serve: they have no primes, and counts need an exact division.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from archlang.ops import OperatorsError
from archlang.python_text import expression

Value = int | float | Fraction | str | None | tuple["Value", ...]


def evaluate(text: str, names: Mapping[str, Value] | None = None) -> Value:
    """Return the value of an expression: numbers, names, `+ - * / // % **`, comparisons, `not and or`, a few functions.

    Division is exact. Raises OperatorsError if the text is no such expression.
    """
    try:
        return whole(_value(expression(text).body, names or {}))
    except (SyntaxError, KeyError, TypeError, ZeroDivisionError) as error:
        raise OperatorsError(f"`{text}` is not a formula: {error!r}") from None


def whole(value: Value) -> Value:
    """Return a fraction or float with a whole value as an int, any other value unchanged."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value(node: ast.expr, names: Mapping[str, Value]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return names[node.id]
        case ast.Tuple() | ast.List():
            return tuple(_value(item, names) for item in node.elts)
        case ast.UnaryOp():
            return _UNARY[type(node.op)](_value(node.operand, names))
        case ast.BinOp():
            return _BINARY[type(node.op)](_value(node.left, names), _value(node.right, names))
        case ast.BoolOp():
            fold = all if isinstance(node.op, ast.And) else any
            return fold(_value(item, names) for item in node.values)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _COMPARE[type(sign)](_value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            return _FUNCTIONS[name](*(_value(item, names) for item in node.args))
        case _:
            raise TypeError(f"{type(node).__name__} is not arithmetic")


def _divided(left: Any, right: Any) -> Any:
    exact = isinstance(left, (int, Fraction)) and isinstance(right, (int, Fraction))
    return Fraction(left) / right if exact else left / right


_UNARY: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.Not: operator.not_}
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: _divided,
    ast.FloorDiv: lambda a, b: a // b, ast.Mod: operator.mod, ast.Pow: lambda a, b: a**b,
}  # fmt: skip
_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip


def _listed(function: Callable[[Iterable[Any]], Any]) -> Callable[..., Any]:
    """Return a function of any number of arguments: `max(a, b)`."""
    return lambda *values: function(values)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "floor": math.floor, "ceil": math.ceil, "min": _listed(min), "max": _listed(max), "sum": _listed(sum),
    "prod": _listed(math.prod), "abs": abs, "len": lambda *values: len(values),
}  # fmt: skip
