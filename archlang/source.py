"""Text and places in it: what every tree, graph and message points back to."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import dirname, join, normpath


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file. Lines and columns count from 1; `end_column` is one past the last character."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: Span) -> Span:
        """The stretch from the start of this span to the end of `other`."""
        return Span(self.file, self.line, self.column, other.end_line, other.end_column)

    def start(self) -> Span:
        """The first character alone."""
        return Span(self.file, self.line, self.column, self.line, self.column + 1)


def path_from(file: str, path: str) -> str:
    """A path as `use` writes it, relative to the file in which it stands."""
    return normpath(join(dirname(file), path))


@dataclass(frozen=True, slots=True)
class Source:
    """A named text, as read."""

    name: str
    text: str

    def lines(self) -> list[str]:
        """The text's lines, split where the lexer counts a line: at `\\n`, a `\\r` before it left off."""
        return [line.removesuffix("\r") for line in self.text.split("\n")]
