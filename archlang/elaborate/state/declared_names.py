"""The names that a file declares or uses, found once for all its nets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.state.mistakes import Mistake
from archlang.source import Span

Named = s.Definition | s.Derived | s.Let | s.Recipe


@dataclass
class Declared:
    """The names of a file, each with its place: values that are declared, and names that `use` takes from other files.

    Declarations whose parameters are wrong have a place and no value. `mistakes` are those of the names themselves.
    """

    places: dict[str, Span] = field(default_factory=dict[str, Span])
    values: dict[str, Named] = field(default_factory=dict[str, Named])
    used: dict[str, tuple[s.Name, s.Use]] = field(default_factory=dict[str, "tuple[s.Name, s.Use]"])
    mistakes: list[Mistake] = field(default_factory=list[Mistake])
    nets: Mapping[str, s.Definition | s.Derived] = field(default_factory=dict[str, "s.Definition | s.Derived"])
    recipes: frozenset[str] = frozenset()


@lru_cache(maxsize=8)
def declared_in(file: s.File) -> Declared:
    """Return the names of a file; the files of the last calls are remembered, each by its identity."""
    found = Declared()
    for declaration in file.declarations:
        if isinstance(declaration, s.Use):
            for used in declaration.names:
                if _is_free(used.text, used.span, found):
                    found.used[used.text] = used, declaration
            continue
        name, span = named(declaration)
        if _is_free(name, span, found):
            wrong = list(_wrong_parameters(declaration))
            found.mistakes += wrong
            if not wrong:
                found.values[name] = declaration
    owned = [one for one in file.declarations if not isinstance(one, s.Use)]
    firsts = {named(one)[0]: one for one in owned if found.places[named(one)[0]] is named(one)[1]}
    found.nets = {name: one for name, one in firsts.items() if isinstance(one, (s.Definition, s.Derived))}
    found.recipes = frozenset(name for name, one in firsts.items() if isinstance(one, s.Recipe))
    return found


def named(declaration: Named) -> tuple[str, Span]:
    """Return the name of a declaration, and its place."""
    if isinstance(declaration, s.Let):
        return declaration.name, declaration.span
    return declaration.name.text, declaration.name.span


def _is_free(name: str, span: Span, found: Declared) -> bool:
    """Return whether a name can be declared. If not, that is a mistake."""
    if name in found.places:
        labels = (Label(found.places[name], "the first one"),)
        found.mistakes.append(Mistake(Rejected("duplicate-declaration", f"`{name}` is declared twice"), span, labels))
        return False
    if name == "it":
        message = "`it` is the value that flows; a declaration needs a name of its own"
        found.mistakes.append(Mistake(Rejected("name-taken", message), span))
    found.places[name] = span
    return True


def _wrong_parameters(declaration: Named) -> Iterator[Mistake]:
    """Yield a mistake for each parameter that shares a name or is called `it`."""
    if isinstance(declaration, s.Derived):
        return
    places: set[str] = set()
    for parameter in declaration.parameters or ():
        if parameter.name in places or parameter.name == "it":
            message, help = f"`{parameter.name}` is a parameter already", None
            if parameter.open_size:
                help = f"to use the same size again, write its name: `[..., {parameter.name}]`"
            if parameter.name == "it":
                message = "`it` is the value that flows; no parameter can be called that"
            yield Mistake(Rejected("name-taken", message, help=help), parameter.span)
        places.add(parameter.name)
