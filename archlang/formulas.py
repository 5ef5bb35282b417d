"""Numbers that are made of sizes which are only known when a net runs, and how they are made.

A formula is data: sizes of values, numbers, and the arithmetic of the language. A module computes the same numbers as
the elaborator, since both use Python's arithmetic.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Sign = Literal["+", "-", "*", "/", "//", "%", "min", "max"]
ARITHMETIC: tuple[Sign, ...] = ("+", "-", "*", "/", "//", "%")
Rounding = Literal["int", "round", "floor", "ceil"]
MOST_PARTS = 200  # of one formula


@dataclass(frozen=True, slots=True)
class SizeOf:
    """The size of a value along an axis, both by their number."""

    value: int
    axis: int


@dataclass(frozen=True, slots=True)
class Made:
    """Two formulas in one: `left sign right`, or the smaller or larger of the two."""

    sign: Sign
    left: int | float | SizeOf | Made | Rounded
    right: int | float | SizeOf | Made | Rounded


@dataclass(frozen=True, slots=True)
class Rounded:
    """A whole number made of a decimal one."""

    how: Rounding
    of: int | float | SizeOf | Made | Rounded


Formula = int | float | SizeOf | Made | Rounded

COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "%": operator.mod, "min": min, "max": max,
    "/": operator.truediv, "//": operator.floordiv,  # pyright: ignore[reportUnknownMemberType]
}  # fmt: skip
ROUND: dict[str, Callable[[float], int]] = {"int": int, "round": round, "floor": math.floor, "ceil": math.ceil}
_PYTHON = {"floor": "math.floor", "ceil": "math.ceil"}  # others have no module


def parts(formula: Formula) -> Iterator[Formula]:
    """Yield every part of a formula, itself first."""
    waiting = [formula]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, Made):
            waiting += [one.right, one.left]
        elif isinstance(one, Rounded):
            waiting.append(one.of)


def values_in(formulas: Sequence[Formula]) -> tuple[int, ...]:
    """Return the values whose sizes the formulas use, each once."""
    return tuple(dict.fromkeys(one.value for formula in formulas for one in parts(formula) if isinstance(one, SizeOf)))


def moved(formula: Formula, places: Mapping[int, int]) -> Formula:
    """Return the formula with other numbers of values."""
    match formula:
        case SizeOf(value, axis):
            return SizeOf(places[value], axis)
        case Made(sign, left, right):
            return Made(sign, moved(left, places), moved(right, places))
        case Rounded(how, of):
            return Rounded(how, moved(of, places))
        case _:
            return formula


def value_at(formula: Formula, size: Callable[[SizeOf], int]) -> int | float:
    """Return the number that a formula gives; `size` returns each size. Raises ZeroDivisionError and OverflowError."""
    match formula:
        case Made(sign, left, right):
            result: int | float = COMPUTE[sign](value_at(left, size), value_at(right, size))
            return result
        case Rounded(how, of):
            return ROUND[how](value_at(of, size))
        case SizeOf():
            return size(formula)
        case number:
            return number


def text_of(formula: Formula, name: Callable[[int], str]) -> str:
    """Return the formula in Python; `name` is the expression of a value."""
    return written(formula, lambda size: f"{name(size.value)}.shape[{size.axis}]", _PYTHON)


def written(formula: Formula, size: Callable[[SizeOf], str], names: Mapping[str, str] | None = None) -> str:
    """Return the formula as the language writes it; `size` is the expression of a size, `names` those of functions."""
    match formula:
        case SizeOf():
            return size(formula)
        case Made("min" | "max" as sign, left, right):
            return f"{sign}({written(left, size, names)}, {written(right, size, names)})"
        case Made(sign, left, right):
            return f"{_enclosed(left, size, names)} {sign} {_enclosed(right, size, names)}"
        case Rounded(how, of):
            return f"{(names or {}).get(how, how)}({written(of, size, names)})"
        case number:
            return repr(number)


def _enclosed(formula: Formula, size: Callable[[SizeOf], str], names: Mapping[str, str] | None) -> str:
    text = written(formula, size, names)
    is_sum = isinstance(formula, Made) and formula.sign not in ("min", "max")
    return f"({text})" if is_sum or text.startswith("-") else text


def is_size(formula: Formula) -> bool:
    """Return whether a formula takes a size, and is no plain number."""
    return any(isinstance(part, SizeOf) for part in parts(formula))
