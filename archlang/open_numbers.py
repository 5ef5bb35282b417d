"""Numbers with their formula: how they are computed from sizes which are only known when a net runs.

Arithmetic with `OpenInt` and `OpenFloat` gives such numbers again, in expressions and in operators.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from archlang.formulas import COMPUTE, MOST_PARTS, ROUND, Formula, Made, Rounded, Rounding, Sign, parts, text_of


class _Open:
    """The arithmetic of numbers with a formula."""

    formula: Formula | None

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

    def __truediv__(self, other: Any) -> Any:
        return joined("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return joined("/", other, self)

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

    def __pos__(self) -> Any:
        return self


class OpenInt(_Open, int):
    """A whole number that depends on a size which a net leaves open, as does everything that is computed from it.

    Its `formula` says how it is computed. It is None in the types of values, which only say that a size is open.
    """

    def __new__(cls, value: int, formula: Formula | None = None) -> OpenInt:
        made = super().__new__(cls, value)
        made.formula = formula
        return made

    def __reduce__(self) -> Any:
        return type(self), (int(self), self.formula)


class OpenFloat(_Open, float):
    """A decimal number that depends on a size which a net leaves open."""

    def __new__(cls, value: float, formula: Formula) -> OpenFloat:
        made = super().__new__(cls, value)
        made.formula = formula
        return made

    def __reduce__(self) -> Any:
        return type(self), (float(self), self.formula)


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
    """Return `left sign right` of numbers, one of them open. Raises OverflowError if the formula is too long.

    A decimal result of numbers without a formula, or of numbers that write themselves, is a plain number.
    """
    for one in (left, right):
        if not isinstance(one, (int, float)) or isinstance(one, bool):
            return NotImplemented
    result = COMPUTE[sign](closed(left), closed(right))
    is_float = isinstance(result, float)
    kind = cast(type[OpenInt], type(left if isinstance(left, OpenInt) else right))
    formulas = [cast("Formula | None", one.formula if isinstance(one, _Open) else one) for one in (left, right)]
    if formulas[0] is None or formulas[1] is None or (is_float and issubclass(kind, WrittenInt)):
        return result if is_float else kind(result)
    formula = _simple(sign, formulas[0], formulas[1])
    if sum(1 for _ in parts(formula)) > MOST_PARTS:
        raise OverflowError
    return OpenFloat(result, formula) if is_float else kind(result, formula)


def rounded(how: Rounding, number: OpenInt | OpenFloat) -> OpenInt:
    """Return an open number, rounded to a whole one."""
    if isinstance(number, OpenInt):
        return number
    return OpenInt(ROUND[how](float(number)), Rounded(how, formula_of(number)))


def _simple(sign: Sign, left: Formula, right: Formula) -> Formula:
    """Return two formulas as one, without terms that change nothing."""
    if isinstance(left, float) or isinstance(right, float):
        return Made(sign, left, right)
    if right == {"+": 0, "-": 0, "*": 1, "//": 1}.get(sign):
        return left
    if sign == "+" and isinstance(right, int) and right < 0:
        return Made("-", left, -right)
    return right if left == {"+": 0, "*": 1}.get(sign) else Made(sign, left, right)


def formula_of(number: float) -> Formula:
    """Return the formula of a number; one that is not open is its own formula."""
    found = number.formula if isinstance(number, _Open) else None
    return closed(number) if found is None else found


def is_open(value: object) -> bool:
    """Return whether a number is open, or one of a tuple is."""
    if isinstance(value, tuple):
        return any(map(is_open, cast("tuple[object, ...]", value)))
    return isinstance(value, (_Open, OpenText))


def closed(value: Any) -> Any:
    """Return a number, or the numbers of a tuple, without their formulas."""
    if not is_open(value):
        return value
    match value:
        case OpenInt():
            return int(value)
        case OpenFloat():
            return float(value)
        case OpenText():
            return str(value)
        case _:
            return type(value)(map(closed, value))
