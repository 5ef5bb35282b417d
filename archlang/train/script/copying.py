"""Functions of archlang that a script has as they are, without the types of their arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from inspect import getsource
from typing import Any

_CAST = re.compile(r"cast\((?:Any|\"[^\"]*\"), ((?:[^()]|\([^()]*\))*)\)")


def copied(function: Callable[..., Any] | type) -> str:
    """Return the source of a function without annotations and casts, and without the imports inside it."""
    rows = getsource(function).rstrip().split("\n")
    tree = ast.parse("\n".join(rows))
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    plain = ast.FunctionDef(node.name, _plain(node.args), [ast.Pass()], [])
    head = ast.unparse(ast.fix_missing_locations(plain)).split("\n")[0].replace("'", '"')
    body = rows[node.body[0].lineno - 1 :]
    return _CAST.sub(r"\1", "\n".join([head, *_without_imports(body)]))


def _plain(arguments: ast.arguments) -> ast.arguments:
    for one in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
        one.annotation = None
    return arguments


def _without_imports(rows: list[str]) -> list[str]:
    """Return rows of a body without its own imports, and without the empty line behind them."""
    kept: list[str] = []
    for row in rows:
        if row.strip().startswith(("import ", "from ")):
            while kept and not kept[-1]:
                kept.pop()
            continue
        if not row and kept and kept[-1].endswith('"""'):
            continue
        kept.append(row)
    return kept
