"""The parser's table, shared by all calls, and the parser machine of one call.

Nothing is written after the table is loaded and the lexer's patterns are compiled, so several threads can parse at the
same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

from lark import Token
from lark.lexer import LexerThread
from lark.parsers.lalr_interactive_parser import InteractiveParser
from lark.parsers.lalr_parser_state import ParseConf, ParserState

from archlang.parse.build import Build
from archlang.parse.parser_table import STARTS, load
from archlang.paths import GRAMMAR, TABLE

Begin = Callable[[], Any]  # makes a new machine; lark has types for some of its methods only


@cache
def _parser() -> Any:
    return load(GRAMMAR, TABLE, None)


def lex(text: str) -> Iterable[Token]:
    """Return the tokens of a text."""
    lexer = _parser().parser.lexer  # `Lark.lex` makes a new one for each text, and compiles its patterns again
    reading: Any = LexerThread.from_text(lexer, text)  # pyright: ignore[reportUnknownMemberType]
    tokens: Iterable[Token] = reading.lex(None)
    return tokens


@lru_cache(maxsize=8)
def beginning(file: str) -> Begin:
    """Return a function that makes a new machine. Each machine reads one declaration of a file, and makes its tree."""
    parser = _parser()
    # Lark has no public way to give one table other callbacks, hence the private names
    callbacks = parser._parse_tree_builder.create_callback(Build(file))  # noqa: SLF001
    tables = parser.parser.parser
    conf = ParseConf(tables._parse_table, callbacks, STARTS[0])  # noqa: SLF001
    lexer = LexerThread(parser.parser.lexer, None)  # it reads nothing, it only has the class of tokens

    def begin() -> InteractiveParser:
        return InteractiveParser(tables.parser, ParserState(conf, lexer), lexer)

    return begin


def transitions() -> tuple[dict[Any, dict[str, tuple[Any, Any]]], Any, Any]:
    """Return the table (from a state, by the kind of token: whether to shift, and what), the first and the last."""
    table = _parser().parser.parser._parse_table  # noqa: SLF001
    return table.states, table.start_states[STARTS[0]], table.end_states[STARTS[0]]
