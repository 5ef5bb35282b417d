"""Numbers that depend on sizes which are only known when a net runs, and their formulas.

A formula is data: sizes of values, whole numbers, and the arithmetic of the language. `OpenInt` is a whole number that
remembers its formula, and arithmetic with it gives an `OpenInt` again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

Sign = Literal["+", "-", "*", "//", "%", "min", "max"]
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
    left: int | SizeOf | Made
    right: int | SizeOf | Made


Formula = int | SizeOf | Made

_COMPUTE: dict[str, Callable[[int, int], int]] = {
    "+": int.__add__, "-": int.__sub__, "*": int.__mul__, "//": int.__floordiv__, "%": int.__mod__, "min": min,
    "max": max,
}  # fmt: skip


def parts(formula: Formula) -> Iterator[Formula]:
    """Yield every part of a formula, itself first."""
    waiting = [formula]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, Made):
            waiting += [one.right, one.left]


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
        case _:
            return formula


def value_at(formula: Formula, size: Callable[[SizeOf], int]) -> int:
    """Return the number that a formula gives; `size` returns each size. Raises ZeroDivisionError."""
    if isinstance(formula, Made):
        return _COMPUTE[formula.sign](value_at(formula.left, size), value_at(formula.right, size))
    return size(formula) if isinstance(formula, SizeOf) else formula


def text_of(formula: Formula, name: Callable[[int], str]) -> str:
    """Return the formula in Python; `name` is the expression of a value."""
    match formula:
        case SizeOf(value, axis):
            return f"{name(value)}.shape[{axis}]"
        case Made("min" | "max" as sign, left, right):
            return f"{sign}({text_of(left, name)}, {text_of(right, name)})"
        case Made(sign, left, right):
            return f"{_enclosed(left, name)} {sign} {_enclosed(right, name)}"
        case number:
            return str(int(number))


def _enclosed(formula: Formula, name: Callable[[int], str]) -> str:
    text = text_of(formula, name)
    is_sum = isinstance(formula, Made) and formula.sign not in ("min", "max")
    return f"({text})" if is_sum or text.startswith("-") else text


class OpenInt(int):
    """A whole number that depends on a size which a net leaves open, as does everything that is computed from it.

    Its `formula` says how it is computed. It is None in the types of values, which only say that a size is open.
    """

    formula: Formula | None

    def __new__(cls, value: int, formula: Formula | None = None) -> OpenInt:
        made = super().__new__(cls, value)
        made.formula = formula
        return made

    def __add__(self, other: Any) -> Any:
        return joined("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return joined("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return joined("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return joined("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return joined("*", self, other)

    def __rmul__(self, other: Any) -> Any:
        return joined("*", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return joined("//", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return joined("//", other, self)

    def __mod__(self, other: Any) -> Any:
        return joined("%", self, other)

    def __rmod__(self, other: Any) -> Any:
        return joined("%", other, self)

    def __neg__(self) -> Any:
        return joined("-", 0, self)

    def __pos__(self) -> OpenInt:
        return self

    def __reduce__(self) -> Any:
        return type(self), (int(self), self.formula)


class WrittenInt(OpenInt):
    """A number that writes itself as its formula, in which the input `{0}` is the value 0: `{0}.shape[2] * 2`."""

    def __repr__(self) -> str:
        return text_of(int(self) if self.formula is None else self.formula, lambda value: f"{{{value}}}")

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)


class OpenText(str):
    """A text with numbers behind `=`, some of them open: `n c (h a=2 b=4) w`. `numbers` are all, in order."""

    numbers: tuple[int, ...]

    def __new__(cls, text: str, numbers: Sequence[int]) -> OpenText:
        made = super().__new__(cls, text)
        made.numbers = tuple(numbers)
        return made

    def __reduce__(self) -> Any:
        return type(self), (str(self), self.numbers)


def numbers_in(value: object) -> tuple[int, ...]:
    """Return the numbers of an argument: itself, those of a list, or those behind `=` in a text."""
    if isinstance(value, OpenText):
        return value.numbers
    if isinstance(value, str):
        return tuple(map(int, re.findall(r"=(\d+)", value)))
    return cast("tuple[int, ...]", value if isinstance(value, tuple) else (value,))


def with_numbers(value: str | tuple[int, ...] | int, numbers: Sequence[int]) -> str | tuple[int, ...] | int:
    """Return an argument with its numbers replaced."""
    if isinstance(value, str):
        return OpenText(str(value), numbers) if is_open(tuple(numbers)) else str(value)
    return tuple(numbers) if isinstance(value, tuple) else numbers[0]


def joined(sign: Sign, left: Any, right: Any) -> Any:
    """Return `left sign right` of whole numbers, one of them open. Raises OverflowError if the formula is too long."""
    for one in (left, right):
        if not isinstance(one, int) or isinstance(one, bool):
            return NotImplemented
    result = _COMPUTE[sign](int(left), int(right))
    kind: type[OpenInt] = type(left if isinstance(left, OpenInt) else cast("OpenInt", right))
    formulas = [one.formula if isinstance(one, OpenInt) else one for one in (left, right)]
    if formulas[0] is None or formulas[1] is None:
        return kind(result)
    formula = _simple(sign, formulas[0], formulas[1])
    if sum(1 for _ in parts(formula)) > MOST_PARTS:
        raise OverflowError
    return kind(result, formula)


def _simple(sign: Sign, left: Formula, right: Formula) -> Formula:
    """Return two formulas as one, without terms that change nothing."""
    if right == {"+": 0, "-": 0, "*": 1, "//": 1}.get(sign):
        return left
    if sign == "+" and isinstance(right, int) and right < 0:
        return Made("-", left, -right)
    return right if left == {"+": 0, "*": 1}.get(sign) else Made(sign, left, right)


def formula_of(number: int) -> Formula:
    """Return the formula of a number; one that is not open is its own formula."""
    found = number.formula if isinstance(number, OpenInt) else None
    return int(number) if found is None else found


def is_open(value: object) -> bool:
    """Return whether a number is open, or one of a tuple is."""
    if isinstance(value, tuple):
        return any(map(is_open, cast("tuple[object, ...]", value)))
    return isinstance(value, (OpenInt, OpenText))


def closed(value: Any) -> Any:
    """Return a number, or the numbers of a tuple, without their formulas."""
    if not is_open(value):
        return value
    if isinstance(value, (OpenInt, OpenText)):
        return int(value) if isinstance(value, OpenInt) else str(value)
    return type(value)(map(closed, value))
