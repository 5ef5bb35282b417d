"""Prepares words for the parser: gives meaning to white space, line ends and missing spaces.

It passes once over the tokens of a file and splits them into top-level declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lark import Token

from archlang.diagnostics import Diagnostic, Label
from archlang.parse.brackets import CLOSERS, Chunk, balanced, unopened
from archlang.parse.characters import TooLarge, quoted, span_of, words_of
from archlang.source import Span

KEYWORDS = {
    "NET", "BLOCK", "LET", "INPUT", "OUTPUT", "WHEN", "TRAINING", "EXPECT", "FOR", "IN", "IF", "ELSE", "REPEAT", "AS",
    "RESIDUAL", "SHORTCUT", "DENSE", "OR", "AND", "NOT", "TRUE", "FALSE", "USE", "PARAM", "BUFFER", "INLINE", "REUSE",
    "FREEZE", "DEFAULT", "TRAIN",
}  # fmt: skip
_EXPRESSION_WORDS = {"NOT", "TRUE", "FALSE", "IF"}  # these keep their meaning after `=`
_TOP = {"NET", "BLOCK"}
_DECLARES = {*_TOP, "TRAIN", "USE", "LET"}
_BLANK = {"NEWLINE", "SEMICOLON"}
_CALLABLE = {"NAME", "RPAR", "RSQB", "STRING", "STRING_TAIL"}
_VALUE_ENDS = {*_CALLABLE, "INT", "FLOAT", "WINDOW", "QUANTITY", "TRUE", "FALSE"}
_NO_SEP_BEFORE = {"ARROW", "ELSE", "SHORTCUT", "VBAR", "RBRACE"}
_NO_SEP_AFTER = {"LBRACE", "VBAR", "ARROW", "SEP"}
_MEANT = {
    "network": "net", "model": "net", "module": "net", "graph": "net", "class": "net", "architecture": "net",
    "nets": "net", "def": "block", "function": "block", "layer": "block", "blocks": "block", "macro": "block",
    "const": "let", "var": "let", "set": "let", "val": "let",
}  # fmt: skip


@dataclass
class Layout:
    """The laid-out declarations of a file, its comments, and its diagnostics so far."""

    chunks: list[Chunk]
    comments: list[tuple[Span, str]]
    diagnostics: list[Diagnostic]


def lay_out(file: str, lex: Callable[[str], Iterable[Token]], text: str) -> Layout:
    """Split a file into declarations of laid-out tokens."""
    result = Layout([], [], [])
    tokens = _words(words_of(file, lex, text, result.comments, result.diagnostics), text)
    try:
        groups = list(_declarations(tokens))
    except TooLarge as stop:
        return Layout([], result.comments, [stop.diagnostic])
    strays: list[Token] = []
    for group in groups:
        if group[0].type in _DECLARES:
            _outside(file, strays, result)
            strays = []
            chunk = balanced(file, group, result.diagnostics)
            result.chunks.append(Chunk(list(_separated(chunk.tokens)), chunk.sound))
        else:
            strays += group
    _outside(file, strays, result)
    return result


def _outside(file: str, strays: list[Token], result: Layout) -> None:
    """Report lines outside all declarations, one message for consecutive ones."""
    previous = result.chunks[-1] if result.chunks else None
    if previous is not None and not previous.sound:
        return  # its braces do not match, so these lines may belong to it
    surplus = _surplus(strays)
    if surplus is not None:
        labels: tuple[Label, ...] = ()
        if previous is not None and previous.tokens[-1].type == "RBRACE":
            what = f"`{previous.tokens[0]} {previous.tokens[1]}` is closed here already"
            labels, previous.sound = (Label(span_of(file, previous.tokens[-1]), what),), False
        result.diagnostics.append(unopened(file, surplus, *labels))
        return
    first = next((token for token in strays if token.type not in _BLANK), None)
    if first is None or first.type == "BROKEN" or (previous is not None and _unfinished(previous)):
        return
    lower = first.lower()
    meant = lower if lower in ("net", "block", "let") else _MEANT.get(lower)
    help = (
        f"did you mean `{meant}`?" if meant else "steps and statements must be in the braces of a net: `net digits {`"
    )
    message = f"{quoted(first)} is outside every net and block"
    result.diagnostics.append(Diagnostic("outside-a-net", message, span_of(file, first), help=help))


def _surplus(tokens: list[Token]) -> Token | None:
    """Return the first closing bracket without an opening one."""
    depth = 0
    for token in tokens:
        depth += (token.type in CLOSERS) - (token.type in CLOSERS.values())
        if depth < 0:
            return token
    return None


def _unfinished(chunk: Chunk) -> bool:
    """Return whether a net or block has no braces. Then the lines after it were probably meant to be inside."""
    return chunk.tokens[0].type in _TOP and all(token.type not in ("LBRACE", "EQUAL") for token in chunk.tokens)


def _words(tokens: Iterator[Token], text: str) -> Iterator[Token]:
    """Mark keywords used as names, brackets without a space before them, the three slashes, the signs of numbers."""
    previous: Token | None = None
    ahead = next(tokens, None)
    while ahead is not None:
        token, ahead = ahead, next(tokens, None)
        glued = previous is not None and previous.end_pos == token.start_pos and previous.type != "NEWLINE"
        kind = token.type
        if kind in KEYWORDS and _is_name(kind, token, previous, ahead):
            kind = "NAME"
        elif kind in ("LPAR", "LSQB") and glued and previous is not None and previous.type in _CALLABLE:
            kind = "CALL" if kind == "LPAR" else "INDEX"
        elif kind in ("SLASH", "MINUS"):
            touches = token.end_pos is not None and not text[token.end_pos : token.end_pos + 1].isspace()
            kinds = {"SLASH": ("GLUED_SLASH", "STRIDE_SLASH"), "MINUS": ("MINUS", "SIGN")}[kind]
            kind = (kinds[0] if glued else kinds[1]) if touches else kind
        previous = token if kind == token.type else Token.new_borrow_pos(kind, str(token), token)
        yield previous


def _is_name(kind: str, token: Token, previous: Token | None, ahead: Token | None) -> bool:
    before = previous.type if previous else ""
    if before == "DOT" or (before == "EQUAL" and kind not in _EXPRESSION_WORDS):
        return True
    return ahead is not None and (ahead.type == "COLON" or (ahead.type == "DOT" and ahead.start_pos == token.end_pos))


def _declarations(tokens: Iterator[Token]) -> Iterator[list[Token]]:
    """Split where a line begins outside all brackets, or with `net` or `block` wherever it stands."""
    group: list[Token] = []
    braces, rounds, at_start = 0, 0, True
    for token in tokens:
        if at_start and (token.type in _TOP or braces + rounds <= 0) and token.type not in _BLANK and group:
            yield group
            group, braces, rounds = [], 0, 0
        at_start = token.type in _BLANK
        if group or not at_start:
            group.append(token)
        if token.type in ("LBRACE", "RBRACE"):
            braces, rounds = braces + (1 if token.type == "LBRACE" else -1), 0
        else:
            rounds = max(0, rounds + (token.type in CLOSERS) - (token.type in CLOSERS.values()))
    if group:
        yield group


def _separated(tokens: list[Token]) -> Iterator[Token]:
    """Turn line ends into SEP if they end a line of statements, not inside brackets or before a continued line.

    An `at` after the value of a promise is a keyword.
    """
    round_depth, promising = 0, False
    pending: Token | None = None
    last = "SEP"
    for token in tokens:
        if token.type in _BLANK:
            if round_depth <= 0 or token.type == "SEMICOLON":
                pending = pending or Token.new_borrow_pos("SEP", str(token), token)
            continue
        if token.type in ("LBRACE", "RBRACE"):
            round_depth = 0
        if pending and last not in _NO_SEP_AFTER and token.type not in _NO_SEP_BEFORE:
            yield pending
            promising = False
        pending = None
        if promising and round_depth == 0 and str(token) == "at" and last in _VALUE_ENDS:
            token, promising = Token.new_borrow_pos("AT", str(token), token), False
        promising = token.type == "EXPECT" or promising
        round_depth += (token.type in ("LPAR", "CALL", "LSQB", "INDEX")) - (token.type in ("RPAR", "RSQB"))
        last = token.type
        yield token
