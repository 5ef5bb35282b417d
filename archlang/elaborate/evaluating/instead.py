"""What to write instead of an expression of the wrong kind: of values of the net, or of a number as a condition."""

from __future__ import annotations

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.state.kinds import Bundle, Tensor, Value, kind
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.vocabulary.spelled import spelled

# the operator of two values for each sign
_JOINS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "<": "less", "<=": "less_equal", ">": "greater",
    ">=": "greater_equal", "==": "equal", "!=": "not_equal",
}  # fmt: skip
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}  # the sign if the two sides change places


def refuse_values(node: s.Binary, left: Value, right: Value) -> None:
    """Refuse arithmetic with values of the net, and name the step that computes it."""
    if isinstance(left, (Tensor, Bundle)) or isinstance(right, (Tensor, Bundle)):
        message = f"`{node.operator}` does not take values of the net: {kind(left)}, {kind(right)}"
        step = _step(node, left, right)
        help = f"an operator computes it: `{step}`" if step else None
        if step and "->" not in step:
            help = f"one tuple of all is `{step}`"
        raise Mistake(Rejected("wrong-kind", message, help=help), node.span)


def _step(node: s.Binary, left: Value, right: Value) -> str | None:
    """Return the step for `left sign right`; None if there is no such operator, or a value is a tuple."""
    sign, before, after = node.operator, spelled(node.left), spelled(node.right)
    if sign == "+" and isinstance(left, (Tensor, Bundle)) and isinstance(right, (Tensor, Bundle)):
        if isinstance(left, Bundle) or isinstance(right, Bundle):
            return f"({before}, {after})"  # tuples in a tuple are flat
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return f"({before}, {after}) -> {_JOINS[sign]}" if sign in _JOINS else None
    if isinstance(left, Tensor) and isinstance(right, (int, float)):
        operator = _with_number(sign, after)
        return operator and f"({before}) -> {operator}"
    if isinstance(right, Tensor) and isinstance(left, (int, float)) and sign not in ("/", "//", "%", "**"):
        operator = f"neg -> shift {before}" if sign == "-" else _with_number(_TURNED.get(sign, sign), before)
        return operator and f"({after}) -> {operator}"
    return None


def _with_number(sign: str, number: str) -> str | None:
    """Return the operator for `value sign number`."""
    arithmetic = {"+": f"shift {number}", "-": f"shift (-{number})", "*": f"scale {number}", "**": f"pow {number}"}
    if sign == "/":
        return f"scale (1 / {number})"
    return arithmetic.get(sign) or (f"{_JOINS[sign]} {number}" if sign in _JOINS else None)


def as_condition(node: s.Expression, value: Value) -> str | None:
    """Return the comparison to write where a number or a tuple stands as a condition."""
    if isinstance(value, (tuple, Bundle)):
        return f"compare its length, as in `len({spelled(node)}) > 0`"
    is_number = isinstance(value, (int, float)) and isinstance(node, s.Name)
    return f"compare it, as in `{spelled(node)} > 0`" if is_number else None
