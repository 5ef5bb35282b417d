"""The words of the language, read from the parser's grammar and grouped by colour."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from archlang.paths import GRAMMAR

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
WINDOW = r"[0-9]+(?:x[0-9]+)+(?:/[0-9]+(?:x[0-9]+)*)?(?![\w.])"
QUANTITY = r"[0-9]+(?:\.[0-9]+)?[KMGT](?:iB)?(?![\w.])"
FLOAT = r"[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)(?![\w.])"
INT = r"[0-9]+(?:_[0-9]+)*(?!\w)"
OPERATOR = r"->|\*\*|//|==|!=|<=|>=|[-+*/%<>=~]"

# these lists only choose colours; a keyword in none of them belongs to the control words
_TOP = {"net", "block", "train"}  # these name what they declare, and braces follow
_DECLARATIONS = {"let", "input", "param", "buffer"}  # these name what they declare
_STATEMENTS = {"use", "output", "expect", "freeze", "default"}
_LOGIC = {"and", "or", "not"}
_CONSTANTS = {"true", "false"}


@dataclass(frozen=True, slots=True)
class Words:
    """The keywords, each in exactly one group, sorted."""

    top: tuple[str, ...]
    declarations: tuple[str, ...]
    statements: tuple[str, ...]
    logic: tuple[str, ...]
    constants: tuple[str, ...]
    control: tuple[str, ...]

    def all(self) -> tuple[str, ...]:
        """Return every keyword."""
        return (*self.top, *self.declarations, *self.statements, *self.logic, *self.constants, *self.control)

    def names_after_equals(self) -> tuple[str, ...]:
        """Return the keywords that are names after `=`, as in `mode=dense`."""
        return tuple(word for word in self.all() if word not in {*self.constants, "if", "not"})


@cache
def words() -> Words:
    """Return the keywords of the grammar."""
    rules = re.sub(r"//[^\n]*", "", GRAMMAR.read_text(encoding="utf-8"))
    found = set(re.findall(r'"([a-z]+)"', rules))
    coloured = (_TOP, _DECLARATIONS, _STATEMENTS, _LOGIC, _CONSTANTS)
    groups = [tuple(sorted(found & group)) for group in (*coloured, found.difference(*coloured))]
    return Words(*groups)


def alternatives(*groups: tuple[str, ...]) -> str:
    """Return a pattern that matches a keyword of these groups, but not a name before `:` or `.`."""
    listed = "|".join(sorted(word for group in groups for word in group))
    return rf"\b(?:{listed})\b(?!\.|[ \t]*:)"
