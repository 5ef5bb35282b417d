"""Wraps text for a terminal of 100 columns."""

from __future__ import annotations

from textwrap import wrap

COLUMNS = 100


def folded(text: str, first: str, rest: str, columns: int = COLUMNS) -> list[str]:
    """Wrap text at its spaces, with `first` before its first line and `rest` before the others."""
    return wrap(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
