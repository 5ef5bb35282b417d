"""The folders of the grammar, the shipped specs and the pages of errors: in the installed package, or beside it."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(folder: str) -> Path:
    inside = _PACKAGE / folder
    return inside if inside.is_dir() else _PACKAGE.parent / folder


GRAMMAR = _shipped("grammars") / "archlang.lark"
SPECS = _shipped("specs")
ERRORS = _shipped("docs/errors")
TABLE = _PACKAGE / "grammar.table"
