"""The registry: every operator class by its word in the language, those of this package and a user's own.

A user's operator is the same kind of class. An installed package names it by an entry point of the group
`archlang.operators`, whose name is the word and whose value is the class: `cube = "mine.operators:Cube"`. `register`
runs a file and adds the operators that it defines.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

from archlang.ops.base import Operator
from archlang.ops.errors import OperatorsError as OperatorsError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from pathlib import Path

GROUP = "archlang.operators"  # of the entry points

_WORD = re.compile(r'^    word: ClassVar\[str\] = "(\w+)"$', re.MULTILINE)


class _Registry(Mapping[str, type[Operator]]):
    """Operator classes by word. A family's file is imported when one of its operators is first used.

    The words of a file are read from its text, so that a command imports the families of its nets and not a hundred
    classes. Installed packages are searched only for a word that no family has.
    """

    def __init__(self) -> None:
        self._families: dict[str, str] = {}
        self._files: dict[str, type[Operator]] = {}
        self._packages: dict[str, EntryPoint] | None = None
        for module in iter_modules(__path__):
            name = f"{__name__}.{module.name}"
            for word in _words_in(name):
                if word in self._families:
                    raise TypeError(f"two operators are called {word}")
                self._families[word] = name

    def __getitem__(self, word: str) -> type[Operator]:
        if word in self._families:
            return classes_in(self._families[word])[word]
        return self._files[word] if word in self._files else _loaded(self._installed()[word])

    def __contains__(self, word: object) -> bool:
        return word in self._families or word in self._files or word in self._installed()

    def is_built_in(self, word: str) -> bool:
        """Return whether a word is one of this package's own, for which no other package is searched."""
        return word in self._families

    def __iter__(self) -> Iterator[str]:
        return iter((*self._families, *self._files, *self._installed()))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def add(self, found: Mapping[str, type[Operator]], file: str) -> None:
        """Add the operators of a file: all of them, or none."""
        for word in found:
            if word in self:
                raise OperatorsError(f"{file}: there is an operator `{word}` already")
        self._take({**self._files, **found})

    @contextmanager
    def kept(self) -> Generator[None]:
        """Remove at the end the operators that were added within the context."""
        before = self._files
        try:
            yield
        finally:
            self._take(before)

    def _take(self, files: dict[str, type[Operator]]) -> None:
        self._files = files
        foreign_names.cache_clear()
        akin_names.cache_clear()
        enumerations.cache_clear()

    def _installed(self) -> dict[str, EntryPoint]:
        """Return the entry points of the packages that are installed, by word."""
        if self._packages is None:
            found: dict[str, EntryPoint] = {}
            for package, entry in _entry_points():
                if entry.name in self._families or entry.name in found:
                    raise OperatorsError(f"the package {package}: there is an operator `{entry.name}` already")
                found[entry.name] = entry
            self._packages = found
        return self._packages


def _words_in(module: str) -> list[str]:
    """Return the words of the operators in a module. The module is not imported if its text can be read."""
    spec = find_spec(module)
    text = cast(InspectLoader, spec.loader).get_source(module) if spec and spec.loader else None
    return list(classes_in(module)) if text is None else _WORD.findall(text)


@cache
def classes_in(module: str) -> dict[str, type[Operator]]:
    """Return the operators that a module defines."""
    values = vars(import_module(module)).values()
    operators = [value for value in values if isinstance(value, type) and issubclass(value, Operator)]
    return {op.word: op for op in operators if "word" in vars(op) and op.__module__ == module}


@cache
def _registry() -> _Registry:
    return _Registry()


def registry() -> Mapping[str, type[Operator]]:
    """Return operator classes by word: those of this package, of installed packages, and of registered files.

    Raises OperatorsError if a package cannot be loaded.
    """
    return _registry()


def is_built_in(word: str) -> bool:
    """Return whether an operator of this package has that word."""
    return _registry().is_built_in(word)


def _sound() -> dict[str, type[Operator]]:
    """Return all operators but those whose package cannot be loaded; that is reported where their word is used."""
    found: dict[str, type[Operator]] = {}
    for word in registry():
        with suppress(OperatorsError):
            found[word] = registry()[word]
    return found


@cache
def foreign_names() -> dict[str, str]:
    """Return our words by other libraries' names in lower case. If two operators claim a name, the first has it."""
    claims = [(name.lower(), word) for word, op in _sound().items() for name in op.elsewhere]
    return dict(reversed(claims))


@cache
def akin_names() -> dict[str, tuple[str, str]]:
    """Return other libraries' operators that are close to one of ours: our word, and how theirs differs."""
    own = [(word, vars(op).get("akin", {})) for word, op in _sound().items()]  # not what a subclass inherits
    return {name.lower(): (word, differs) for word, akin in own for name, differs in akin.items()}


@cache
def enumerations(op: type[Operator] | None = None) -> frozenset[str]:
    """Return every word that is the value of a named argument, of one operator or of any: `same`, `reflect`."""
    from typing import Literal, get_args, get_origin

    from archlang.ops.initialisers import FANS, NONLINEARITIES

    def words(annotation: object) -> set[str]:
        if get_origin(annotation) is Literal:
            return {word for word in get_args(annotation) if isinstance(word, str)}
        return set[str]().union(*map(words, get_args(annotation)))

    ops = _sound().values() if op is None else [op]
    of_initialisers = (*FANS, *NONLINEARITIES) if op is None else ()
    found = (word for op in ops for field in op.model_fields.values() for word in words(field.annotation))
    return frozenset((*found, *of_initialisers))


# ---- a user's own


def register(path: Path | str) -> tuple[str, ...]:
    """Run a Python file, add the operators that it defines, and return their words. A file is run once in a process.

    Raises OperatorsError if the file does not exist, fails, defines no operator, or defines one whose word exists.
    """
    from pathlib import Path

    from archlang.ops.own import classes_of_file

    found, known = classes_of_file(Path(path)), _registry()
    if any(known.get(word) is not op for word, op in found.items()):
        known.add(found, str(path))
    return tuple(found)


@contextmanager
def registered(paths: Sequence[Path | str]) -> Generator[None]:
    """Add the operators of these files within the context. Raises as `register` does."""
    if not paths:
        yield  # without files there is no need to look through the families
        return
    with _registry().kept():
        for path in paths:
            register(path)
        yield


def _entry_points() -> Iterator[tuple[str, EntryPoint]]:
    """Yield the entry points that are operators, each with the name of its package."""
    from importlib.metadata import distributions

    seen: set[str] = set()
    for package in distributions():
        # this runs at each start, and hardly any package has operators: search the text before parsing it
        if f"[{GROUP}]" in (package.read_text("entry_points.txt") or "") and package.name not in seen:
            seen.add(package.name)  # the first one on the path hides later ones, as in imports
            yield from ((package.name, entry) for entry in package.entry_points.select(group=GROUP))


@cache
def _loaded(entry: EntryPoint) -> type[Operator]:
    from archlang.ops.own import class_of

    return class_of(entry)
