"""Python text as a tree of `ast`, from any thread."""

from __future__ import annotations

import ast
from threading import Lock

# CPython 3.11 counts the depth of a tree once for all threads: two that build one at once may meet a SystemError
_lock = Lock()


def statements(text: str) -> ast.Module:
    """The tree of a module's text; raises SyntaxError."""
    with _lock:
        return ast.parse(text)


def expression(text: str) -> ast.Expression:
    """The tree of an expression's text; raises SyntaxError."""
    with _lock:
        return ast.parse(text, mode="eval")
