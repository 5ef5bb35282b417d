"""Text and tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from archlang.ops.base import Operator

_SPECIAL = re.compile(r"([\\*_<|\[\]])")


def escaped(text: str) -> str:
    """Return prose with every sign of Markdown escaped except the backticks around code."""
    parts = enumerate(text.split("`"))
    return "`".join(part.replace("|", "\\|") if at % 2 else _SPECIAL.sub(r"\\\1", part) for at, part in parts)


def code(text: str) -> str:
    """Return code for a cell of a table."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def link(op: type[Operator]) -> str:
    """Return an operator's word as a link to its section on the page of its family."""
    return f"[`{op.word}`]({op.__module__.rpartition('.')[2]}.md#{op.word})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool] = ()) -> Iterator[str]:
    """Yield a table. The columns in `right` are aligned to the right."""
    yield f"| {' | '.join(head)} |"
    sides = right or [False] * len(head)
    yield f"|{'|'.join('---:' if side else '---' for side in sides)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
