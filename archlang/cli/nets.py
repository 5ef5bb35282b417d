"""Loading the nets of a command that takes several SPECs, with a distinct name for each."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import settings_of

if TYPE_CHECKING:
    from archlang.ir import Graph
    from archlang.sheets import Sheet
    from archlang.syntax import Expression

MANY_HELP = "A SPEC with several nets means all of them. A pattern such as 'resnet*' means all shipped nets that match."


@dataclass(frozen=True, slots=True)
class Chosen:
    """A net of a SPEC. `name` is its own, or the SPEC if another net has the same name.

    `family` is the name of its file without the suffix; `text` is the file's text. A net is `as_shipped` if it is one
    of archlang's own and none of its parameters is replaced, and `alone` if its SPEC names no other. `files` were read
    for it.
    """

    name: str
    graph: Graph
    family: str
    text: str
    as_shipped: bool
    alone: bool
    spec: str
    files: tuple[Path, ...]


def chosen_nets(arguments: argparse.Namespace, only: bool = False) -> list[Chosen]:
    """Return every net that the SPECs of a command name, in order; `only` asks for exactly one of each.

    Raises SpecError for the first that is wrong, and CallError if a pattern is like no shipped net.
    """
    settings = settings_of(arguments)
    found: list[Chosen] = []
    for spec in arguments.spec:
        if not only and re.search(r"[*?\[]", spec) and not Path(spec).exists():
            found += _like(spec, settings)
        else:
            found += _of_spec(spec, settings, arguments.root, only)
    times = Counter(one.name for one in found)
    return [replace(one, name=one.spec) if times[one.name] > 1 else one for one in found]


def _of_spec(spec: str, settings: Mapping[str, Expression], root: Path | None, only: bool) -> Iterator[Chosen]:
    from archlang.compiler import SpecError, check
    from archlang.paths import SPECS

    checked = check(spec, settings, only, root)
    if checked.diagnostics:
        raise SpecError(checked)
    by_name = re.fullmatch(r"\w+", spec) is not None and not Path(spec).is_file()
    shipped = by_name or Path(checked.source.name).resolve().is_relative_to(SPECS)
    for graph in checked.graphs:
        family = Path(checked.source.name).stem
        as_shipped, alone = shipped and not settings, len(checked.graphs) == 1
        files = tuple(checked.library.paths)
        yield Chosen(graph.name, graph, family, checked.source.text, as_shipped, alone, spec, files)


def _like(pattern: str, settings: Mapping[str, Expression]) -> list[Chosen]:
    """Return the shipped nets that match a pattern and need no arguments, in the order of their files."""
    from fnmatch import fnmatchcase

    from archlang.library import CallError
    from archlang.paths import SPECS
    from archlang.shipped import shipped_nets

    found: list[Chosen] = []
    for path, names in shipped_nets():
        if path.parent == SPECS and any(fnmatchcase(name, pattern) for name in names):
            every = _of_spec(str(path), settings, SPECS, only=False)
            found += [replace(one, alone=False, spec=one.name) for one in every if fnmatchcase(one.name, pattern)]
    if not found:
        raise CallError(f"no shipped net matches {pattern}")
    return found


def to_the_right(sheet: Sheet, *columns: int) -> Sheet:
    """Return the sheet with the text of these columns aligned to the right."""
    cells = [list(row) for row in (sheet.headings, *sheet.all_rows)]
    for column in columns:
        width = max(len(str(row[column])) for row in cells)
        for row in cells:
            row[column] = str(row[column]).rjust(width)
    headings, *rows = map(tuple, cells)
    body, total = (rows[:-1], rows[-1]) if sheet.total else (rows, ())
    return replace(sheet, headings=tuple(map(str, headings)), rows=tuple(body), total=total)
