"""The declarations of a file, and the file."""

from __future__ import annotations

from archlang.source import Span
from archlang.syntax.actions import Apply, Body
from archlang.syntax.expressions import Argument, Expression, Name
from archlang.syntax.frozen import tree
from archlang.syntax.statements import Broken, Expect, Let, Parameter


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


@tree
class Setting:
    """One line of a recipe: its word, its arguments, and further steps behind arrows.

    `augment randomcrop 32 -> randomhorizontalflip`; in `loss 0.3 * crossentropy aux` the factor is 0.3, and the only
    step is `crossentropy aux`.
    """

    word: Name
    arguments: tuple[Argument, ...]
    factor: Expression | None
    steps: tuple[Apply, ...]
    span: Span


@tree
class Recipe:
    """`train name(parameters) = base arguments { settings }`. Without a base, it is a group of settings for others."""

    name: Name
    parameters: tuple[Parameter, ...]
    base: Name | None
    arguments: tuple[Argument, ...]
    lines: tuple[RecipeLine, ...]
    span: Span


RecipeLine = Let | Expect | Setting | Broken
Declaration = Definition | Derived | Let | Use | Recipe


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

    @property
    def recipes(self) -> list[Name]:
        """The names of the recipes that have a net, in the order written."""
        return [one.name for one in self.declarations if isinstance(one, Recipe) and one.base is not None]
