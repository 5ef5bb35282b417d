"""The parser's table: built from the grammar when the wheel is made, loaded in milliseconds when it is used.

This file imports lark alone, so that the build hook can run it before the package exists.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import lark
from lark import Lark, Token

STARTS = ["declaration"]


class _Keep:
    """Tokens that the grammar's rules do not use and the layout does; Lark would drop them."""

    always_accept = ("NEWLINE", "SEMICOLON", "COMMENT", "BAD_NUMBER", "OPEN_STRING", "UNKNOWN", "SLASH")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        return stream


def _stamp(grammar: str) -> bytes:
    """Return a stamp of what a table depends on: lark's version, the options in this file, the grammar."""
    made_by = f"{lark.__version__}\n{Path(__file__).read_text(encoding='utf-8')}\n{grammar}"
    return hashlib.sha256(made_by.encode()).hexdigest().encode() + b"\n"


def compiled(grammar: Path) -> bytes:
    """Return the stamp and the table of a grammar."""
    text = grammar.read_text(encoding="utf-8")
    held = io.BytesIO()
    _built(text, None).save(held, exclude_options={"postlex"})  # pyright: ignore[reportUnknownMemberType]
    return _stamp(text) + held.getvalue()


def load(grammar: Path, table: Path, transformer: Any) -> Lark:
    """Return the parser: loaded from its table if that exists and is fresh, otherwise built in memory."""
    text = grammar.read_text(encoding="utf-8")
    stamp = _stamp(text)
    try:
        held = table.read_bytes()
    except FileNotFoundError:
        held = b""
    if not held.startswith(stamp):
        return _built(text, transformer)
    data = pickle.loads(held[len(stamp) :])  # our own file, beside the code
    # what lark's own stand-alone parsers call: `Lark.load` takes no transformer
    revive = cast(Any, Lark)._load_from_dict
    return cast(Lark, revive(data["data"], data["memo"], transformer=transformer, postlex=_Keep()))


def _built(text: str, transformer: Any) -> Lark:
    return Lark(
        text,
        parser="lalr",
        lexer="basic",
        start=STARTS,
        keep_all_tokens=True,
        maybe_placeholders=False,
        transformer=transformer,
        postlex=cast(Any, _Keep()),
    )
