"""An operator as the language writes it: `conv 3x3/2 64 pad=1`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from archlang.ops.base import Kind, Operator
from archlang.shapes import Window


def arguments(op: Operator) -> list[str]:
    """The arguments of an operator: positional ones bare, others by name where they differ from the default.

    A stride stands after its window, as in `3x3/2`, or alone before a stride where the operator takes no window.
    """
    values = {name: getattr(op, name) for name in type(op).model_fields}
    named = {name: value for name, value in values.items() if name not in op.positional and value != _default(op, name)}
    stride = "/" + _stride(named.pop("stride")) if "stride" in named else ""
    bare: list[str] = []
    for name, kind in op.positional.items():
        if values[name] is not None:
            bare.append(_positional(values[name], kind))
            if kind == "window":
                bare[-1] += stride
                stride = ""
    return [*bare, *([stride] if stride else []), *(f"{name}={_value(value)}" for name, value in named.items())]


def _default(op: Operator, name: str) -> object:
    return type(op).model_fields[name].get_default(call_default_factory=True)


def _stride(value: int | tuple[int, ...]) -> str:
    return str(value) if isinstance(value, int) else "x".join(map(str, value))


def _positional(value: object, kind: Kind) -> str:
    if kind == "window":
        return str(Window(cast("tuple[int, ...]", value)))
    return f'"{value}"' if kind == "string" else _value(value)


def _value(value: object) -> str:
    """A value by name: true and false in lower case, a tuple as a list, an operator with its arguments in brackets."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Operator):
        fixed = arguments(value)
        return f"{value.word}({', '.join(fixed)})" if fixed else value.word
    if isinstance(value, str):
        return value if value.isidentifier() else f'"{value}"'
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, cast('Sequence[object]', value)))}]"
    return str(value)
