"""How long operators are: lines of code of each class with its private helpers, without docstrings and comments.

    python -m tests.operator_lines

prints the median, the 90th percentile, and the longest. Private helpers are the functions and classes of the
operator's file that begin with an underscore and that it uses, itself or through another of them.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from statistics import median, quantiles

from archlang.ops import registry
from archlang.ops.base import Operator

Definition = ast.ClassDef | ast.FunctionDef


@cache
def _definitions(module: str) -> tuple[list[str], dict[str, Definition]]:
    """Return the lines of a module, and its functions and classes by name."""
    text = inspect.getsource(sys.modules[module])
    found = (node for node in ast.parse(text).body if isinstance(node, (ast.ClassDef, ast.FunctionDef)))
    return text.splitlines(), {node.name: node for node in found}


def _lines(text: list[str], node: Definition) -> int:
    """Return the lines of code of a definition."""
    written: set[int] = set()
    for part in ast.walk(node):
        if isinstance(part, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(part) is not None:
            written |= set(range(part.body[0].lineno, (part.body[0].end_lineno or 0) + 1))
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    lines = ((at, text[at - 1].strip()) for at in range(first, (node.end_lineno or 0) + 1))
    return sum(bool(line) and not line.startswith("#") and at not in written for at, line in lines)


def code_lines(op: type[Operator]) -> int:
    """Return the lines of code of an operator's class and of the private helpers of its file that it uses."""
    text, definitions = _definitions(op.__module__)
    used, to_do = set[str](), [op.__name__]
    while to_do:
        name = to_do.pop()
        used.add(name)
        names = {node.id for node in ast.walk(definitions[name]) if isinstance(node, ast.Name)}
        to_do += [other for other in names & definitions.keys() - used if other.startswith("_")]
    return sum(_lines(text, definitions[name]) for name in used)


def counted() -> dict[str, int]:
    """Return the lines of code of every operator, by word."""
    return {word: code_lines(op) for word, op in registry().items()}


if __name__ == "__main__":
    found = counted()
    longest = sorted(found, key=found.__getitem__, reverse=True)[:20]
    sys.stdout.write(
        f"{len(found)} operators: median {median(found.values())}, p90 {quantiles(found.values(), n=10)[8]}\n"
    )
    sys.stdout.write("".join(f"  {found[word]:>3} {word}\n" for word in longest))
