"""Literals, strings, arithmetic, conditions, tuples and lists."""

from __future__ import annotations

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.builder import Here, bundle
from archlang.elaborate.builtins import MAX_ITEMS, apply_operator, fits, quick, too_large
from archlang.elaborate.expressions import evaluate, placed, truth
from archlang.elaborate.paths import flattened
from archlang.elaborate.values import Bundle, Mistake, Strided, Tensor, Value, kind, size_of
from archlang.shapes import Window
from archlang.source import Span


def literal(node: s.Literal, here: Here) -> Value:
    if isinstance(node.value, tuple):
        return Window(node.value)
    if not fits(node.value):
        raise Mistake(too_large("this"), node.span)
    return node.value


def quantity(node: s.Quantity, here: Here) -> Value:
    return node.value


def open_size(node: s.OpenSize, here: Here) -> Value:
    message = f"`{node.name}=` leaves a size open, which only the shape of an input does"
    raise Mistake(Rejected("misplaced-size", message), node.span)


def text_of(node: s.Text, here: Here) -> str:
    """A string with its holes filled in."""
    parts: list[str] = []
    for part in node.parts:
        value = part if isinstance(part, str) else evaluate(part, here)
        if not isinstance(value, (int, float, str)):
            assert not isinstance(part, str)
            message = f"a string takes numbers and words, and this is {kind(value)}"
            raise Mistake(Rejected("wrong-kind", message), part.span)
        parts.append(str(value).lower() if isinstance(value, bool) else str(value))
    if sum(map(len, parts)) > MAX_ITEMS:
        raise Mistake(Rejected("number-too-large", "this string is too long"), node.span)
    return "".join(parts)


def unary(node: s.Unary, here: Here) -> Value:
    if node.operator == "not":
        return not truth(node.operand, here)
    value = evaluate(node.operand, here)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise Mistake(Rejected("wrong-kind", f"`-` does not take {kind(value)}"), node.span)
    return -value


def binary(node: s.Binary, here: Here) -> Value:
    if node.operator in ("and", "or"):
        holds = truth(node.left, here)
        return holds if holds == (node.operator == "or") else truth(node.right, here)
    left, right = evaluate(node.left, here), evaluate(node.right, here)
    result = quick(node.operator, left, right)
    if result is not None:
        return result
    if node.operator == "/" and isinstance(left, tuple):
        return _strided(left, right, node)
    if node.operator in ("/", "//", "%") and right == 0 and isinstance(left, (int, float)):
        raise Mistake(Rejected("division-by-zero", f"`{node.operator}` divides by this, which is 0"), node.right.span)
    here.session.tick(node.span, size_of(left, MAX_ITEMS) // 64 if isinstance(left, tuple) else 0)
    return placed(node.span, lambda: apply_operator(node.operator, left, right))


def _strided(left: tuple[Value, ...], right: Value, node: s.Binary) -> Strided:
    sides = [side for side in left if isinstance(side, int) and not isinstance(side, bool)]
    if len(sides) < len(left):
        message = f"a stride needs a window of whole numbers on its left, and this is {kind(left)}"
        raise Mistake(Rejected("wrong-kind", message), node.left.span)
    return Strided(Window(sides), right, node.left.span, node.right.span)


def conditional(node: s.Conditional, here: Here) -> Value:
    return evaluate(node.then if truth(node.condition, here) else node.otherwise, here)


def sequence(node: s.Sequence, here: Here) -> Value:
    if len(node.items) == 1 and not node.is_list:
        return evaluate(node.items[0], here)
    values = [evaluate(item, here) for item in node.items]
    flow = [isinstance(value, (Tensor, Bundle)) for value in values]
    if values and all(flow):
        return bundle(flattened(values))
    if any(flow):
        message = "a tuple holds values that flow, or numbers and the like, and not both"
        raise Mistake(Rejected("wrong-kind", message), node.items[flow.index(False)].span)
    return limited(tuple(values), node.span, here)


def limited(value: Value, span: Span, here: Here) -> Value:
    """A value that holds others, counted."""
    size = size_of(value, MAX_ITEMS)
    if size > MAX_ITEMS:
        raise Mistake(too_large("this"), span)
    here.session.tick(span, size // 64)
    return value
