"""The place where the parser stopped, and the words around it."""

from __future__ import annotations

from dataclasses import dataclass

from lark import Token

from archlang.parse.brackets import CLOSERS
from archlang.parse.characters import span_of
from archlang.source import Span

SIGN_TOKENS = {"STAR", "PLUS", "MINUS", "SIGN", "SLASH", "GLUED_SLASH", "DOUBLE_SLASH", "PERCENT", "POWER"}
SIGNS = {"SIGN", "MINUS"}
OPERAND_ENDS = {"NAME", "INT", "FLOAT", "WINDOW", "RPAR", "RSQB", "STRING", "STRING_TAIL"}
LINE_ENDS = {"SEP", "$END", "RBRACE"}
LINE_STARTS = {"SEP", "LBRACE", "VBAR", "RBRACE"}
STEP_STARTS = {"SEP", "LBRACE", "VBAR", "ARROW", "COLON"}


@dataclass(frozen=True)
class Stop:
    """The place where the parser stopped: `tokens[at]` is not of a kind in `expected`."""

    file: str
    text: str
    tokens: list[Token]
    at: int
    expected: frozenset[str]

    @property
    def found(self) -> Token:
        return self.tokens[self.at]

    def kind(self, offset: int) -> str:
        """Return the kind of the token at this distance from the one found; empty beyond the ends."""
        at = self.at + offset
        return self.tokens[at].type if 0 <= at < len(self.tokens) else ""

    def line_start(self, at: int | None = None) -> int:
        """Return where the line begins; at the end of a line, where that line begins."""
        at = self.at if at is None else at
        while at and self.tokens[at - 1].type not in LINE_STARTS:
            at -= 1
        return at

    def last_of_line(self) -> int:
        """Return the last token before an arrow or the end of the line."""
        at = self.at
        while self.tokens[at + 1].type not in {*LINE_ENDS, "ARROW"}:
            at += 1
        return at

    def begins_step(self, at: int) -> bool:
        """Return whether a step begins with this token."""
        return at == 0 or self.tokens[at - 1].type in STEP_STARTS

    def ends_line(self, at: int) -> bool:
        """Return whether the line ends here. There is no separator before a `}` on a later line."""
        found = self.tokens[at]
        return found.type in ("SEP", "$END") or (found.type == "RBRACE" and found.line != self.tokens[at - 1].end_line)

    def span(self, at: int) -> Span:
        """Return the place of a token. The place of a line end is behind its last word."""
        if at and self.ends_line(at):
            span = span_of(self.file, self.tokens[at - 1])
            return Span(self.file, span.end_line, span.end_column, span.end_line, span.end_column + 1)
        return span_of(self.file, self.tokens[at])

    def words(self, first: int, last: int) -> str:
        """Return the text from one token to another, as written."""
        return self.text[self.tokens[first].start_pos or 0 : self.tokens[last].end_pos]


@dataclass(frozen=True)
class Slip:
    """A mistake in the words from token `first` to `last`. If it `continues`, the line above is removed too."""

    code: str
    message: str
    first: int
    last: int
    help: str | None = None
    continues: bool = False


def stretch(tokens: list[Token], operator: int) -> tuple[int, int]:
    """Return the arithmetic around an operator, from its first operand to its last."""
    first, last = operand_before(tokens, operator - 1), operator
    while tokens[last].type in SIGN_TOKENS:
        end = _operand_after(tokens, last + 1)
        if end is None:
            return first, last
        last = end
        if tokens[last + 1].type in SIGN_TOKENS:
            last += 1
    return first, last


def operand_before(tokens: list[Token], at: int) -> int:
    """Return where the operand begins that ends here: words without spaces, brackets with their contents, a sign."""
    while True:
        depth = (tokens[at].type in CLOSERS.values()) - (tokens[at].type in CLOSERS)
        while depth > 0 and at > 0:
            at -= 1
            depth += (tokens[at].type in CLOSERS.values()) - (tokens[at].type in CLOSERS)
        glued = at > 0 and tokens[at - 1].end_pos == tokens[at].start_pos
        if not glued or tokens[at - 1].type not in {*OPERAND_ENDS, "DOT", "GLUED_SLASH", "SIGN"}:
            return at
        at -= 1


def _operand_after(tokens: list[Token], at: int) -> int | None:
    """Return where the operand ends that begins here; None if there is none."""
    if tokens[at].type in SIGNS:
        at += 1
    if tokens[at].type not in {*OPERAND_ENDS, "LPAR", "LSQB", "TRUE", "FALSE"}:
        return None
    while True:
        depth = int(tokens[at].type in CLOSERS)
        while depth:
            at += 1
            depth += (tokens[at].type in CLOSERS) - (tokens[at].type in CLOSERS.values())
        glued = tokens[at].end_pos == tokens[at + 1].start_pos
        if not glued or tokens[at + 1].type not in {"CALL", "INDEX", "DOT", *OPERAND_ENDS}:
            return at
        at += 1
