"""Operators as the language writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archlang.ops.base import Operator
from tests.generator.draws import Draws


class Written(str):
    """An expression in the place of a number."""

    __slots__ = ()


def value_text(value: Any) -> str:
    """Return a value of a named argument."""
    match value:
        case Written():
            return value
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(value_text, value))}]"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _:
            return str(value)


def operator_text(op: type[Operator], fields: Mapping[str, Any], draws: Draws) -> str:
    """Return a step of this operator with these arguments; arguments with their default are mostly left out."""
    words = [op.word]
    is_named = draws.chance(8)
    for name, kind in op.positional.items():
        value = fields.get(name)
        if value is not None:
            words.append(f"{name}=" * is_named + _placed(kind, value, draws))
    stride = fields.get("stride")
    if is_named and "stride" in op.model_fields and stride is not None:
        words.append(f"stride={value_text(stride)}")
    elif "stride" in op.model_fields and stride is not None and stride != op.model_fields["stride"].default:
        written = value_text(stride) if isinstance(stride, Written) else _window(stride)
        if "window" in [*op.positional.values()][:1] and draws.chance(70):
            words[1] += f"/{written}"
        else:
            words.append(f"/{written}")
    for name, value in fields.items():
        default = op.model_fields[name].default
        if name in op.positional or name == "stride" or value is None or (value == default and not draws.chance(5)):
            continue
        words.append(f"{name}={value_text(value)}")
    return " ".join(words)


def _placed(kind: str, value: Any, draws: Draws) -> str:
    if kind == "string":
        return f'"{value}"'
    if kind != "window" or isinstance(value, Written):
        return value_text(value)
    if draws.chance(80) and min(value) >= 0:
        return _window(value)
    return value_text(value)


def _window(value: Any) -> str:
    """Return `3x3`, or `[3]` for one side."""
    if type(value) is not tuple:
        return value_text(value)
    written = "x".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType]
    return written if "x" in written else f"[{written}]"
