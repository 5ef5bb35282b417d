"""Settings as Python writes them."""

from __future__ import annotations

from collections.abc import Iterable

from archlang.lower.written import Written
from archlang.recipes.arguments import REQUIRED, Known, Setting
from archlang.recipes.recipe import Part


def literal(value: Setting) -> str:
    """Return a value as Python writes it: `64_000`, `0.1`, `"linear"`, `[1, 2]`."""
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value)


def keywords(part: Part, *, skip: Iterable[str] = ()) -> list[str]:
    """Return the arguments that a recipe writes, each with its name."""
    return [f"{name}={literal(part.arguments[name])}" for name in part.given if name not in set(skip)]


def made(name: str, part: Part, known: Known) -> Written:
    """Return the call that makes something of torch; an argument that must be given is written without its name."""
    first, (_, default) = next(iter(known.arguments.items()), ("", (None, None)))
    if default == REQUIRED and first in part.given:
        return Written(name, (literal(part.arguments[first]), *keywords(part, skip=[first])))
    return Written(name, tuple(keywords(part)))
