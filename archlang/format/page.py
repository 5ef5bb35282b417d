"""The rows of text that are written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from archlang.format.commented_words import Comment

WIDTH = 100  # columns
INDENT = 2


@dataclass
class Page:
    """The rows so far. Text is added to the last one; a comment ends it."""

    rows: list[str] = field(default_factory=list[str])
    ended: bool = False

    def fits(self, length: int) -> bool:
        """Return whether this number of characters still fits into the width."""
        return len(self.rows[-1]) + length <= WIDTH

    def row(self, indent: int, text: str = "") -> None:
        """Begin a row."""
        self.rows.append(" " * indent + text)
        self.ended = False

    def add(self, text: str) -> None:
        self.rows[-1] += text

    def beside(self, comment: str) -> None:
        """End the row with a comment, if there is one."""
        if comment:
            self.rows[-1] += f" {comment}"
            self.ended = True

    def comments(self, comments: Iterable[Comment], indent: int, top: int | None = None) -> None:
        """Write comments on rows of their own, with blank rows between them, but none above row `top`."""
        for comment in comments:
            self.blank(comment.blank, top)
            self.row(indent, comment.text)
            self.ended = True

    def blank(self, wanted: bool, top: int | None) -> None:
        """Write a blank row if one is wanted, but none above row `top`."""
        if wanted and top is not None and len(self.rows) > top:
            self.rows.append("")
