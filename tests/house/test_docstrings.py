"""Docstrings of functions say what the function does: they begin with a verb, as in "Return the shapes"."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef

NO_VERBS = {
    "a", "all", "an", "and", "another", "any", "as", "at", "be", "below", "both", "by", "each", "every", "false", "few",
    "for", "from", "how", "if", "in", "it", "its", "many", "most", "no", "none", "not", "nothing", "of", "on", "one",
    "or", "other", "our", "such", "that", "the", "their", "there", "they", "to", "true", "two", "up", "what", "when",
    "where", "whether", "which", "who", "why", "with", "without", "yes",
}  # fmt: skip


def begins_with_a_verb(docstring: str) -> bool:
    """Return whether the first word may be a verb: a plain word that is no article, question word or plural."""
    word = docstring.split(maxsplit=1)[0].rstrip(".,:;")
    is_plural = word.endswith("s") and not word.endswith("ss")
    return word.isalpha() and word[0].isupper() and word.lower() not in NO_VERBS and not is_plural


def functions(tree: ast.AST) -> Iterator[Function]:
    """Yield the functions with a docstring, but not properties, which name a value, nor tests, whose name says what."""
    for node in ast.walk(tree):
        if isinstance(node, Function) and ast.get_docstring(node) and not node.name.startswith("test_"):
            if not any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
                yield node


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {(ast.get_docstring(node) or '').splitlines()[0]}"
        for folder in ("archlang", "benchmarks", "tests", "website")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in functions(ast.parse(path.read_text(encoding="utf-8")))
        if not begins_with_a_verb(ast.get_docstring(node) or "")
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("docstring", ["Return the shapes.", "Process one line.", "Run: twice."])
def test_a_verb_is_accepted(docstring: str) -> None:
    assert begins_with_a_verb(docstring)


@pytest.mark.parametrize(
    "docstring", ["The shapes.", "Whether it fits.", "`a, b and c`.", "Slides over x.", "11 layers."]
)
def test_anything_else_is_found(docstring: str) -> None:
    assert not begins_with_a_verb(docstring)
