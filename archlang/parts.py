"""Text in parts, each with what it is: a terminal may colour them, and joined they are the plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

Role = Literal["", "error", "warning", "note", "strong", "place", "help", "faint"]
Part = tuple[Role, str]
Line = Sequence[Part]  # none of its texts needs to end at a line's end, and a message may hold several lines


def text_of(lines: Iterable[Line]) -> str:
    """Return the plain text of some lines, without a newline at its end."""
    return "\n".join("".join(text for _, text in line) for line in lines)
