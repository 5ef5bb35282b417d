"""The words with which a picture tells of mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from archlang.diagnostics import Diagnostic

WIDE, MOST = 34, 6  # letters of a line in the place of a mistake, and lines


def short_lines(words: str) -> list[str]:
    """Return a message in the lines of a box."""
    return wrap(words, WIDE, max_lines=MOST, placeholder=" …")


def listed(mistakes: Sequence[Diagnostic]) -> tuple[str, ...]:
    """Return each mistake with its place."""
    return tuple(
        f"{one.span.file.rpartition('/')[2]}:{one.span.line}:{one.span.column}: {one.message} [{one.code}]"
        for one in mistakes
    )


def wrong_totals(mistakes: Sequence[Diagnostic]) -> str:
    """Return what stands beside the name of a wrong net, in the place of its counts."""
    count = len(mistakes)
    return f"not valid: {count} mistake{'s' if count > 1 else ''}; drawn as far as it is known"
