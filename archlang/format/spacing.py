"""Where a space stands between two words of a line.

Glue has meaning among the arguments of a step, and is kept there: `3x3/2`, `/2`, `-1`. In an expression it has none,
and the spaces are these: none around `**` nor in a product of `*` alone (`4*width`), one around every other operator.
A slash by itself keeps its glue, because a window with its stride may stand in brackets too: `avgpool(5x5/3)`.
"""

from __future__ import annotations

from collections.abc import Iterable

_PATHS = {"NAME", "STRING", "RPAR", "RSQB"}  # what a dot may touch: `3.x` and `true.x` would be other words
_ENDS = {*_PATHS, "INT", "FLOAT", "WINDOW", "QUANTITY", "TRUE", "FALSE"}
_GLUED_BRACKETS = {"CALL", "INDEX"}
_CLOSED = {"LPAR": "RPAR", "CALL": "RPAR", "LSQB": "RSQB", "INDEX": "RSQB", "LBRACE": "RBRACE"}
_FACTORS = {"STAR", "SLASH", "GLUED_SLASH", "STRIDE_SLASH", "DOUBLE_SLASH", "PERCENT", "POWER"}
_SIGNS = {"MINUS", "SIGN"}
_BEGIN_EXPRESSION = {"EXPECT", "IF", "IN"}
_END_EXPRESSION = {"ARROW", "LBRACE"}


def gaps(kinds: list[str], in_bracket: bool) -> list[bool]:
    """Whether a space stands before each word or bracket, by their kinds; a bracket's is that of its first word."""
    before, after = [False] * len(kinds), [False] * len(kinds)  # which ones are tight on their left, on their right
    expression = in_bracket
    defined = next((kind for kind in kinds if kind != "VBAR"), "") if not in_bracket else ""
    previous = ""
    term: list[int] = []
    for at, kind in enumerate(kinds):
        operator = previous in _ENDS
        argument = operator and not expression and kind in ("SIGN", "STRIDE_SLASH")
        if kind in _FACTORS and operator and not argument:
            term.append(at)
        elif argument or (operator and kind not in _GLUED_BRACKETS and kind != "DOT") or kind in _END_EXPRESSION:
            _settle(term, kinds, before, after)
            term = []
        if argument or (kind in _SIGNS and not operator):
            after[at] = True
        elif kind == "EQUAL" and defined in ("LET", "NET"):
            expression, defined = defined == "LET", ""
        else:
            before[at] = _is_tight_before(kind, previous)
            after[at] = kind in ("DOT", "EQUAL") or (kind == "COLON" and in_bracket)
        expression = kind in _BEGIN_EXPRESSION or (expression and kind not in _END_EXPRESSION) or in_bracket
        previous = _CLOSED.get(kind, kind)
    _settle(term, kinds, before, after)
    return [at > 0 and not (before[at] or after[at - 1]) for at in range(len(kinds))]


def _is_tight_before(kind: str, previous: str) -> bool:
    return kind in ("COMMA", "COLON", "EQUAL", *_GLUED_BRACKETS) or (kind == "DOT" and previous in _PATHS)


def _settle(term: Iterable[int], kinds: list[str], before: list[bool], after: list[bool]) -> None:
    """Decide the spaces around the operators of one product."""
    found = [kinds[at] for at in term]
    tight = {"POWER", "STAR"} if set(found) == {"STAR"} else {"POWER", "GLUED_SLASH"} if len(found) == 1 else {"POWER"}
    for at in term:
        before[at] = after[at] = kinds[at] in tight
