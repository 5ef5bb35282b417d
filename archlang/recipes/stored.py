"""A recipe as plain data, for a file: every setting as it was evaluated. It reads back equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

from archlang.recipes import recipe as r
from archlang.source import Span

_KIND = "is"
_CLASSES: dict[str, type[Any]] = {
    one.__name__: one
    for one in (
        r.Recipe, r.Part, r.Named, r.LossTerm, r.Group, r.Freeze, r.Rest, r.Penalty, r.Stage, r.Schedule, r.Goal, Span,
    )
}  # fmt: skip


def as_data(recipe: r.Recipe) -> dict[str, Any] | None:
    """Return a recipe as dicts and lists of plain values; None if a loss of the user's own is a part of it."""
    if any(term.own is not None for term in recipe.losses):
        return None
    return cast("dict[str, Any]", _plain(recipe))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        name = type(value).__name__
        assert name in _CLASSES, name
        return {_KIND: name, **{one.name: _plain(getattr(value, one.name)) for one in fields(value)}}
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def of_data(data: Mapping[str, Any]) -> r.Recipe:
    """Return the recipe that `as_data` wrote. Raises KeyError or TypeError for anything else."""
    found = _made(data)
    if not isinstance(found, r.Recipe):
        raise TypeError("no recipe")
    return found


def _made(value: Any) -> Any:
    if isinstance(value, Mapping):
        named = {name: _made(one) for name, one in cast("Mapping[str, Any]", value).items()}
        return _CLASSES[named.pop(_KIND)](**named) if _KIND in named else named
    if isinstance(value, list):
        return tuple(_made(one) for one in value)  # pyright: ignore[reportUnknownVariableType]
    return value
