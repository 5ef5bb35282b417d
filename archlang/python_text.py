"""Parses Python text to a tree of `ast`, from any thread."""

from __future__ import annotations

import ast
from threading import Lock

# CPython 3.11 has one depth counter for all threads: two that parse at once may get a SystemError
_lock = Lock()


def statements(text: str) -> ast.Module:
    """Return the tree of a module's text. Raises SyntaxError."""
    with _lock:
        return ast.parse(text)


def expression(text: str) -> ast.Expression:
    """Return the tree of an expression's text. Raises SyntaxError."""
    with _lock:
        return ast.parse(text, mode="eval")
