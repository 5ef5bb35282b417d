"""Functions of archlang that a script has as they are, without the types of their arguments."""

from __future__ import annotations

import ast
import re
from inspect import getsource
from typing import Any

_CAST = re.compile(r"cast\((?:Any|\"[^\"]*\"), ((?:[^()]|\([^()]*\))*)\)")


def copied(made: Any) -> str:
    """Return the source of a function or class without annotations and casts, and without the imports inside it."""
    rows = getsource(made).rstrip().split("\n")
    (node,) = ast.parse("\n".join(rows)).body
    assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
    functions = [one for one in (node, *node.body) if isinstance(one, ast.FunctionDef)]
    for one in reversed(functions):  # from below, so that the numbers of rows stay
        last = one.body[0].lineno - 1
        rows[one.lineno - 1 : last] = [_head(one)]
    text = "\n".join(_without_imports(rows))
    while text != (plain := _CAST.sub(r"\1", text)):
        text = plain
    return text


def _head(node: ast.FunctionDef) -> str:
    """Return the first row of a function, without types."""
    plain = ast.FunctionDef(node.name, _plain(node.args), [ast.Pass()], [])
    head = ast.unparse(ast.fix_missing_locations(plain)).split("\n")[0]
    return " " * node.col_offset + head.replace("'", '"')


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
