"""The arithmetic of expressions: operators and functions, each with its limits. Python's `eval` is not used."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any, Literal, cast

from archlang.diagnostics import Rejected
from archlang.elaborate.state.kinds import Bundle, Value, kind, parts_in
from archlang.formulas import Rounding
from archlang.limits import limits
from archlang.open_numbers import is_open, joined, rounded
from archlang.shapes import Window

MAX_NUMBER = 2**63


def _equal(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and right > 64:
        raise OverflowError
    result = left**right
    if isinstance(result, complex):
        raise TypeError("takes no root of a negative number")
    return result


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "//": lambda a, b: a // b, "%": lambda a, b: a % b, "**": _power, "==": _equal, "!=": lambda a, b: not _equal(a, b),
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
_ORDERED = {"<", "<=", ">", ">="}


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"takes a number, but got {kind(value)}")
    return value


def _items(value: Any) -> tuple[Value, ...]:
    if isinstance(value, Bundle):
        return value.items
    if not isinstance(value, tuple):
        raise TypeError(f"takes a list, but got {kind(value)}")
    return cast("tuple[Value, ...]", value)


def _of_number(function: Callable[[float], Any]) -> Callable[[Any], Any]:
    return lambda value: function(_number(value))


def _of_numbers(function: Callable[[list[float]], Any]) -> Callable[..., Any]:
    """Make a function that accepts `max(a, b)` and `max([a, b])`."""
    return lambda *values: function([_number(v) for v in (_items(values[0]) if len(values) == 1 else values)])


def _extreme(sign: Literal["min", "max"]) -> Callable[[list[float]], Any]:
    """Return the smallest or largest of some numbers; it is open if a whole one of them is."""
    plain: Callable[..., Any] = min if sign == "min" else max

    def both(left: Any, right: Any) -> Any:
        return joined(sign, left, right) if is_open((left, right)) else plain(left, right)

    def extreme(values: list[float]) -> Any:
        return reduce(both, values) if is_open(tuple(values)) else plain(values)

    return extreme


def _rounded(how: Rounding, function: Callable[[float], int]) -> Callable[[Any], Any]:
    """Make a function that gives a whole number; of an open one, one that remembers its formula."""
    return lambda value: rounded(how, value) if is_open(value) else function(_number(value))


def _sum(values: Any) -> Any:
    numbers = [_number(value) for value in _items(values)]
    return reduce(lambda left, right: joined("+", left, right), numbers) if is_open(tuple(numbers)) else sum(numbers)


def _len(values: Any) -> int:
    return len(_items(values))


def _range(*bounds: Any) -> tuple[int, ...]:
    for bound in bounds:
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise TypeError(f"takes whole numbers, but got {kind(bound)}")
    numbers = range(*bounds)
    if len(numbers) > limits().items:
        raise OverflowError
    return tuple(numbers)


def _enumerate(values: Any) -> tuple[tuple[int, Value], ...]:
    return tuple(enumerate(_items(values)))


def _zip(*lists: Any) -> tuple[tuple[Value, ...], ...]:
    items = [_items(values) for values in lists]
    if len({len(values) for values in items}) > 1:
        raise TypeError(f"takes lists of one length, but got {' and '.join(str(len(values)) for values in items)}")
    return tuple(zip(*items, strict=True))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": _of_numbers(_extreme("min")), "max": _of_numbers(_extreme("max")), "sum": _sum, "len": _len,
    "abs": _of_number(abs),
    "round": _rounded("round", round), "floor": _rounded("floor", math.floor), "ceil": _rounded("ceil", math.ceil),
    "int": _rounded("int", int),
    "sqrt": _of_number(math.sqrt), "exp": _of_number(math.exp), "log": _of_number(math.log),
    "log2": _of_number(math.log2), "sin": _of_number(math.sin), "cos": _of_number(math.cos),
    "range": _range, "enumerate": _enumerate, "zip": _zip,
}  # fmt: skip
_ADDING = {"min", "max", "sum"}
_PASSING = {"len", "round", "floor", "ceil", "int", "enumerate", "zip"}


def keeps_open(name: str, values: Sequence[Value]) -> bool:
    """Return whether the result of a function of open numbers keeps its formula, or is one of these numbers."""
    if name not in _ADDING:
        return name in _PASSING
    kinds = {isinstance(value, float) for value in _flat(values)}
    return name == "sum" or len(kinds) == 1  # of a mixture, it hangs on the sizes whether the least is a whole number


def _flat(values: Sequence[Value]) -> Iterator[Value]:
    for value in values:
        yield from _flat(value) if isinstance(value, tuple) else (value,)


_USAGE = {
    "min": "min(a, b)", "max": "max(a, b)", "range": "range(3)", "zip": "zip(widths, depths)", "sum": "sum(depths)",
    "len": "len(depths)", "enumerate": "enumerate(depths)",
}  # fmt: skip


def compute(sign: str, left: Value, right: Value) -> Value:
    """Compute `left sign right` for numbers, bools, strings, lists and windows. Other combinations are rejected."""
    numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (left, right))
    alike = isinstance(left, (str, tuple)) and type(left) is type(right) and not isinstance(left, Window)
    if not (numeric or sign in ("==", "!=") or (alike and sign in ("+", *_ORDERED))):
        raise Rejected("wrong-kind", f"`{sign}` does not join {kind(left)} and {kind(right)}")
    return limited(lambda: BINARY[sign](left, right), f"`{sign}`")


_WHOLE = {"+", "-", "*", "==", "!=", "<", "<=", ">", ">="}  # these never fail for two whole numbers


def quick(sign: str, left: Value, right: Value) -> Value | None:
    """Compute `left sign right` for two whole numbers, the usual case; None if it needs the checks of `compute`."""
    if type(left) is not int or type(right) is not int:
        return None
    if sign not in _WHOLE and not (sign == "**" and 0 <= right <= 64):
        return None
    result: int | bool = BINARY[sign](left, right)
    return result if -MAX_NUMBER < result < MAX_NUMBER else None


def apply_function(name: str, values: list[Value]) -> Value:
    """Apply a function of the language."""
    help = f"it is written like `{_USAGE.get(name, name + '(a)')}`"
    return limited(lambda: FUNCTIONS[name](*values), f"`{name}`", help)


def limited(compute: Callable[[], Any], what: str, help: str | None = None) -> Value:
    """Compute a result. Reject it if the computation fails or the result is larger than a net can need."""
    try:
        result: Value = compute()
    except ZeroDivisionError:
        raise Rejected("division-by-zero", f"{what} divides by zero") from None
    except OverflowError:
        raise too_large(what) from None
    except (TypeError, ValueError) as error:
        text = str(error)
        reason = text if text.startswith("takes") and "argument" not in text else "does not take these values"
        raise Rejected("wrong-kind", f"{what} {reason}", help=help) from None
    if not fits(result):
        raise too_large(what)
    return result


def fits(value: Value) -> bool:
    """Return whether a value is no larger than a net can need."""
    match value:
        case int() | float():
            return abs(value) < MAX_NUMBER
        case str():
            return len(value) <= limits().items
        case _:
            most = limits().items
            return parts_in(value, most) <= most


def too_large(what: str) -> Rejected:
    return Rejected("number-too-large", f"{what} gives a number or a list that is too large")
