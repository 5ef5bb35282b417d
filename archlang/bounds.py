"""Comparisons of formulas that hold for all sizes, given that every size is 1 or more."""

from __future__ import annotations

from collections import Counter
from math import inf

from archlang.formulas import Formula, Made, SizeOf

Bounds = tuple[float, float]  # the least and the largest value


def holds_always(left: Formula, comparison: str, right: Formula) -> bool:
    """Return whether `left comparison right` is known to hold for all sizes."""
    least, most = _bounds(Made("-", left, right))
    held = {
        "==": least == most == 0, "!=": least > 0 or most < 0, "<": most < 0, "<=": most <= 0, ">": least > 0,
        ">=": least >= 0,
    }  # fmt: skip
    return held[comparison]


def _bounds(formula: Formula) -> Bounds:
    """Return the bounds of a formula. Equal terms of a sum cancel before they are bounded."""
    terms: Counter[Formula] = Counter()
    _add(formula, 1, terms)
    least, most = 0.0, 0.0
    for term, times in terms.items():
        low, high = (1, 1) if term == 1 else _bounds_of_term(term)
        ends = [times * end if times else 0 for end in (low, high)]
        least, most = least + min(ends), most + max(ends)
    return least, most


def _add(formula: Formula, times: int, terms: Counter[Formula]) -> None:
    """Add the terms of a sum, each with how often it occurs; a whole number n counts as n ones."""
    match formula:
        case int():
            terms[1] += times * formula
        case Made("+" | "-" as sign, left, right):
            _add(left, times, terms)
            _add(right, times if sign == "+" else -times, terms)
        case Made("*", int() as factor, other) | Made("*", other, int() as factor):
            _add(other, times * factor, terms)
        case _:
            terms[formula] += times


def _bounds_of_term(term: Formula) -> Bounds:
    match term:
        case SizeOf():
            return 1, inf
        case Made("//", left, int() as divisor) if divisor > 0:
            low, high = _bounds(left)
            return low // divisor, high // divisor
        case Made("%", _, int() as divisor) if divisor > 0:
            return 0, divisor - 1
        case Made("min" | "max" as sign, left, right):
            pick, sides = (min if sign == "min" else max), (_bounds(left), _bounds(right))
            return pick(sides[0][0], sides[1][0]), pick(sides[0][1], sides[1][1])
        case _:
            return -inf, inf
