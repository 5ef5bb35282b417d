"""Source text and places in it, to which trees, Graphs and messages refer."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import dirname, join, normpath


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file. Lines and columns count from 1; `end_column` is one past the last character."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
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
        """The lines of the text, split where the lexer counts lines: at `\\n`, without a `\\r` before it."""
        return [line.removesuffix("\r") for line in self.text.split("\n")]
