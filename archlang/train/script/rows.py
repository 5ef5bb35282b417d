"""The rows of a function: lines of text, and calls, which are broken when their place is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archlang.lower.written import Written, laid_out

_STEP = "    "


@dataclass(frozen=True, slots=True)
class Laid:
    """A call behind the start of its line, so many steps to the right."""

    start: str
    call: Written
    depth: int = 0

    def __str__(self) -> str:
        return f"{self.start}{self.call}"


Row = str | Laid


def called(start: str, name: str, *arguments: str | Written) -> Laid:
    """Return a call behind the start of its line, such as `model = `."""
    return Laid(start, Written(name, arguments))


def listed(start: str, items: Sequence[str | Written]) -> Laid:
    """Return a list behind the start of its line."""
    return Laid(start, Written("", tuple(items), "[]"))


def indented(rows: Sequence[Row]) -> list[Row]:
    """Return rows one step further to the right."""
    return [
        replace(row, depth=row.depth + 1) if isinstance(row, Laid) else f"{_STEP}{row}" if row else row for row in rows
    ]


def text_of(rows: Sequence[Row]) -> str:
    """Return the rows as text."""
    lines: list[str] = []
    for row in rows:
        lines += laid_out(_STEP * row.depth + row.start, row.call, "") if isinstance(row, Laid) else [row]
    return "\n".join(lines)
