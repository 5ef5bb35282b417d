"""Messages about tokens that the grammar does not expect, and how parsing continues after them."""

from __future__ import annotations

from dataclasses import dataclass

from lark import Token

from archlang.diagnostics import Diagnostic
from archlang.parse.characters import quoted
from archlang.parse.slips import slip_at
from archlang.parse.stop import Stop

_WORDS = {
    "NAME": "a name", "INT": "a number", "FLOAT": "a number", "WINDOW": "a window", "STRING": "a string",
    "QUANTITY": "a figure such as `4.1G`", "STRIDE_SLASH": "a stride", "EQUALS": "`==`", "COMPARISON": "`<`",
    "EQUAL": "`=`", "COLON": "`:`", "COMMA": "`,`", "IN": "`in`", "AS": "`as`", "LBRACE": "`{`", "RBRACE": "`}`",
    "LPAR": "`(`", "CALL": "`(`", "RPAR": "`)`", "RSQB": "`]`", "VBAR": "`|`", "ELSE": "`else`", "ARROW": "`->`",
    "SEP": "the end of the line", "$END": "the end of the line",
}  # fmt: skip
_VALUE = {"NAME", "INT", "WINDOW", "LPAR"}
_LITERALS = {"NAME", "INT", "FLOAT", "WINDOW", "STRING", "LPAR", "STRIDE_SLASH"}


@dataclass(frozen=True)
class Repair:
    """The message about a stop, and the tokens to continue with. None if the first line of the declaration is wrong."""

    diagnostic: Diagnostic
    tokens: list[Token] | None


def repaired(stop: Stop) -> Repair:
    """Return the first slip that matches, or else a message of what was found and expected. The line is removed."""
    tokens = without_line(stop.tokens, stop.at)
    slip = slip_at(stop)
    if slip is None:
        return Repair(_unexpected(stop), tokens)
    span = stop.span(slip.first).to(stop.span(slip.last))
    if slip.continues and tokens is not None:
        tokens = _without_line_before(tokens)
    return Repair(Diagnostic(slip.code, slip.message, span, help=slip.help), tokens)


def _unexpected(stop: Stop) -> Diagnostic:
    found, tokens, at = stop.found, stop.tokens, stop.at
    if found.type == "$END":
        message = f"this `{tokens[0]}` ends too early; expected {_listed(stop.expected)}"
        return Diagnostic("unexpected-word", message, stop.span(at))
    what = "the end of the line" if stop.ends_line(at) else quoted(found)
    where = f" after {quoted(tokens[at - 1])}" if at and tokens[at - 1].type not in ("SEP", "BROKEN") else ""
    message = f"{what} is not allowed here{where}; expected {_listed(stop.expected)}"
    return Diagnostic("unexpected-word", message, stop.span(at))


def _listed(expected: frozenset[str]) -> str:
    """Describe what the grammar expects, in the language's words."""
    if "FOR" in expected:
        return "a step" if "LET" not in expected else "a step or a statement"
    if expected & {"SEP", "$END"} and _VALUE <= expected:
        return "an argument, `->` or the end of the line"
    words = ["a value"] if _VALUE <= expected else []
    words += [word for kind, word in _WORDS.items() if kind in expected and not (words and kind in _LITERALS)]
    words = list(dict.fromkeys(words)) or [f"`{kind.lower()}`" for kind in sorted(expected)]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _without_line_before(tokens: list[Token]) -> list[Token]:
    """Return the tokens with the line before the last BROKEN one removed too."""
    at = max(i for i, token in enumerate(tokens) if token.type == "BROKEN")
    if at < 2 or tokens[at - 1].type != "SEP":
        return tokens
    return without_line(tokens, at - 2) or tokens


def without_line(tokens: list[Token], at: int) -> list[Token] | None:
    """Return the tokens with the line around `at` as one BROKEN token. None if it is the first line."""
    end = at
    if tokens[at].type in ("SEP", "RBRACE", "$END") and at:
        # empty braces are removed with their line
        end += tokens[at].type == "RBRACE" and tokens[at - 1].type == "LBRACE"
        at -= 1
    start = _edge(tokens, at, -1)
    end = max(_edge(tokens, end, +1), start + 1)
    if [token.type for token in tokens[start:end]] == ["BROKEN"] and start > 1:
        # the line is already removed, so the braces around it are not allowed here
        start, end = _edge(tokens, start - 1, -1), _edge(tokens, start - 1, +1)
    if start == 0:
        return None
    first, last = tokens[start], tokens[end - 1]
    place = (first.start_pos, first.line, first.column, last.end_line, last.end_column, last.end_pos)
    return [*tokens[:start], Token("BROKEN", "", *place), *tokens[end:]]


def _edge(tokens: list[Token], at: int, step: int) -> int:
    """Return where the line around `at` begins (step -1) or ends (+1): at a separator or brace of its own level."""
    inward, outward = ("RBRACE", "LBRACE") if step < 0 else ("LBRACE", "RBRACE")
    depth = 0
    while 0 <= at < len(tokens):
        if at == 0 and step < 0:
            return 0
        kind = tokens[at - 1 if step < 0 else at].type
        if kind == inward:
            depth += 1
        elif kind == outward:
            if depth == 0:
                return at
            depth -= 1
        elif kind in ("SEP", "VBAR", "$END") and depth == 0:
            return at
        at += step
    return max(at, 0)
