"""Messages about arguments that no field of an operator takes, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from archlang.diagnostics import Rejected
from archlang.elaborate.state.kinds import BlockValue, Bundle, OperatorValue, Tensor, Value, kind, shown
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.ops.base import Operator
from archlang.shapes import Window


def misplaced(op: type[Operator], value: Value, again: str, left: Sequence[str], taken: Mapping[str, Any]) -> Rejected:
    """Return the message about an argument that no field takes. `again` is its kind if one such was already given."""
    if isinstance(value, OperatorValue) and not left and _named_instead(op, value.op.word, taken):
        value = value.op.word  # one of the operator's own words, which is another operator's name too
    what = kind(value)
    wanted = f"{op.word} takes {needs(op, left)} here, not {what}" if left else None
    if isinstance(value, (Tensor, Bundle)):
        message = f"values flow into {op.word} from the left of an arrow, but this is {what}"
        return Rejected("value-as-argument", message, help=f"write it before the arrow: `(...) -> {op.word}`")
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
        message = f"{op.word} takes one {again}; this is one more: {what}"
        more = f"; by name it takes {' or '.join(f'`{text}`' for text in named)}" if named else ""
        return Rejected("too-many-arguments", message, help=signature(op) + more)
    if named:
        message = f"{op.word} does not take {what} without a name"
        return Rejected("needs-a-name", message, help=_by_name(op, named, bool(taken)))
    return _not_taken(op, what)


def _help_instead(op: type[Operator], value: Value, left: Sequence[str], named: Sequence[str], more: bool) -> str:
    """Suggest what to write if another kind of argument is needed."""
    if named and (isinstance(value, str) or not any(op.model_fields[name].is_required() for name in left)):
        return _by_name(op, named, more)
    if type(value) is int and value > 0 and op.positional[left[0]] == "window":
        return f"a window is written `{value}x{value}`, or `[k, k]` if it is computed"
    return signature(op)


def _not_taken(op: type[Operator], what: str) -> Rejected:
    """Return the message about an argument that no field could hold."""
    if not op.model_fields:
        message, help = f"{op.word} takes no argument, but this is one: {what}", f"write `{op.word}`"
        return Rejected("too-many-arguments", message, help=help)
    own = [f"`{name}=`" for name in op.model_fields if name not in op.positional and name != "stride"]
    help = f"{op.word} takes {', '.join(own)} by name" if own else signature(op)
    return Rejected("too-many-arguments", f"{op.word} takes no argument such as {what}", help=help)


def _named_instead(op: type[Operator], value: Value, taken: Mapping[str, Any]) -> list[str]:
    """Return the ways to give a value by name, one for each free field that accepts it."""
    free = [name for name in op.model_fields if name not in op.positional and name not in taken]
    plain = tuple(value) if isinstance(value, Window) else value
    named = [name for name in free if _accepts_value(op, {**taken, name: plain}, name)]
    text = value if isinstance(value, str) and value.isidentifier() else shown(value)
    return [f"/{text}" if name == "stride" else f"{name}={text}" for name in named]


def _accepts_value(op: type[Operator], fields: Mapping[str, Any], name: str) -> bool:
    """Return whether a field accepts its value. Other fields may be wrong or missing."""
    try:
        op(**fields)
    except ValidationError as error:
        return all(detail["loc"] and detail["loc"][0] != name for detail in error.errors())
    except Rejected:
        return False
    return True


def _by_name(op: type[Operator], named: Sequence[str], more: bool) -> str:
    """Suggest the argument with its name, or several if more than one may be meant."""
    if len(named) == 1:
        return f"write `{named[0]}`" if more else f"write `{op.word} {named[0]}`"
    return f"write the one that you mean: {' or '.join(f'`{text}`' for text in named)}"


def needs(op: type[Operator], names: Sequence[str]) -> str:
    parts = [f"a {op.positional[name]} (`{name}`)" if name in op.positional else f"`{name}=`" for name in names]
    return " and ".join(parts)


_SAMPLES = {"window": "3x3", "number": "64", "string": '"..."', "list": "[1, 2]"}


def _usage(op: type[Operator]) -> str:
    if op.examples:
        return op.examples[0].step
    return " ".join([op.word, *(_SAMPLES[kind] for kind in op.positional.values())])


def signature(op: type[Operator]) -> str:
    return f"it is written like `{_usage(op)}`"


_TYPES = {
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "string_type": "a string", "tuple_type": "a list of whole numbers",
}  # fmt: skip
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"), "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"), "less_than": ("less than", "lt"),
}  # fmt: skip


def rejected_value(op: type[Operator], fields: Mapping[str, Any], errors: list[ErrorDetails]) -> tuple[str, Rejected]:
    """Return the field whose value is wrong, and the message about it."""
    name = str(_telling(errors)["loc"][0])
    return name, _rejected(op, name, fields[name], errors)


def _telling(errors: list[ErrorDetails]) -> ErrorDetails:
    """Return the most useful error of a union's members: one about the value rather than its type."""
    return next((error for error in errors if error["type"] in _BOUNDS), errors[0])


def _rejected(op: type[Operator], name: str, value: Any, errors: list[ErrorDetails]) -> Rejected:
    detail = _telling(errors)
    if detail["type"] in _BOUNDS:
        words, bound = _BOUNDS[detail["type"]]
        message = f"`{name}` of {op.word} must be {words} {detail.get('ctx', {})[bound]}, not {detail['input']}"
        return Rejected("out-of-range", message)
    wanted: list[str] = []
    for error in errors:
        if error["loc"][0] == name:
            words = _accepts(error)
            wanted += [words] if words not in wanted else []
    items = cast("tuple[Value, ...]", value) if isinstance(value, tuple) else ()
    decimal = next((item for item in items if isinstance(item, float)), None)
    if decimal is not None and _TYPES["int_type"] in wanted:
        message = f"`{name}` of {op.word} takes whole numbers, and one of these is {kind(decimal)}"
        return Rejected("wrong-kind", message, help=_instead(decimal, wanted))
    message = f"`{name}` of {op.word} must be {' or '.join(wanted)}, not {kind(cast(Value, value))}"
    number = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if op.positional.get(name) == "window" and number > 0:
        return Rejected("wrong-kind", message, help=f"a window is written `{name}={number}x{number}`")
    return Rejected("wrong-kind", message, help=_instead(cast(Value, value), wanted))


def _instead(value: Any, wanted: Sequence[str]) -> str | None:
    """Suggest what to write for a value of the wrong kind."""
    if isinstance(value, str):
        return did_you_mean(value, [word for words in wanted for word in words.split("`")[1::2]])
    if isinstance(value, float) and value.is_integer():
        return f"`//` and `int(...)` give the whole number {int(value)}"
    if isinstance(value, float) and _TYPES["int_type"] in wanted:
        return "`int(...)`, `floor(...)`, `ceil(...)` and `round(...)` give whole numbers"
    return None


def _accepts(error: ErrorDetails) -> str:
    """Describe what one member of a field's type accepts, in the language's words."""
    if error["type"] == "literal_error":
        return "one of " + str(error.get("ctx", {})["expected"]).replace("'", "`")
    return _TYPES.get(error["type"], error["msg"].lower())
