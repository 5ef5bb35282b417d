"""Functions of a spec that fill a tensor: `let far(i, j) = i - j` gives the value at the place [i, j]."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import cast

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.block_parameters import assigned
from archlang.elaborate.evaluating.evaluate import CALL_STEPS, called, evaluate
from archlang.elaborate.state.kinds import Function, Given, Value, kind
from archlang.elaborate.state.lookup import Lets
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.open_sizes import fixed
from archlang.elaborate.state.session import MAX_DEPTH, Here
from archlang.elaborate.vocabulary.spelled import spelled
from archlang.ops.tables import FUNCTIONS, MOST_TEXT, PLACES
from archlang.python_text import expression
from archlang.source import Span

Texts = Mapping[str, str]  # names that depend on the place, and the Python text of each


def index_formula(function: Function, rank: int, span: Span, here: Here) -> str:
    """Return the formula of a function with a parameter for each axis, as Python text over the places `i`, `j`, ..."""
    let = function.let
    needed = [one.name for one in (let.parameters or ()) if one.default is None] if let else []
    if let is None or len(needed) != rank or not 1 <= rank <= len(PLACES):
        places = ", ".join(PLACES[: min(rank, len(PLACES))])
        name = let.name if let else "value"
        takes = f"takes {len(needed)}" if let else "is a function of the language"
        message = f"a function that fills a tensor takes its place, one number for each of {rank} axes"
        help = f"write `let {name}({places}) = ...`"
        raise Mistake(Rejected("wrong-rank", f"{message}, but `{function.name}` {takes}", help=help), span)
    text = _body(let, function, dict(zip(needed, PLACES, strict=False)), {}, span, here)
    return ast.unparse(expression(text))


def _body(let: s.Let, function: Function, texts: Texts, values: Mapping[str, Value], span: Span, here: Here) -> str:
    """Return the text of a function's value; its arguments are values, or texts that depend on the place."""
    here.session.tick(span, CALL_STEPS)
    if here.session.depth >= MAX_DEPTH:
        message = f"`{let.name}` calls itself more than {MAX_DEPTH} deep"
        help = "it cannot end by a condition on the place, which stands for all places"
        raise Mistake(Rejected("calls-too-deep", message, help=help), span)
    assert function.home is not None
    inside = replace(function.home, lets=Lets(dict(values), function.home.lets))
    own = dict(texts)
    with here.session.deeper():
        for parameter in let.parameters or ():
            if parameter.name in own or parameter.name in values:
                continue
            if parameter.default is None:
                raise Mistake(Rejected("missing-argument", f"`{let.name}` needs `{parameter.name}`"), span)
            if _depends(parameter.default, own):
                own[parameter.name] = _text(parameter.default, own, inside)
            else:
                inside.lets.names[parameter.name] = evaluate(parameter.default, inside)
        return _text(let.value, own, inside)


def _depends(node: object, texts: Texts) -> bool:
    """Return whether a part of the syntax tree names what depends on the place."""
    if isinstance(node, s.Name):
        return node.text in texts
    if isinstance(node, tuple):
        return any(_depends(one, texts) for one in cast("tuple[object, ...]", node))
    return is_dataclass(node) and any(_depends(getattr(node, field.name), texts) for field in fields(node))


def _text(node: s.Expression, texts: Texts, here: Here) -> str:
    """Return an expression as Python text, in parentheses. What does not depend on the place is evaluated."""
    if not _depends(node, texts):
        return _constant(fixed(evaluate(node, here), node.span, here), node.span)
    match node:
        case s.Name(name):
            found = texts[name]
        case s.Unary(sign, operand):
            found = f"({'not ' if sign == 'not' else sign}{_text(operand, texts, here)})"
        case s.Binary(sign, left, right):
            if sign == "**":
                _check_power(left, right, texts, here)
            found = f"({_text(left, texts, here)} {sign} {_text(right, texts, here)})"
        case s.Conditional():
            parts = (_text(part, texts, here) for part in (node.then, node.condition, node.otherwise))
            found = "({} if {} else {})".format(*parts)
        case s.Sequence((item,), is_list=False):
            found = _text(item, texts, here)
        case s.Call():
            found = _call(node, texts, here)
        case _:
            message = f"`{spelled(node)}` depends on the place in the tensor, where only arithmetic does"
            raise Mistake(Rejected("wrong-kind", message), node.span)
    if len(found) > MOST_TEXT:
        raise Mistake(Rejected("too-large", f"the formula of this has more than {MOST_TEXT:,} characters"), node.span)
    return found


def _check_power(base: s.Expression, power: s.Expression, texts: Texts, here: Here) -> None:
    """Refuse a power that could be a fraction of whole numbers, or take long to compute."""
    if _depends(power, texts):
        if _depends(base, texts) or type(evaluate(base, here)) is not float:
            message = "an exponent that depends on the place in the tensor needs a base that is a decimal number"
            raise Mistake(Rejected("wrong-kind", message, help="write `2.0 ** i` for `2 ** i`"), base.span)
        return
    found = evaluate(power, here)
    if type(found) is not int or not 0 <= found <= 8 or "**" in _text(base, texts, here):
        message = (
            "of what depends on the place in the tensor, a power has a whole exponent from 0 to 8, and no other in it"
        )
        raise Mistake(Rejected("wrong-kind", message), power.span)


def _constant(value: Value, span: Span) -> str:
    if not isinstance(value, (bool, int, float)):
        raise Mistake(Rejected("wrong-kind", f"a formula of the place takes numbers, not {kind(value)}"), span)
    return f"({value!r})" if value < 0 else repr(value)


def _call(node: s.Call, texts: Texts, here: Here) -> str:
    """Return a call with arguments that depend on the place: of a function of the spec, or of the language."""
    function = called(node.function, here)
    if isinstance(function, Function) and function.let is not None:
        known: dict[Span, str] = {}
        given: list[Given] = []
        for argument in node.arguments:
            value: Value
            if _depends(argument.value, texts):
                value = known[argument.value.span] = _text(argument.value, texts, here)
            else:
                value = evaluate(argument.value, here)
            given.append(Given(argument.name, value, argument.span, argument.value.span))
        bound = assigned(function.let.name, function.let.parameters or (), given)
        inner = {name: known[one.at] for name, one in bound.items() if one.at in known}
        values = {name: one.value for name, one in bound.items() if one.at not in known}
        return _body(function.let, function, inner, values, node.span, here)
    python = FUNCTIONS.get(function.name) if isinstance(function, Function) else None
    if python is None or any(argument.name for argument in node.arguments):
        message = f"`{spelled(node.function)}` does not take what depends on the place in the tensor"
        help = f"these do: {', '.join(FUNCTIONS)}"
        raise Mistake(Rejected("wrong-kind", message, help=help), node.function.span)
    return f"{python}({', '.join(_text(argument.value, texts, here) for argument in node.arguments)})"
