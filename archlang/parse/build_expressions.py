"""Builds expressions and arguments of the syntax tree: one method for each rule, which gets its children in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from lark import Token, Transformer

from archlang import syntax as s
from archlang.parse.characters import span_of
from archlang.source import Span

_MULTIPLES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

Children = list[Any]
_Kind = TypeVar("_Kind")


class BuildExpressions(Transformer[Token, Any]):
    """The callbacks for expressions of one text; `file` is its name."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def _span(self, children: Children) -> Span:
        first, last = children[0], children[-1]
        start = span_of(self.file, first) if isinstance(first, Token) else first.span
        end = span_of(self.file, last) if isinstance(last, Token) else last.span
        return start.to(end)

    def _name(self, token: Token) -> s.Name:
        return s.Name(str(token), span_of(self.file, token))

    def _only(self, children: Children, kind: type[_Kind]) -> tuple[_Kind, ...]:
        return tuple(child for child in children if isinstance(child, kind))

    # ---- arguments

    def positional(self, c: Children) -> s.Argument:
        value = self._expression(c[0])
        if len(c) > 1:
            value = s.Binary("/", value, self._expression(c[2]), self._span(c))
        return s.Argument(value, value.span)

    def stride(self, c: Children) -> s.Argument:
        return s.Argument(self._expression(c[1]), self._span(c), "stride", slash=True)

    def named(self, c: Children) -> s.Argument:
        return s.Argument(self._expression(c[2]), self._span(c), str(c[0]))

    named_value = named

    # ---- expressions

    def _expression(self, child: Any) -> s.Expression:
        """Return a child as an expression. Literals and names are still tokens."""
        if not isinstance(child, Token):
            return cast(s.Expression, child)
        span = span_of(self.file, child)
        return ATOMS[child.type](str(child), span)

    def unary(self, c: Children) -> s.Unary:
        return s.Unary(str(c[0]), self._expression(c[1]), self._span(c))

    minus = unary
    negative = unary

    def binary(self, c: Children) -> s.Binary:
        return s.Binary(str(c[1]), self._expression(c[0]), self._expression(c[2]), self._span(c))

    def conditional(self, c: Children) -> s.Conditional:
        then, condition, otherwise = map(self._expression, c[::2])
        return s.Conditional(then, condition, otherwise, self._span(c))

    def attribute(self, c: Children) -> s.Attribute:
        return s.Attribute(self._expression(c[0]), str(c[2]), self._span(c))

    def index(self, c: Children) -> s.Index:
        return s.Index(self._expression(c[0]), self._expression(c[2]), self._span(c))

    def slice(self, c: Children) -> s.Slice:
        colon = next(at for at, child in enumerate(c) if isinstance(child, Token) and child.type == "COLON")
        start = self._expression(c[2]) if colon == 3 else None
        stop = self._expression(c[colon + 1]) if colon + 2 < len(c) else None
        return s.Slice(self._expression(c[0]), start, stop, self._span(c))

    def call(self, c: Children) -> s.Call:
        arguments: list[s.Argument] = []
        for child in c[2:-1]:
            if isinstance(child, s.Argument):
                arguments.append(child)
            elif not (isinstance(child, Token) and child.type == "COMMA"):
                value = self._expression(child)
                arguments.append(s.Argument(value, value.span))
        return s.Call(self._expression(c[0]), tuple(arguments), self._span(c))

    def group(self, c: Children) -> s.Expression:
        return s.Sequence((self._expression(c[1]),), False, self._span(c))

    def several(self, c: Children) -> s.Sequence:
        items = [child for child in c[1:-1] if not (isinstance(child, Token) and child.type == "COMMA")]
        return s.Sequence(tuple(map(self._expression, items)), str(c[0]) == "[", self._span(c))

    listed = several

    def open_size(self, c: Children) -> s.OpenSize:
        return s.OpenSize(str(c[0]), self._expression(c[2]), self._span(c))

    def string(self, c: Children) -> s.Text:
        parts: list[str | s.Expression] = []
        for child in c:
            if isinstance(child, Token) and child.type.startswith("STRING"):
                text = child[1:-1].replace("{{", "{").replace("}}", "}")
                parts += [text] if text else []
            else:
                parts.append(self._expression(child))
        return s.Text(tuple(parts), self._span(c))


def _quantity(text: str, span: Span) -> s.Quantity:
    digits, unit = text.rstrip("KMGTiB"), text.lstrip("0123456789.")
    multiple = 1024 ** ("KMGT".index(unit[0]) + 1) if unit.endswith("iB") else _MULTIPLES[unit]
    decimals = len(digits.partition(".")[2])
    value = int(digits.replace(".", "")) * multiple / 10**decimals
    return s.Quantity(int(value) if value == int(value) else value, multiple / 10**decimals, span)


def _int(text: str, span: Span) -> s.Literal:
    return s.Literal(int(text), span)


def _float(text: str, span: Span) -> s.Literal:
    digits, _, exponent = text.lower().partition("e")
    last = int(exponent or 0) - len(digits.partition(".")[2])
    return s.Literal(float(text), span, unit=float(f"1e{last}"))


def _window(text: str, span: Span) -> s.Literal:
    return s.Literal(tuple(map(int, text.split("x"))), span)


def _bool(text: str, span: Span) -> s.Literal:
    return s.Literal(text == "true", span)


ATOMS: dict[str, Callable[[str, Span], s.Expression]] = {
    "NAME": s.Name, "INT": _int, "FLOAT": _float, "WINDOW": _window, "TRUE": _bool, "FALSE": _bool,
    "QUANTITY": _quantity,
}  # fmt: skip
