"""Parses Python text to a tree of `ast`, from any thread, and replaces names in one."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from threading import Lock
from typing import Any, cast

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


def replaced(tree: ast.expr, by: Mapping[str, ast.expr]) -> ast.expr:
    """Return a tree in which names are replaced by other trees. The given trees stay as they are."""
    return cast(ast.expr, _replaced(tree, by))


def _replaced(part: Any, by: Mapping[str, ast.expr]) -> Any:
    match part:
        case ast.Name(name):
            return by.get(name, part)
        case ast.Constant() | ast.expr_context() | ast.operator() | ast.cmpop():
            return part
        case ast.AST():
            return type(part)(**{name: _replaced(value, by) for name, value in ast.iter_fields(part)})
        case list():
            return [_replaced(item, by) for item in cast("list[object]", part)]
        case _:
            return part
