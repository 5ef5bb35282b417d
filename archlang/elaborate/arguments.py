"""Arguments to operators: which field each one fills, and what is said where none is right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from archlang.diagnostics import Rejected
from archlang.elaborate.parameters import name_span
from archlang.elaborate.suggest import INFERRED, PLACED, did_you_mean
from archlang.elaborate.values import BlockValue, Given, Mistake, OperatorValue, Strided, Value, kind, shown
from archlang.ops.base import Operator
from archlang.shapes import Window
from archlang.source import Span

Fill = tuple[str, Any, Span]  # a field's name, its value, where that is written


def bind_operator(op: type[Operator], given: Sequence[Given], span: Span) -> tuple[Operator, dict[str, Span]]:
    """The operator with its arguments checked, and where the value of each field was written."""
    fields: dict[str, Any] = {}
    places: dict[str, Span] = {}
    for argument in given:
        for name, value, at in _fields(op, argument, fields, places):
            if name in places:
                raise Mistake(Rejected("argument-twice", f"`{name}` is given twice"), argument.span)
            fields[name], places[name] = value, at
    missing = [name for name, field in op.model_fields.items() if field.is_required() and name not in fields]
    if missing:
        raise Mistake(Rejected("missing-argument", f"{op.word} needs {_needs(op, missing)}", help=_signature(op)), span)
    try:
        return op(**fields), places
    except ValidationError as error:
        detail = _telling(error.errors())
        name = str(detail["loc"][0])
        raise Mistake(_rejected(op, name, fields[name], error.errors()), places.get(name, span)) from None


def _fields(op: type[Operator], argument: Given, taken: Mapping[str, Any], places: Mapping[str, Span]) -> list[Fill]:
    """The fields that one argument fills."""
    value = argument.value
    if argument.slash:
        return [_stride(op, value, argument.at, argument.span)]
    if argument.name is not None:
        # a word such as `mode=max` may be an operator's name too
        word = value.op.word if isinstance(value, OperatorValue) and not value.given else value
        return [(_named(op, argument), tuple(word) if isinstance(word, Window) else word, argument.at)]
    if isinstance(value, Strided):
        window = Window(value.window)
        name = _positional(op, window, value.window_span, taken, places)
        return [(name, tuple(window), value.window_span), _stride(op, value.stride, value.stride_span, argument.span)]
    return [
        (
            _positional(op, value, argument.span, taken, places),
            tuple(value) if isinstance(value, Window) else value,
            argument.at,
        )
    ]


def _stride(op: type[Operator], value: Value, at: Span, span: Span) -> Fill:
    if "stride" not in op.model_fields:
        raise Mistake(Rejected("unknown-argument", f"{op.word} takes no stride"), span)
    return "stride", tuple(value) if isinstance(value, Window) else value, at


def _named(op: type[Operator], argument: Given) -> str:
    name = argument.name or ""
    own = [field for field in op.model_fields if field not in op.positional and field != "stride"]
    if name in own:
        return name
    meant = PLACED.get(name, name)
    if meant in op.model_fields and meant not in own:
        written = shown(argument.value)
        if op.positional.get(meant) == "window" and type(argument.value) is int:
            written = f"{written}x{written}"
        how = f"after a slash: write `/{written}`" if meant == "stride" else f"without a name: write `{written}`"
        help: str | None = f"{op.word} takes it {how}"
    elif name in INFERRED:
        help = "leave it out: it follows from what flows in"
    else:
        help = did_you_mean(name, own) or (f"{op.word} takes {', '.join(own)}" if own else None)
    message = f"{op.word} has no argument named `{name}`"
    raise Mistake(Rejected("unknown-argument", message, help=help), name_span(argument))


def _positional(
    op: type[Operator], value: Value, span: Span, taken: Mapping[str, Any], places: Mapping[str, Span]
) -> str:
    kinds = _kinds(value)
    fitting = [name for name, wanted in op.positional.items() if wanted in kinds]
    for name in fitting:
        if name not in taken:
            return name
    left = [name for name in op.positional if name not in taken]
    if fitting and left:
        # of `3 64`, where a window and a number are wanted, the 3 is at fault
        given = [(taken[name], places[name]) for name in taken if name in op.positional]
        value, span = [*given, (value, span)][min(list(op.positional).index(left[0]), len(given))]
    raise Mistake(_misplaced(op, value, bool(fitting), left, taken), span)


def _misplaced(
    op: type[Operator], value: Value, again: bool, left: Sequence[str], taken: Mapping[str, Any]
) -> Rejected:
    """What is said of an argument that no field takes; `again` where one of its kind was given already."""
    if isinstance(value, OperatorValue) and not left and _named_instead(op, value.op.word, taken):
        value = value.op.word  # one of the operator's own words, which is another operator's name too
    what = kind(value)
    wanted = f"{op.word} takes {_needs(op, left)} here, and this is {what}" if left else None
    if isinstance(value, (OperatorValue, BlockValue)):
        message = wanted or f"{op.word} does not take {what} as an argument"
        return Rejected("wrong-kind", message, help=f"steps are joined by an arrow: `-> {what.rpartition(' ')[2]}`")
    if isinstance(value, str) and re.fullmatch(r"\d+(x\d+)*", value):
        message = wanted or f"{op.word} does not take {what}"
        return Rejected("wrong-kind", message, help=f"write `{value}`, without quotes")
    named = _named_instead(op, value, taken)
    if wanted:
        return Rejected("wrong-kind", wanted, help=_help_instead(op, value, left, named, bool(taken)))
    if again:
        kinds = [one for one in op.positional.values() if one in _kinds(value)]
        message = f"{op.word} takes one {kinds[0]}, and this is one more: {what}"
        more = f"; by name it takes {' or '.join(f'`{text}`' for text in named)}" if named else ""
        return Rejected("too-many-arguments", message, help=_signature(op) + more)
    if named:
        message = f"{op.word} does not take {what} without a name"
        return Rejected("needs-a-name", message, help=_by_name(op, named, bool(taken)))
    return _not_taken(op, what)


def _help_instead(op: type[Operator], value: Value, left: Sequence[str], named: Sequence[str], more: bool) -> str:
    """What to write where an argument of another kind is wanted."""
    if named and (isinstance(value, str) or not any(op.model_fields[name].is_required() for name in left)):
        return _by_name(op, named, more)
    if type(value) is int and value > 0 and op.positional[left[0]] == "window":
        return f"a window is written `{value}x{value}`"
    return _signature(op)


def _not_taken(op: type[Operator], what: str) -> Rejected:
    """What is said of an argument that no field could hold."""
    if not op.model_fields:
        message, help = f"{op.word} takes no argument, and this is one: {what}", f"write `{op.word}`"
        return Rejected("too-many-arguments", message, help=help)
    own = [f"`{name}=`" for name in op.model_fields if name not in op.positional and name != "stride"]
    help = f"{op.word} takes {', '.join(own)} by name" if own else _signature(op)
    return Rejected("too-many-arguments", f"{op.word} takes no argument such as {what}", help=help)


def _named_instead(op: type[Operator], value: Value, taken: Mapping[str, Any]) -> list[str]:
    """How a value could be given by name: as each field that takes it and is still free."""
    free = [name for name in op.model_fields if name not in op.positional and name not in taken]
    plain = tuple(value) if isinstance(value, Window) else value
    named = [name for name in free if _accepts_value(op, {**taken, name: plain}, name)]
    text = value if isinstance(value, str) and value.isidentifier() else shown(value)
    return [f"/{text}" if name == "stride" else f"{name}={text}" for name in named]


def _accepts_value(op: type[Operator], fields: Mapping[str, Any], name: str) -> bool:
    """Whether a field takes the value that it has among others, whatever else is wrong or missing."""
    try:
        op(**fields)
    except ValidationError as error:
        return all(detail["loc"] and detail["loc"][0] != name for detail in error.errors())
    except Rejected:
        return False
    return True


def _by_name(op: type[Operator], named: Sequence[str], more: bool) -> str:
    """The argument by its name; several where more than one may be meant."""
    if len(named) == 1:
        return f"write `{named[0]}`" if more else f"write `{op.word} {named[0]}`"
    return f"write the one that you mean: {' or '.join(f'`{text}`' for text in named)}"


def _kinds(value: Value) -> tuple[str, ...]:
    match value:
        case bool():
            return ()
        case int() | float():
            return ("number",)
        case str():
            return ("string",)
        case Window():
            return ("window",)
        case tuple():
            return ("window", "list")
        case _:
            return ()


def _needs(op: type[Operator], names: Sequence[str]) -> str:
    parts = [f"a {op.positional[name]} (`{name}`)" if name in op.positional else f"`{name}=`" for name in names]
    return " and ".join(parts)


_SAMPLES = {"window": "3x3", "number": "64", "string": '"..."', "list": "[1, 2]"}


def _usage(op: type[Operator]) -> str:
    if op.examples:
        return op.examples[0].step
    return " ".join([op.word, *(_SAMPLES[kind] for kind in op.positional.values())])


def _signature(op: type[Operator]) -> str:
    return f"it is written like `{_usage(op)}`"


_TYPES = {
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "string_type": "a string", "tuple_type": "a list of whole numbers",
}  # fmt: skip
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"), "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"), "less_than": ("less than", "lt"),
}  # fmt: skip


def _telling(errors: list[ErrorDetails]) -> ErrorDetails:
    """Of the errors of a union's members, one that is about the value, not about its type."""
    return next((error for error in errors if error["type"] in _BOUNDS), errors[0])


def _rejected(op: type[Operator], name: str, value: Any, errors: list[ErrorDetails]) -> Rejected:
    detail = _telling(errors)
    if detail["type"] in _BOUNDS:
        words, bound = _BOUNDS[detail["type"]]
        message = (
            f"`{name}` of {op.word} is {words} {detail.get('ctx', {})[bound]}, and this is {_shown(detail['input'])}"
        )
        return Rejected("out-of-range", message)
    wanted: list[str] = []
    for error in errors:
        if error["loc"][0] == name:
            words = _accepts(error)
            wanted += [words] if words not in wanted else []
    message = f"`{name}` of {op.word} is {' or '.join(wanted)}, and this is {kind(value)}"
    return Rejected("wrong-kind", message, help=_instead(value, wanted))


def _instead(value: Any, wanted: Sequence[str]) -> str | None:
    """What to write for a value of the wrong kind."""
    if isinstance(value, str):
        return did_you_mean(value, [word for words in wanted for word in words.split("`")[1::2]])
    if isinstance(value, float) and value.is_integer():
        return f"`//` and `int(...)` give the whole number {int(value)}"
    return None


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _accepts(error: ErrorDetails) -> str:
    """What one member of a field's type accepts, in the language's words."""
    if error["type"] == "literal_error":
        return "one of " + str(error.get("ctx", {})["expected"]).replace("'", "`")
    return _TYPES.get(error["type"], error["msg"].lower())
