"""Turns the lexer's tokens into words: collects comments, splits strings at their holes, reports invalid tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from lark import Token

from archlang.diagnostics import Diagnostic
from archlang.limits import limits, raising
from archlang.source import Span

MAX_DIGITS = 40
MAX_WORD = 100  # characters
MAX_HOLES = 100  # of a string
MAX_RUN = 100_000  # characters without a space or sign; a longer word would exhaust the lexer

_LONG = re.compile(rf"(?<!\w)\w{{{MAX_RUN}}}")
_NUMBERS = {"INT", "FLOAT", "WINDOW", "QUANTITY"}
_QUOTES = 'a string is written in double quotes: `"n c h w"`'
_INSTEAD = {
    "'": _QUOTES, "‘": _QUOTES, "’": _QUOTES, "“": _QUOTES, "”": _QUOTES, "«": _QUOTES, "»": _QUOTES,
    "→": "an arrow is written `->`", "⇒": "an arrow is written `->`",
    "×": "a window is written `3x3`, with the letter x",
    "–": "write `-`", "—": "write `-`", "−": "write `-`", "&": "write `and`", "!": "write `not`, or `!=` between two",
    "^": "a power is written `**`", "\\": "brackets may run over several lines; the arguments of a step must be on one",
}  # fmt: skip


class TooLarge(Exception):
    """The text has more words than is allowed. Nothing of it is read."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


_Report = Callable[[str, str, Token, "str | None"], None]


def span_of(file: str, token: Token) -> Span:
    """Return the place of a token."""
    line, column = token.line or 1, token.column or 1
    return Span(file, line, column, token.end_line or line, token.end_column or column + len(token))


def quoted(text: str) -> str:
    """Quote a part of the text in a message, shortened if it is long."""
    return f"`{text}`" if len(text) <= 60 else f"`{text[:50]}...`"


def words_of(
    file: str,
    lex: Callable[[str], Iterable[Token]],
    text: str,
    comments: list[tuple[Span, str]],
    diagnostics: list[Diagnostic],
) -> Iterator[Token]:
    """Yield the tokens of a text. An invalid token is reported, once a line, and becomes BROKEN."""
    reported = 0

    def report(code: str, message: str, token: Token, help: str | None) -> None:
        nonlocal reported
        if reported != token.line:
            diagnostics.append(Diagnostic(code, message, span_of(file, token), help=help))
        reported = token.line or 0

    _refuse_long_word(file, text)
    most = limits().words
    for count, token in enumerate(_holes(lex, text, report)):
        if count == most:
            message = f"a file has at most {most:,} words"
            raise TooLarge(Diagnostic("too-large", message, span_of(file, token), help=raising("words")))
        if token.type == "COMMENT":
            comments.append((span_of(file, token), str(token)))
            continue
        wrong = _wrong(token)
        if wrong is not None:
            report(*wrong)
            token = Token.new_borrow_pos("BROKEN", str(token), token)
        yield token


def _refuse_long_word(file: str, text: str) -> None:
    found = _LONG.search(text) if len(text) >= MAX_RUN else None
    if found is not None:
        line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
        message = f"a word has at most {MAX_RUN:,} characters"
        raise TooLarge(Diagnostic("too-large", message, Span(file, line, column, line, column + MAX_RUN)))


def _wrong(token: Token) -> tuple[str, str, Token, str | None] | None:
    """Return what is wrong with a token by itself: code, message, place, help."""
    if token.type == "UNKNOWN":
        return "unexpected-character", f"the character {_named(token)} has no meaning here", token, _INSTEAD.get(token)
    if token.type == "OPEN_STRING":
        return "unclosed-string", "this string is not closed on its line", token, 'write `"` where it ends'
    if token.type == "BAD_NUMBER":
        return "bad-number", f"{quoted(token)} is neither a number nor a window", token, _number_help(token)
    if token.type in _NUMBERS and len(token) > MAX_DIGITS:
        return "bad-number", f"a number has at most {MAX_DIGITS} digits", token, None
    if token.type == "NAME" and len(token) > MAX_WORD:
        return "bad-name", f"a name has at most {MAX_WORD} characters", token, None
    return None


def _named(character: str) -> str:
    """Return a character as it looks, or its name if it is invisible."""
    if character.isprintable() and not character.isspace():
        return f"`{character}`"
    from unicodedata import name

    return f"U+{ord(character):04X} ({name(character, 'a control character').lower()})"


def _number_help(token: str) -> str | None:
    lower = token.lower()
    sides = lower.split("x")
    if len(sides) > 1 and all(side.isdecimal() for side in sides):
        return f"write `{lower}`"
    if len(sides) > 1 and all(sides) and all(side.isidentifier() or side.isdecimal() for side in sides):
        return f"a window with computed sides is written in brackets: `[{', '.join(token.split('x'))}]`"
    if len(sides) > 1 and not sides[-1] and all(side.isdecimal() for side in sides[:-1]):  # `3x[H=64]`
        return f"where a side has a name or is computed, all stand in one bracket: `[{', '.join(sides[:-1])}, ...]`"
    return None


def _holes(lex: Callable[[str], Iterable[Token]], text: str, report: _Report) -> Iterator[Token]:
    """Yield the lexer's tokens. A string with `{holes}` becomes the text between them and the tokens in them."""
    for token in lex(text):
        if token.type == "STRING" and "{" in token:
            yield from _cut(lex, token, report)
        else:
            yield token


def _cut(lex: Callable[[str], Iterable[Token]], token: Token, report: _Report) -> Iterator[Token]:
    kind, start, at = "STRING_HEAD", 0, 0
    if token.count("{") > MAX_HOLES:
        report("bad-hole", f"a string has at most {MAX_HOLES} holes", token, None)
        yield Token.new_borrow_pos("BROKEN", str(token), token)
        return
    while (at := token.find("{", at)) >= 0:
        if token.startswith("{{", at):
            at += 2
            continue
        close = token.find("}", at)
        inside = token[at + 1 : max(close, at)]
        if close < 0 or not inside.strip() or "{" in inside:
            hole = _piece(token, "BROKEN", at, (close if close > 0 else at) + 1)
            wrong = "is never closed" if close < 0 else "holds another" if inside.strip() else "is empty"
            help = 'a hole holds an expression: `"layer{i}"`; a brace itself is written `{{`'
            report("bad-hole", f"this hole of a string {wrong}", hole, help)
            yield Token.new_borrow_pos("BROKEN", str(token), token)
            return
        yield _piece(token, kind, start, at + 1)
        for inner in lex(inside):
            yield _moved(inner, token, at + 1)
        kind, start, at = "STRING_MIDDLE", close, close
    yield _piece(token, "STRING_TAIL" if start else "STRING", start, len(token))


def _piece(token: Token, kind: str, start: int, end: int) -> Token:
    return _moved(Token(kind, str(token[start:end]), 0, 1, 1, 1, 1 + end - start, end - start), token, start)


def _moved(inner: Token, outer: Token, by: int) -> Token:
    """Return a part of a token as a token, with its place in the whole text."""
    start, column = (outer.start_pos or 0) + by, (outer.column or 1) + by
    at = inner.start_pos or 0
    end = at + len(inner)
    return Token(inner.type, str(inner), start + at, outer.line, column + at, outer.line, column + end, start + end)
