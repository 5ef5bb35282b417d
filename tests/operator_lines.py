"""How long operators are: lines of code of each class, without docstring, comments and blank lines.

    python -m tests.operator_lines

prints the median, the 90th percentile, and the longest.
"""

from __future__ import annotations

import ast
import inspect
import sys
from statistics import median, quantiles
from textwrap import dedent

from archlang.ops import registry
from archlang.ops.base import Operator


def code_lines(op: type[Operator]) -> int:
    """The lines of code of an operator's class."""
    text = dedent(inspect.getsource(op))
    written: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            first = node.body[0]
            written |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and at not in written for at, line in lines)


def counted() -> dict[str, int]:
    """The lines of code of every operator, by word."""
    return {word: code_lines(op) for word, op in registry().items()}


if __name__ == "__main__":
    found = counted()
    longest = sorted(found, key=found.__getitem__, reverse=True)[:8]
    sys.stdout.write(
        f"{len(found)} operators: median {median(found.values())}, p90 {quantiles(found.values(), n=10)[8]}\n"
    )
    sys.stdout.write("".join(f"  {found[word]:>3} {word}\n" for word in longest))
