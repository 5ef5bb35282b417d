"""The registry: every operator class in this package, by its word in the language."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from archlang.ops.base import Operator


@cache
def registry() -> dict[str, type[Operator]]:
    """Operator classes by name. A class found in any file of this package belongs to it."""
    found: dict[str, type[Operator]] = {}
    for module in iter_modules(__path__):
        for value in vars(import_module(f"{__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Operator) and "word" in vars(value):
                if found.setdefault(value.word, value) is not value:
                    raise TypeError(f"two operators are called {value.word}")
    return found


@cache
def foreign_names() -> dict[str, str]:
    """Other libraries' names, in lower case, and ours."""
    return {name.lower(): word for word, op in registry().items() for name in op.elsewhere}


@cache
def enumerations() -> frozenset[str]:
    """Every word that stands for itself in a named argument: `same`, `reflect`."""
    from typing import Literal, get_args, get_origin

    def words(annotation: object) -> set[str]:
        if get_origin(annotation) is Literal:
            return {word for word in get_args(annotation) if isinstance(word, str)}
        return set[str]().union(*map(words, get_args(annotation)))

    return frozenset(
        word for op in registry().values() for field in op.model_fields.values() for word in words(field.annotation)
    )
