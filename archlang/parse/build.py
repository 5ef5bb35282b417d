"""Builds the syntax tree: one method for each rule of the grammar, which gets the rule's children in order.

Nothing is checked here, because lark hides exceptions of callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from lark import Token, Transformer

from archlang import syntax as s
from archlang.parse.characters import span_of
from archlang.source import Span

_MULTIPLES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}

Children = list[Any]
Labelled = tuple[s.Expression | None, s.Action]
_Kind = TypeVar("_Kind")


class Build(Transformer[Token, Any]):
    """The callbacks of the parser for one text; `file` is its name."""

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

    # ---- declarations

    def declaration(self, c: Children) -> Any:
        return c[0]

    def use(self, c: Children) -> s.Use:
        names = tuple(self._name(child) for child in c[3:] if child.type == "NAME")
        return s.Use(str(c[1])[1:-1], span_of(self.file, c[1]), names, self._span(c))

    def net(self, c: Children) -> s.Definition:
        parameters = cast("tuple[s.Parameter, ...]", c[2] if isinstance(c[2], tuple) else ())
        body = cast(s.Body, c[-1])
        return s.Definition(
            self._name(c[1]), (*parameters, *_open_sizes(body)), body, str(c[0]) == "net", self._span(c[:2])
        )

    block = net

    def derived(self, c: Children) -> s.Derived:
        body = c[-1] if isinstance(c[-1], s.Body) else None
        return s.Derived(self._name(c[1]), self._name(c[3]), self._only(c, s.Argument), body, self._span(c[:2]))

    def parameters(self, c: Children) -> tuple[s.Parameter, ...]:
        return self._only(c, s.Parameter)

    def parameter(self, c: Children) -> s.Parameter:
        return s.Parameter(str(c[0]), self._expression(c[2]) if len(c) > 1 else None, span_of(self.file, c[0]))

    def let(self, c: Children) -> s.Let:
        return s.Let(str(c[1]), None, self._expression(c[-1]), span_of(self.file, c[1]))

    def function(self, c: Children) -> s.Let:
        return s.Let(str(c[1]), self._only(c, s.Parameter), self._expression(c[-1]), span_of(self.file, c[1]))

    # ---- statements

    def body(self, c: Children) -> s.Body:
        return s.Body(self._items(c), self._span(c))

    def bars(self, c: Children) -> s.Branches:
        return s.Branches(tuple(c[1:-1]), self._span(c))

    def branch(self, c: Children) -> s.Body:
        items = self._items(c)
        return s.Body(items, span_of(self.file, c[0]).to(items[-1].span))

    def _items(self, c: Children) -> tuple[s.Statement, ...]:
        """Return the statements among the children. A chain is a list of steps."""
        items: list[s.Statement] = []
        for child in c:
            if isinstance(child, list):
                items += child
            elif not isinstance(child, Token):
                items.append(child)
        return tuple(items)

    def broken(self, c: Children) -> s.Broken:
        return s.Broken(self._span(c))

    def input(self, c: Children) -> s.Input:
        options = self._only(c, s.Argument)
        many = isinstance(c[1], Token) and c[1].type == "STAR"
        name, *rest = c[2 if many else 1 :]
        shape = self._expression(rest[1]) if rest else None
        return s.Input(str(name), shape, options, span_of(self.file, name), many)

    def param(self, c: Children) -> s.Param:
        label, shape = self._expression(c[1]), self._expression(c[3])
        return s.Param(label, shape, self._only(c, s.Argument), str(c[0]) == "buffer", label.span)

    def output(self, c: Children) -> s.Output:
        values = tuple(child for child in c if not isinstance(child, Token) or child.type in _ATOMS)
        training = isinstance(c[-1], Token) and c[-1].type == "TRAINING"
        return s.Output(tuple(map(self._expression, values)), training, self._span(c))

    def expect(self, c: Children) -> s.Expect:
        settings = tuple(child for child in c[4:] if isinstance(child, s.Argument))
        return s.Expect(self._expression(c[1]), str(c[2]), self._expression(c[3]), self._span(c), settings)

    def freeze(self, c: Children) -> s.Freeze:
        paths = (child for child in c[1:] if not (isinstance(child, Token) and child.type == "COMMA"))
        return s.Freeze(tuple(map(self._expression, paths)), self._span(c))

    def default(self, c: Children) -> s.Default:
        return s.Default(self._name(c[1]), self._only(c, s.Argument), self._span(c))

    def chain(self, c: Children) -> list[s.Step]:
        steps: list[s.Step] = []
        for at, child in enumerate(c[::2]):
            label, action = cast("Labelled", child if isinstance(child, tuple) else (None, child))
            span = action.span if label is None else label.span.to(action.span)
            steps.append(s.Step(label, action, at > 0, span))
        return steps

    def labelled(self, c: Children) -> Labelled:
        return self._expression(c[0]), c[2]

    def apply(self, c: Children) -> s.Apply:
        branches = c[-1] if isinstance(c[-1], s.Branches) else None
        return s.Apply(self._expression(c[0]), self._only(c, s.Argument), branches, self._span(c))

    def inline(self, c: Children) -> s.Inline:
        return s.Inline(self._name(c[1]), self._only(c, s.Argument), self._span(c))

    def reuse(self, c: Children) -> s.Reuse:
        return s.Reuse(self._expression(c[1]), self._span(c))

    def for_loop(self, c: Children) -> s.For:
        return s.For(c[1], self._expression(c[3]), c[4], self._span(c[:4]))

    def targets(self, c: Children) -> s.Targets:
        names = tuple(self._name(child) if isinstance(child, Token) else child for child in c if child != ",")
        return s.Targets(names, self._span(c))

    def target(self, c: Children) -> s.Targets:
        return cast(s.Targets, c[1])

    def if_else(self, c: Children) -> s.If:
        return s.If(self._expression(c[1]), c[2], c[4] if len(c) > 3 else None, self._span(c[:2]))

    def repeat(self, c: Children) -> s.Repeat:
        name = self._name(c[3]) if isinstance(c[2], Token) else None
        return s.Repeat(self._expression(c[1]), name, c[-1], str(c[0]) == "dense", self._span(c[:2]))

    dense = repeat

    def residual(self, c: Children) -> s.Residual:
        braces = [child for child in c if isinstance(child, s.Body)]
        condition = self._expression(c[2]) if len(c) > 2 and str(c[1]) == "if" else None
        return s.Residual(condition, braces[0], braces[1] if len(braces) > 1 else None, span_of(self.file, c[0]))

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
        return _ATOMS[child.type](str(child), span)

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


def _open_sizes(body: s.Body) -> list[s.Parameter]:
    """Return the open sizes of a net's inputs. They are parameters of the net."""
    shapes = [item.shape for item in body.items if isinstance(item, s.Input)]
    sizes = [item for shape in shapes if isinstance(shape, s.Sequence) for item in shape.items]
    return [s.Parameter(n.name, n.default, n.span, open_size=True) for n in sizes if isinstance(n, s.OpenSize)]


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


_ATOMS: dict[str, Callable[[str, Span], s.Expression]] = {
    "NAME": s.Name, "INT": _int, "FLOAT": _float, "WINDOW": _window, "TRUE": _bool, "FALSE": _bool,
    "QUANTITY": _quantity,
}  # fmt: skip
