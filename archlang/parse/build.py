"""Builds the syntax tree: one method for each rule of the grammar, which gets the rule's children in order.

Nothing is checked here, because lark hides exceptions of callbacks.
"""

from __future__ import annotations

from typing import Any, cast

from lark import Token

from archlang import syntax as s
from archlang.parse.build_expressions import ATOMS, BuildExpressions, Children
from archlang.parse.characters import span_of

Labelled = tuple[s.Expression | None, s.Action]


class Build(BuildExpressions):
    """The callbacks of the parser for one text."""

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

    # ---- recipes

    def recipe(self, c: Children) -> s.Recipe:
        parameters = cast("tuple[s.Parameter, ...]", c[2] if isinstance(c[2], tuple) else ())
        base = next((self._name(c[at + 1]) for at, child in enumerate(c) if child == "="), None)
        return s.Recipe(
            self._name(c[1]),
            parameters,
            base,
            self._only(c, s.Argument),
            tuple(cast("list[s.RecipeLine]", c[-1])),
            self._span(c[:2]),
        )

    def recipe_body(self, c: Children) -> list[s.RecipeLine]:
        return [child for child in c if not isinstance(child, Token)]

    def setting_word(self, c: Children) -> s.Name:
        return self._name(c[0])

    def setting(self, c: Children) -> s.Setting:
        steps, star = self._only(c, s.Apply), any(isinstance(child, Token) and child.type == "STAR" for child in c)
        factor = self._expression(c[1]) if star else None
        return s.Setting(c[0], self._only(c, s.Argument), factor, steps, self._span(c))

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
        values = tuple(child for child in c if not isinstance(child, Token) or child.type in ATOMS)
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


def _open_sizes(body: s.Body) -> list[s.Parameter]:
    """Return the open sizes of a net's inputs. They are parameters of the net."""
    shapes = [item.shape for item in body.items if isinstance(item, s.Input)]
    sizes = [item for shape in shapes if isinstance(shape, s.Sequence) for item in shape.items]
    return [s.Parameter(n.name, n.default, n.span, open_size=True) for n in sizes if isinstance(n, s.OpenSize)]
