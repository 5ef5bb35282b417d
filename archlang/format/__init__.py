"""Formats specs in the one canonical layout: 100 columns, with their comments.

It works on the parser's words, not on the tree, so that new grammar needs no change here.
"""

from __future__ import annotations

from archlang.diagnostics import Diagnostic
from archlang.format.commented_words import words_of
from archlang.format.nesting import grow
from archlang.format.page import Page
from archlang.format.statement_rows import write_lines
from archlang.parse import laid_out, parse_laid_out
from archlang.source import Source


def formatted(source: Source) -> tuple[str | None, list[Diagnostic]]:
    """Return a file in canonical layout, or None and the diagnostics of the parser.

    The result parses to the same tree, and formatting it again changes nothing.
    """
    layout = laid_out(source)
    _, diagnostics = parse_laid_out(source, layout)
    if diagnostics:
        return None, diagnostics
    declarations, below = words_of(source.text, [chunk.tokens for chunk in layout.chunks], layout.comments)
    page = Page()
    write_lines(page, tuple(line for words in declarations for line in grow(words)), 0)
    page.comments(below, 0, 0)
    return "".join(f"{row}\n" for row in page.rows), []
