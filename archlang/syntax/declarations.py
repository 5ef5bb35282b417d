"""The declarations of a file, and the file."""

from __future__ import annotations

from archlang.source import Span
from archlang.syntax.actions import Body
from archlang.syntax.expressions import Argument, Name
from archlang.syntax.frozen import tree
from archlang.syntax.statements import Let, Parameter


@tree
class Definition:
    """A `net` or a `block`."""

    name: Name
    parameters: tuple[Parameter, ...]
    body: Body
    is_net: bool
    span: Span


@tree
class Derived:
    """`net name = base arguments { expectations }`."""

    name: Name
    base: Name
    arguments: tuple[Argument, ...]
    body: Body | None
    span: Span


@tree
class Use:
    """`use "path": names`. `file` is the name of the file that is meant if the path names a shipped spec."""

    path: str
    path_span: Span
    names: tuple[Name, ...]
    span: Span
    file: str = ""


Declaration = Definition | Derived | Let | Use


@tree
class File:
    """A parsed file. `broken` names the declarations that could not be parsed: no messages concern their contents.

    `words` is its length: the number of tokens, including line ends.
    """

    name: str
    declarations: tuple[Declaration, ...]
    comments: tuple[tuple[Span, str], ...]
    broken: frozenset[str]
    words: int = 0
