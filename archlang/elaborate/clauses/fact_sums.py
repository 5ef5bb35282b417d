"""Promises with facts on both sides: a side read as facts with factors and a number, all added up."""

from __future__ import annotations

from fractions import Fraction

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.evaluating.flowing import path_of
from archlang.elaborate.state.kinds import kind
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here

Terms = tuple[tuple[Fraction, s.Expression], ...]  # factors, and the facts as they are written


def has_fact(node: s.Expression, here: Here) -> bool:
    """Return whether a fact of the net occurs in an expression; a parameter of that name is no fact."""
    match node:
        case s.Binary(left=left, right=right):
            return has_fact(left, here) or has_fact(right, here)
        case s.Sequence(items=(inner,), is_list=False):
            return has_fact(inner, here)
        case s.Name(text=text):
            return text in ir.FACTS and here.lets.find(text) is None
        case s.Attribute(name=name):
            path = path_of(node, here)
            return bool(path) and (name in ir.FACTS or path in ir.FACTS)
        case _:
            return False


def linear(node: s.Expression, here: Here) -> tuple[Terms, Fraction]:
    """Return an expression as facts with factors and a number. The decimals that are written are exact."""
    if isinstance(node, s.Sequence) and len(node.items) == 1 and not node.is_list:
        return linear(node.items[0], here)
    if not has_fact(node, here):
        return (), _number(node, here)
    if not isinstance(node, s.Binary):
        return ((Fraction(1), node),), Fraction(0)
    (left, before), (right, behind) = linear(node.left, here), linear(node.right, here)
    match node.operator:
        case "+":
            return (*left, *right), before + behind
        case "-":
            return (*left, *_times(right, Fraction(-1))), before - behind
        case "*" if not left or not right:
            return _times((*left, *right), behind if left else before), before * behind
        case "/" if not right and behind:
            return _times(left, 1 / behind), before / behind
        case _:
            message = "facts may be added, subtracted, multiplied by a number and divided by one that is not 0"
            raise Mistake(Rejected("bad-promise", message), node.span)


def _number(node: s.Expression, here: Here) -> Fraction:
    value = evaluate(node, here)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        message = f"a promise about facts is made of numbers, and this is {kind(value)}"
        raise Mistake(Rejected("bad-promise", message), node.span)
    return Fraction(value) if isinstance(value, int) else Fraction(str(value))


def _times(terms: Terms, factor: Fraction) -> Terms:
    return tuple((own * factor, node) for own, node in terms)
