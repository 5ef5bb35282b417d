"""Source text and places in it. Trees, Graphs and messages refer to these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
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
        """Return the span from the start of this one to the end of `other`."""
        return Span(self.file, self.line, self.column, other.end_line, other.end_column)

    def start(self) -> Span:
        """Return the first character alone."""
        return Span(self.file, self.line, self.column, self.line, self.column + 1)


def path_from(file: str, path: str) -> str:
    """Return a path that `use` gives, made relative to the same folder as the file's own path."""
    return normpath(join(dirname(file), path))


@dataclass(frozen=True, slots=True)
class Source:
    """A text with a name, as it was read."""

    name: str
    text: str

    def lines(self) -> list[str]:
        """Return the lines of the text, split where the lexer counts lines: at `\\n`, without a `\\r` before it."""
        return list(_lines(self.text))


@lru_cache(maxsize=8)
def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.removesuffix("\r") for line in text.split("\n"))
