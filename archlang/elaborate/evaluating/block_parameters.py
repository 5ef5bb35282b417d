"""Binds the arguments of blocks, nets and functions to their parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.state.kinds import (
    BlockValue,
    Bundle,
    Function,
    Given,
    OperatorValue,
    Strided,
    Tensor,
    Value,
    kind,
    shown,
)
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.shapes import Window
from archlang.source import Span

Fill = tuple[str, Value, Span]  # a parameter's name, its value, and the place where that is written


def bind_parameters(
    what: str,
    parameters: Sequence[s.Parameter],
    given: Sequence[Given],
    span: Span,
    here: Here,
    evaluate: Callable[[s.Expression, Here], Value],
) -> dict[str, Value]:
    """Bind parameters to values: by name, a window to `kernel`, `/s` to `stride`, the rest in order, then defaults.

    A default is evaluated in `here`, where the parameters before it are visible.
    """
    bound = {name: argument.value for name, argument in assigned(what, parameters, given).items()}
    for parameter in parameters:
        if parameter.name not in bound:
            if parameter.default is None:
                message = f"`{what}` needs `{parameter.name}`"
                raise Mistake(Rejected("missing-argument", message, help=_declared(what, parameters)), span)
            bound[parameter.name] = evaluate(parameter.default, here)
        here.lets.names[parameter.name] = bound[parameter.name]
    return bound


def assigned(
    what: str, parameters: Sequence[s.Parameter], given: Sequence[Given], fixed: Collection[str] = ()
) -> dict[str, Given]:
    """Return the argument of each parameter, without defaults, by the name of the parameter.

    A parameter that a derived net has `fixed` can only be replaced by name.
    """
    unnamed = [parameter.name for parameter in parameters if not parameter.open_size]
    bound: dict[str, Given] = {}
    for argument in given:
        free = [name for name in unnamed if name not in bound and name not in fixed]
        for name, value, at in _filled(what, parameters, free, argument):
            if name in bound:
                raise Mistake(Rejected("argument-twice", f"`{name}` is given twice"), argument.span)
            bound[name] = Given(name, value, argument.span, at)
    return bound


def _filled(what: str, parameters: Sequence[s.Parameter], free: Sequence[str], argument: Given) -> list[Fill]:
    value, at = argument.value, argument.at
    names = [parameter.name for parameter in parameters]
    if argument.name is not None:
        if argument.name not in names:
            message = f"`{what}` has no parameter named `{argument.name}`"
            help = did_you_mean(argument.name, names) or _declared(what, parameters)
            raise Mistake(Rejected("unknown-argument", message, help=help), name_span(argument))
        return [(argument.name, value, at)]
    if isinstance(value, Strided):
        return [
            (_windowed("kernel", names, what, value.window_span), Window(value.window), value.window_span),
            (_windowed("stride", names, what, value.stride_span), value.stride, value.stride_span),
        ]
    if isinstance(value, Window) and "kernel" in free:
        return [("kernel", value, at)]
    if free:
        return [(free[0], value, at)]
    opened = [parameter.name for parameter in parameters if parameter.open_size]
    count = len(names) - len(opened)
    takes = f"{count or 'no'} argument{'s' if count != 1 else ''}"
    message = f"`{what}` takes {takes}; this is one more: {kind(value)}"
    help = f"an open size is given by name: `{opened[0]}={shown(value)}`" if opened else _declared(what, parameters)
    raise Mistake(Rejected("too-many-arguments", message, help=help), argument.span)


def _windowed(name: str, names: Sequence[str], what: str, span: Span) -> str:
    if name in names:
        return name
    part = "a window" if name == "kernel" else "a stride"
    raise Mistake(Rejected("unknown-argument", f"`{what}` has no parameter `{name}`, which {part} would fill"), span)


def name_span(argument: Given | s.Argument) -> Span:
    """Return the place of an argument's name."""
    span = argument.span
    return Span(span.file, span.line, span.column, span.line, span.column + len(argument.name or ""))


def _declared(what: str, parameters: Sequence[s.Parameter]) -> str | None:
    if not parameters:
        return None
    return f"it is declared with `{what}({', '.join(p.name + ('=' if p.default else '') for p in parameters)})`"


def refuse_flowing(what: str, given: Sequence[Given]) -> None:
    """Refuse tensors as arguments, because they reach a block only from the left of an arrow. Refuse functions too."""
    for argument in given:
        found = _flowing_in(argument.value)
        if isinstance(found, Function):
            kinds = "a number, list, string, window, operator or block"
            message = f"a parameter of `{what}` must be {kinds}, not {kind(found)}"
            raise Mistake(Rejected("wrong-kind", message), argument.at)
        if found is not None:
            message = f"values flow into `{what}` from the left of an arrow, but this is {kind(found)}"
            help = f"write `(it, ...) -> {what}`, and name its inputs in it, one `input` for each"
            raise Mistake(Rejected("value-as-argument", message, help=help), argument.at)


def _flowing_in(value: Value) -> Value | None:
    """Return the first part of a value that no argument may hold."""
    if isinstance(value, (Tensor, Bundle, Function)):
        return value
    parts: Sequence[Value] = ()
    if isinstance(value, (OperatorValue, BlockValue)):
        parts = [given.value for given in value.given]
    elif isinstance(value, tuple):
        parts = value
    return next((found for found in map(_flowing_in, parts) if found is not None), None)
