"""The registry: every operator class in this package, by its word in the language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import cast

from archlang.ops.base import Operator

_WORD = re.compile(r'^    word: ClassVar\[str\] = "(\w+)"$', re.MULTILINE)


class _Registry(Mapping[str, type[Operator]]):
    """Operator classes by word. A family's file is imported when one of its operators is first asked for.

    Which file holds which is read off the text of the files, so that a command pays for the families of its nets and
    not for a hundred classes.
    """

    def __init__(self) -> None:
        self._families: dict[str, str] = {}
        for module in iter_modules(__path__):
            name = f"{__name__}.{module.name}"
            for word in _words_in(name):
                if word in self._families:
                    raise TypeError(f"two operators are called {word}")
                self._families[word] = name

    def __getitem__(self, word: str) -> type[Operator]:
        return classes_in(self._families[word])[word]

    def __contains__(self, word: object) -> bool:
        return word in self._families

    def __iter__(self) -> Iterator[str]:
        return iter(self._families)

    def __len__(self) -> int:
        return len(self._families)


def _words_in(module: str) -> list[str]:
    """The words of the operators in a module, without importing it where its text is there to read."""
    spec = find_spec(module)
    text = cast(InspectLoader, spec.loader).get_source(module) if spec and spec.loader else None
    return list(classes_in(module)) if text is None else _WORD.findall(text)


@cache
def classes_in(module: str) -> dict[str, type[Operator]]:
    """The operators that a module defines."""
    values = vars(import_module(module)).values()
    operators = [value for value in values if isinstance(value, type) and issubclass(value, Operator)]
    return {op.word: op for op in operators if "word" in vars(op) and op.__module__ == module}


@cache
def registry() -> Mapping[str, type[Operator]]:
    """Operator classes by word. A class found in any file of this package belongs to it."""
    return _Registry()


@cache
def foreign_names() -> dict[str, str]:
    """Other libraries' names, in lower case, and ours."""
    return {name.lower(): word for word, op in registry().items() for name in op.elsewhere}


@cache
def enumerations(op: type[Operator] | None = None) -> frozenset[str]:
    """Every word that stands for itself in a named argument, of one operator or of any: `same`, `reflect`."""
    from typing import Literal, get_args, get_origin

    def words(annotation: object) -> set[str]:
        if get_origin(annotation) is Literal:
            return {word for word in get_args(annotation) if isinstance(word, str)}
        return set[str]().union(*map(words, get_args(annotation)))

    ops = registry().values() if op is None else [op]
    return frozenset(word for op in ops for field in op.model_fields.values() for word in words(field.annotation))
