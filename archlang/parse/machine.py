"""The parser's table, which all calls share, and the machine that one call drives through it.

Nothing here is written after the table is loaded, so that several threads can parse at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from lark import Token
from lark.lexer import LexerThread
from lark.parsers.lalr_interactive_parser import InteractiveParser
from lark.parsers.lalr_parser_state import ParseConf, ParserState

from archlang.parse.build import Build
from archlang.parse.parser_table import STARTS, load
from archlang.paths import GRAMMAR, TABLE

Begin = Callable[[], Any]  # makes a machine that has read nothing yet; lark types its methods by half


@cache
def _parser() -> Any:
    return load(GRAMMAR, TABLE, None)


def lex(text: str) -> Iterable[Token]:
    """The tokens of a text."""
    tokens: Iterable[Token] = _parser().lex(text)
    return tokens


def beginning(build: Build) -> Begin:
    """How to begin a declaration, whose tree `build` makes. Each machine reads one declaration."""
    parser = _parser()
    # Lark has no public way to give one table other callbacks, hence the private names
    callbacks = parser._parse_tree_builder.create_callback(build)  # noqa: SLF001
    tables = parser.parser.parser
    conf = ParseConf(tables._parse_table, callbacks, STARTS[0])  # noqa: SLF001
    lexer = LexerThread(parser.parser.lexer, None)  # it reads nothing; the machine asks it for the class of tokens

    def begin() -> InteractiveParser:
        return InteractiveParser(tables.parser, ParserState(conf, lexer), lexer)

    return begin
