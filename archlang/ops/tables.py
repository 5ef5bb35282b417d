"""Tables of numbers that a formula of the place gives, as `numpy.fromfunction` makes them: Python text, checked.

A formula is an expression of Python over the places along the axes, `i`, `j`, `k` and `l`, such as `i - j`. It can come
from a file, so that nothing but arithmetic is accepted.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import prod
from types import MappingProxyType

from archlang.diagnostics import Rejected
from archlang.python_text import expression

PLACES = ("i", "j", "k", "l")  # the names of the places along the axes
FORMULA = "formula"  # the word of the initialiser; its one value is the text
MOST_VALUES = 1 << 20
MOST_TEXT = 4000
FUNCTIONS = MappingProxyType(
    {
        "min": "min", "max": "max", "abs": "abs", "round": "round", "int": "int", "sqrt": "math.sqrt",
        "exp": "math.exp", "log": "math.log", "log2": "math.log2", "sin": "math.sin", "cos": "math.cos",
        "floor": "math.floor", "ceil": "math.ceil",
    }
)  # fmt: skip
_NAMES = {name for name in FUNCTIONS.values() if "." not in name}
_KNOWN = {"min": min, "max": max, "abs": abs, "round": round, "int": int, "range": range, "math": math}
_PARTS = (
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv,
    ast.Mod, ast.Pow, ast.USub, ast.Not, ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Load,
)  # fmt: skip
_BOUNDS = {
    "int64": (-(2**63), 2**63), "int32": (-(2**31), 2**31), "int16": (-(2**15), 2**15), "int8": (-128, 128),
    "uint8": (0, 256),
}  # fmt: skip


def table_text(text: str, sizes: Sequence[str], dtype: str, values: Sequence[float]) -> str:
    """Return the Python expression of the tensor: `torch.tensor([[i - j for j in range(3)] for i in range(3)])`."""
    made = text
    for place, size in reversed(list(zip(PLACES, sizes, strict=False))):
        made = f"[{made} for {place} in range({size})]"
    kind = "bool" if type(values[0]) is bool else "float32" if any(type(x) is float for x in values) else "int64"
    return f"torch.tensor({made}{'' if dtype == kind else f', dtype=torch.{dtype}'})"


def refuse_table(text: str, shape: tuple[int, ...], dtype: str) -> None:
    """Raise Rejected if the formula does not fill a tensor of this shape and dtype."""
    for place, value in zip(product(*map(range, shape)), table_values(text, shape), strict=True):
        if dtype == "bool":
            fits = type(value) is bool
        elif dtype in _BOUNDS:
            fits = type(value) is int and _BOUNDS[dtype][0] <= value < _BOUNDS[dtype][1]
        else:
            fits = math.isfinite(value)
        if not fits:
            shown = str(value).lower() if type(value) is bool else f"{value}"
            where = ", ".join(map(str, place))
            message = f"the formula gives {shown} at [{where}], which {dtype} does not hold"
            help = "write `dtype=bool`" if type(value) is bool else None
            raise Rejected("wrong-dtype", message, help=help, about="init")


@lru_cache(maxsize=64)
def table_values(text: str, shape: tuple[int, ...]) -> tuple[float, ...]:
    """Return the numbers of the table in order, the last axis innermost. Raises Rejected if it cannot be computed."""
    if not 1 <= len(shape) <= len(PLACES):
        message = f"a formula fills 1 to {len(PLACES)} axes, but this shape has {len(shape)}"
        raise Rejected("wrong-rank", message, about="init")
    if prod(shape) > MOST_VALUES:
        message = f"a formula fills up to {MOST_VALUES:,} values, but this tensor has {prod(shape):,}"
        raise Rejected("too-large", message, about="init")
    places = PLACES[: len(shape)]
    loops = " ".join(f"for {place} in range({size})" for place, size in zip(places, shape, strict=True))
    checked(text, len(shape))
    code = compile(expression(f"[({text}) {loops}]"), "<formula>", "eval")
    try:
        return tuple(eval(code, {"__builtins__": {}, **_KNOWN}))  # noqa: S307  (checked: arithmetic alone)
    except ZeroDivisionError:
        where = f" at {_first_failing(text, shape)}"
        raise Rejected("division-by-zero", f"the formula divides by zero{where}", about="init") from None
    except OverflowError:
        raise Rejected("number-too-large", "the formula gives a number that is too large", about="init") from None
    except (ValueError, TypeError):
        message = "the formula takes a root or a logarithm of a number that has none"
        raise Rejected("wrong-kind", message, about="init") from None


def _first_failing(text: str, shape: tuple[int, ...]) -> list[int]:
    """Return the first place at which the formula divides by zero."""
    code = compile(expression(text), "<formula>", "eval")
    for place in product(*map(range, shape)):
        try:
            eval(code, {"__builtins__": {}, **_KNOWN, **dict(zip(PLACES, place, strict=False))})  # noqa: S307
        except ZeroDivisionError:
            return list(place)
    raise AssertionError("no place fails")


def checked(text: str, rank: int) -> None:
    """Raise Rejected if a text is more than arithmetic on the places along this many axes."""
    try:
        tree = expression(text) if len(text) <= MOST_TEXT else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None or not all(_is_arithmetic(node, PLACES[:rank]) for node in _nodes(tree.body)):
        raise Rejected("unknown-initialiser", "this is no formula of the places in a tensor", about="init")


def _nodes(node: ast.expr) -> list[ast.AST]:
    """Return the parts of an expression. The functions that it calls are one part with the call."""
    found, waiting = list[ast.AST](), list[ast.AST]([node])
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += one.args if isinstance(one, ast.Call) else ast.iter_child_nodes(one)
    return found


def _is_arithmetic(node: ast.AST, places: Sequence[str]) -> bool:
    match node:
        case ast.Constant(value):
            return isinstance(value, (int, float)) and math.isfinite(value)
        case ast.Name(name):
            return name in places
        case ast.Call(function, arguments, []):
            known = ast.unparse(function) in FUNCTIONS.values()
            return known and bool(arguments) and not any(isinstance(one, ast.Starred) for one in arguments)
        case ast.BinOp(base, ast.Pow(), power):
            return _is_bounded(base, power)
        case _:
            return isinstance(node, _PARTS)


def _is_bounded(base: ast.expr, power: ast.expr) -> bool:
    """Return whether a power is quick to compute: a small whole exponent, or a decimal base."""
    if isinstance(base, ast.Constant) and type(base.value) is float:
        return True
    small = isinstance(power, ast.Constant) and type(power.value) is int and 0 <= power.value <= 8
    return small and not any(isinstance(node, ast.Pow) for node in ast.walk(base))


def renamed(text: str, taken: Sequence[str]) -> str:
    """Return the text of a table with places renamed if their names are taken."""
    for place in PLACES:
        if place in taken:
            text = re.sub(rf"\b{place}\b", f"{place}_", text)
    return text


def broken(text: str) -> list[str]:
    """Return the lines of a table's tensor, broken at its loops and conditions because it is too long for one."""
    first, *loops = text.split(" for ")
    last, _, rest = loops[-1].rpartition("]")
    loops[-1] = f"{last}]"
    lines = re.split(r" (?=(?:if|else) )", first.removeprefix("torch.tensor(").lstrip("["))
    for loop in loops:
        lines = ["[", *(f"    {line}" for line in [*lines, f"for {loop.removesuffix(']')}"]), "]"]
    lines[-1] += rest.removesuffix(")").removesuffix(",") + ("," if not rest.strip(")") else "")
    return ["torch.tensor(", *(f"    {line}" for line in lines), ")"]
