"""An operator and its arguments as the language writes them: `conv 3x3/2 64 pad=1`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from archlang.ops.base import Kind, Operator
from archlang.shapes import Window


def arguments(op: Operator) -> list[str]:
    """Return an operator's arguments: positional ones without a name, others by name if they differ from the default.

    A stride follows its window, as in `3x3/2`; an operator without a window has it alone, `/2`.
    """
    values = {name: getattr(op, name) for name in type(op).model_fields}
    named = {name: value for name, value in values.items() if name not in op.positional and value != _default(op, name)}
    stride = "/" + _stride(named.pop("stride")) if "stride" in named else ""
    bare: list[str] = []
    for name, kind in op.positional.items():
        if values[name] is not None:
            bare.append(argument(values[name], kind))
            if kind == "window":
                bare[-1] += stride
                stride = ""
    return [*bare, *([stride] if stride else []), *(f"{name}={argument(value)}" for name, value in named.items())]


def argument(value: object, kind: Kind | None = None) -> str:
    """Return the value of an argument: `3x3` for a window, `[1, 0]` for another list, `leaky_relu(0.2)`.

    `kind` is that of a positional argument. None, which has no text, is empty.
    """
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Operator():
            fixed = arguments(value)
            return f"{value.word}({', '.join(fixed)})" if fixed else value.word
        case str():
            return value if value.isidentifier() and kind != "string" else f'"{value}"'
        case Sequence():
            items = cast("Sequence[object]", value)
            is_window = kind == "window"
            return str(Window(cast("tuple[int, ...]", value))) if is_window else f"[{', '.join(map(argument, items))}]"
        case _:
            return str(value)


def _default(op: Operator, name: str) -> object:
    return type(op).model_fields[name].get_default(call_default_factory=True)


def _stride(value: int | tuple[int, ...]) -> str:
    return str(value) if isinstance(value, int) else "x".join(map(str, value))
