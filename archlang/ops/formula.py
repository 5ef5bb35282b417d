"""Functions that are written as a formula, value by value. All their answers follow from the formula's parts."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from archlang.ops.base import Expression, Operator
from archlang.ops.checks import check_dtype
from archlang.ops.composed import Composed, Part
from archlang.ops.in_parts import InParts
from archlang.ops.stricter import beyond_torch
from archlang.python_text import expression
from archlang.shapes import TensorType

METHODS = ("abs", "cos", "exp", "log", "neg", "reciprocal", "relu", "rsqrt", "sigmoid", "sin", "sqrt", "square", "tanh")
NAMES = ("x", "y", "z")  # of the inputs, in order


class ByFormula(InParts):
    """An operator that torch computes as a `formula`; how it runs follows from that."""

    formula: ClassVar[str]

    def parts(self, *inputs: TensorType, **_: Any) -> tuple[Part, ...]:
        found = _Parts(dict(self), len(inputs))
        found.value(_tree(self.formula))
        return tuple(found.parts)


class Formula(ByFormula, Composed):
    """A `formula` of the input x (and y, z of an operator of several inputs), of numbers, and of the fields.

    It has `+ - * / **` and the methods of tensors in `METHODS`: `0.5 * (x + (x ** 2 + 4).sqrt())`. Each of them is an
    operator of this package, and a part of this one.
    """

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype")

    def outputs(self, *inputs: TensorType, **_: Any) -> tuple[TensorType, ...]:
        for x in inputs:
            check_dtype(x, self.word)
        return super().outputs(*inputs)

    def torch(self, *inputs: TensorType, **_: Any) -> Expression:
        self.outputs(*inputs)
        return Expression(ast.unparse(_Names(dict(self)).visit(expression(self.formula))))


@cache
def _tree(formula: str) -> ast.expr:
    return expression(formula).body


class _Names(ast.NodeTransformer):
    """The formula as a template: inputs by number, fields by their values."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self.fields = fields

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in NAMES:
            return ast.Set([ast.Constant(NAMES.index(node.id))])  # which is written {0}
        return ast.Constant(self.fields[node.id])  # type: ignore[arg-type]


class _Parts:
    """The parts of a formula, in the order in which Python computes them."""

    def __init__(self, fields: Mapping[str, object], inputs: int) -> None:
        self.fields, self.inputs = fields, inputs
        self.parts: list[Part] = []

    def value(self, node: ast.expr) -> int | float:
        """Return the number of a value, or a constant, which is a float."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name) if name in NAMES[: self.inputs]:
                return NAMES.index(name)
            case ast.Name(id=name) if isinstance(self.fields.get(name), (int, float)):
                return float(self.fields[name])  # type: ignore[arg-type]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.value(operand)
                return -inner if isinstance(inner, float) else self._part("neg", inner)
            case ast.Call(func=ast.Attribute(value=tensor, attr=method), args=[], keywords=[]) if method in METHODS:
                inner = self.value(tensor)
                if isinstance(inner, int):
                    return self._part(method, inner)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
                return _BINARY[type(operator)](self, self.value(left), self.value(right))
            case _:
                pass
        raise TypeError(f"the formula of an operator has no `{ast.unparse(node)}`")

    def _part(self, word: str, *inputs: int, **fields: float) -> int:
        from archlang.ops import registry

        op: Operator = registry()[word](**fields)
        self.parts.append(Part(op, inputs))
        return self.inputs + len(self.parts) - 1

    def plus(self, a: int | float, b: int | float) -> int | float:
        """Return a sum."""
        return self._either(a, b, "add", "shift", "offset", lambda x, y: x + y)

    def minus(self, a: int | float, b: int | float) -> int | float:
        """Return a difference; torch subtracts from a number in one call."""
        if isinstance(a, float) and isinstance(b, int):
            return self._part("neg", b)
        return self._either(a, -b if isinstance(b, float) else b, "sub", "shift", "offset", lambda x, y: x + y)

    def times(self, a: int | float, b: int | float) -> int | float:
        """Return a product."""
        return self._either(a, b, "mul", "scale", "factor", lambda x, y: x * y)

    def over(self, a: int | float, b: int | float) -> int | float:
        """Return a quotient; torch divides a number by a tensor in two calls."""
        if isinstance(a, float) and isinstance(b, int):
            return self._part("scale", self._part("reciprocal", b), factor=a)
        return self._either(a, 1 / b if isinstance(b, float) else b, "div", "scale", "factor", lambda x, y: x * y)

    def power(self, a: int | float, b: int | float) -> int | float:
        """Return a power with a number above."""
        if isinstance(b, int):
            raise TypeError("the exponent in the formula of an operator is a number")
        return a**b if isinstance(a, float) else self._part("pow", a, p=b)

    def _either(
        self, a: int | float, b: int | float, join: str, single: str, field: str, fold: Callable[[float, float], float]
    ) -> int | float:
        """Return two constants folded, a value with a constant, or two values."""
        if isinstance(a, float) and isinstance(b, float):
            return fold(a, b)
        if isinstance(a, int) and isinstance(b, int):
            return self._part(join, a, b)
        at, number = (a, b) if isinstance(a, int) else (b, a)
        return self._part(single, int(at), **{field: float(number)})


_BINARY: Mapping[type[ast.operator], Callable[[_Parts, int | float, int | float], int | float]] = {
    ast.Add: _Parts.plus, ast.Sub: _Parts.minus, ast.Mult: _Parts.times, ast.Div: _Parts.over, ast.Pow: _Parts.power,
}  # fmt: skip
