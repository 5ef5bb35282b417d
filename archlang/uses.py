"""Which file each `use` means, and the shipped nets that a file calls without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from archlang import syntax as s
from archlang.diagnostics import Diagnostic
from archlang.elaborate import is_known, written
from archlang.shipped import SPACE, shipped_name, shipped_nets, shipped_path
from archlang.source import path_from

_NAME = re.compile(r"(?:zoo:)?[\w-]+(?:/[\w-]+)*")  # of a shipped file or net: the path of a file has a suffix


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that the paths of a spec's files start from, and the one that they may not leave."""

    start: Path
    root: Path

    def file(self, path: str) -> Path | None:
        """Return the file at a path, with its links followed; None if that leads out of the root."""
        real = (self.start / path).resolve()
        return real if real.is_relative_to(self.root.resolve()) else None


def is_name(path: str) -> bool:
    """Return whether a `use` names a shipped spec; otherwise it gives a path."""
    return _NAME.fullmatch(path) is not None


def resolved(file: s.File, text: str, folder: Folder | None, notes: list[Diagnostic]) -> s.File:
    """Return the file with the name of the file that each `use` means, and with a `use` of each shipped net it calls.

    A file of the user's own comes before a shipped one of the same name; a note says so.
    """
    declarations = [
        replace(one, file=_meant(one, file, folder, notes)) if isinstance(one, s.Use) else one
        for one in file.declarations
    ]
    called = () if file.name.startswith(SPACE) else _called(file, text)
    return replace(file, declarations=(*declarations, *called))


def _meant(use: s.Use, file: s.File, folder: Folder | None, notes: list[Diagnostic]) -> str:
    is_shipped = file.name.startswith(SPACE)
    if not (is_name(use.path) or use.path.startswith(SPACE)):
        return SPACE * is_shipped + path_from(file.name.removeprefix(SPACE), use.path)
    name = use.path.removeprefix(SPACE)
    own = path_from(file.name, f"{name}.arch")
    shipped = shipped_path(name)
    if use.path == name and not is_shipped and own != file.name and folder is not None:
        try:
            real = folder.file(own)
        except (OSError, RuntimeError):  # a circle of links
            real = None
        if real is not None and real.is_file():
            if shipped is not None:
                notes.append(_hidden(use, own))
            return own
    return shipped_name(shipped) if shipped is not None else ""


def _hidden(use: s.Use, own: str) -> Diagnostic:
    message = f"`{use.path}` is the file `{own}` here, not the spec of that name that comes with archlang"
    help = f'write `use "{SPACE}{use.path}"` for that spec, or `use "{use.path}.arch"` for this file'
    return Diagnostic("hides-a-shipped-spec", message, use.path_span, help=help, severity="note")


# ---- shipped nets that are called by their name alone


def _called(file: s.File, text: str) -> Iterator[s.Use]:
    """Return a `use` for each shipped net that the file calls, and that nothing else in it can be."""
    shipped = {name: path for path, names in shipped_nets() for name in names}
    candidates = shipped.keys() & set(re.findall(r"\w+", text))
    if not candidates:
        return
    called, defined = _words(file)
    for name in sorted(candidates & called.keys() - defined):
        if not is_known(name):
            span = called[name].span
            yield s.Use(name, span, (called[name],), span, shipped_name(shipped[name]))


def _words(file: s.File) -> tuple[dict[str, s.Name], set[str]]:
    """Return the words that a file calls or passes on, each where it first does so, and all that it defines."""
    called: dict[str, s.Name] = {}
    defined: set[str] = set()
    for node in _parts(file.declarations):
        match node:
            case (
                s.Apply(head=s.Name() as name)
                | s.Inline(head=name)
                | s.Derived(base=name)
                | s.Recipe(base=s.Name() as name)
                | s.Call(function=s.Name() as name)
                | s.Argument(value=s.Name() as name)
            ):
                called.setdefault(name.text, name)
            case s.Step(label=label) | s.Param(label=label):
                defined.update(written(label))
            case s.Let(name=text) | s.Parameter(name=text) | s.Input(name=text):
                defined.add(text)
            case s.Use(names=names) | s.Targets(names=names):
                defined.update(name.text for name in names if isinstance(name, s.Name))
            case _:
                pass
        if isinstance(node, (s.Definition, s.Derived, s.Recipe, s.Repeat)) and node.name is not None:
            defined.add(node.name.text)
    return called, defined


def _parts(nodes: tuple[Any, ...]) -> Iterator[Any]:
    """Return every node of the trees, in the order written."""
    rest = list(reversed(nodes))
    while rest:
        node = rest.pop()
        yield node
        for field in reversed(fields(node)):
            value = getattr(node, field.name)
            inner: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)  # pyright: ignore[reportUnknownVariableType]
            rest += (one for one in reversed(inner) if is_dataclass(one))
