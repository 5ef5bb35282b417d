"""Matches the brackets of each declaration before it is parsed, so that one left open affects no other declaration."""

from __future__ import annotations

from dataclasses import dataclass, field

from lark import Token

from archlang.diagnostics import Diagnostic, Label
from archlang.parse.characters import span_of

MAX_NESTING = 60

CLOSERS = {"LPAR": "RPAR", "CALL": "RPAR", "LSQB": "RSQB", "INDEX": "RSQB", "LBRACE": "RBRACE"}
_CLOSING = {"RPAR": ")", "RSQB": "]", "RBRACE": "}"}


@dataclass
class Chunk:
    """The tokens of one top-level declaration. `sound` is false if its braces do not match."""

    tokens: list[Token] = field(default_factory=list[Token])
    sound: bool = True


def balanced(file: str, tokens: list[Token], diagnostics: list[Diagnostic]) -> Chunk:
    """Return the tokens with all brackets matched. A line with an open round bracket is reported and becomes BROKEN.

    If a brace is missing or superfluous, the declaration is not sound: the meaning of its parts is unknown.
    """
    open_: list[int] = []  # the positions of open brackets
    suspect: int | None = None  # the brace that was left open, judging by indentation
    indents = _indents(tokens)
    cuts: dict[int, Diagnostic] = {}
    for at, token in enumerate(tokens):
        if token.type in ("LBRACE", "RBRACE"):
            cuts |= {cut: _unclosed(file, tokens[cut]) for cut in _cut_round(open_, tokens)}
        if token.type in CLOSERS:
            open_.append(at)
            if len(open_) > MAX_NESTING:
                message = f"brackets are nested more than {MAX_NESTING} deep"
                diagnostics.append(Diagnostic("nested-too-deeply", message, span_of(file, token)))
                return Chunk(tokens, sound=False)
        elif token.type in _CLOSING and open_ and CLOSERS[tokens[open_[-1]].type] == token.type:
            opened = open_.pop()
            if suspect is None and token.type == "RBRACE":
                outer = [tokens[brace] for brace in open_]
                suspect = opened if _misaligned(indents, tokens[opened], token, outer) else None
        elif token.type == "RBRACE":
            diagnostics.append(unopened(file, token))
            return Chunk(tokens, sound=False)
        elif token.type in _CLOSING:
            cut, diagnostic = _wrong_closer(file, at, open_, tokens)
            cuts.setdefault(cut, diagnostic)
    cuts |= {cut: _unclosed(file, tokens[cut]) for cut in _cut_round(open_, tokens)}
    if open_:
        diagnostics.append(_unclosed(file, tokens[suspect if suspect is not None else open_[-1]]))
    return _without(tokens, cuts, not open_, diagnostics)


def unopened(file: str, token: Token, *labels: Label) -> Diagnostic:
    """Return the diagnostic for a closing bracket that closes nothing."""
    return Diagnostic("unopened-bracket", f"this `{token}` closes nothing", span_of(file, token), labels)


def _wrong_closer(file: str, at: int, open_: list[int], tokens: list[Token]) -> tuple[int, Diagnostic]:
    """Return where the broken part of a line begins, and the diagnostic for a `)` or `]` that does not match."""
    if not open_ or tokens[open_[-1]].type == "LBRACE":
        return at, unopened(file, tokens[at])
    opened = open_.pop()
    message = f"this `{tokens[at]}` cannot close the `{tokens[opened]}` before it"
    labels = (Label(span_of(file, tokens[opened]), "opened here"),)
    help = f"write `{_CLOSING[CLOSERS[tokens[opened].type]]}`"
    return opened, Diagnostic("unclosed-bracket", message, span_of(file, tokens[at]), labels, help)


def _cut_round(open_: list[int], tokens: list[Token]) -> list[int]:
    """Pop the round and square brackets down to the last brace. Return the first of them, which is to be reported."""
    culprits: list[int] = []
    while open_ and tokens[open_[-1]].type != "LBRACE":
        culprits = [open_.pop()]
    return culprits


def _without(tokens: list[Token], cuts: dict[int, Diagnostic], sound: bool, diagnostics: list[Diagnostic]) -> Chunk:
    """Return the tokens with the rest of each wrong line as one BROKEN token, and report its first mistake."""
    kept: list[Token] = []
    broken = False
    for at, token in enumerate(tokens):
        if token.type == "NEWLINE":
            broken = False
        elif broken:
            sound = sound and token.type not in ("LBRACE", "RBRACE")
        elif at in cuts:
            diagnostics.append(cuts[at])
            token, broken = Token.new_borrow_pos("BROKEN", str(token), token), True
        if token.type == "BROKEN" or not broken:
            kept.append(token)
    return Chunk(kept, sound)


def _unclosed(file: str, culprit: Token) -> Diagnostic:
    message, help = f"this `{culprit}` is never closed", f"write `{_CLOSING[CLOSERS[culprit.type]]}` where it ends"
    return Diagnostic("unclosed-bracket", message, span_of(file, culprit), help=help)


def _misaligned(indents: dict[int, int], opened: Token, closer: Token, outer: list[Token]) -> bool:
    """Return whether a `}` at the start of its line is indented like the line of an outer brace, not of its own."""
    closing = closer.column
    if opened.line == closer.line or indents[closer.line or 0] != closing or indents[opened.line or 0] == closing:
        return False
    return any(indents[brace.line or 0] == closing for brace in outer)


def _indents(tokens: list[Token]) -> dict[int, int]:
    """Return the column at which each line begins."""
    first: dict[int, int] = {}
    for token in tokens:
        first.setdefault(token.line or 0, token.column or 0)
    return first
