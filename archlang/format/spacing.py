"""Decides where a space stands between two words of a line.

Among the arguments of a step a missing space has meaning, so it is kept: `3x3/2`, `/2`, `-1`. In an expression it has
none. There is no space around `**` and in a product of `*` only (`4*width`), and one around every other operator.
A slash keeps its spacing, because a window with its stride may also stand in brackets: `avgpool(5x5/3)`.
"""

from __future__ import annotations

from collections.abc import Iterable

_PATHS = {"NAME", "STRING", "RPAR", "RSQB"}  # what may stand before a dot: `3.x` and `true.x` would be other words
_ENDS = {*_PATHS, "INT", "FLOAT", "WINDOW", "QUANTITY", "TRUE", "FALSE"}
_GLUED_BRACKETS = {"CALL", "INDEX"}
_CLOSED = {"LPAR": "RPAR", "CALL": "RPAR", "LSQB": "RSQB", "INDEX": "RSQB", "LBRACE": "RBRACE"}
_FACTORS = {"STAR", "SLASH", "GLUED_SLASH", "STRIDE_SLASH", "DOUBLE_SLASH", "PERCENT", "POWER"}
_SIGNS = {"MINUS", "SIGN"}
_BEGIN_EXPRESSION = {"EXPECT", "IF", "IN"}
_END_EXPRESSION = {"ARROW", "LBRACE"}


def gaps(kinds: list[str], in_bracket: bool) -> list[bool]:
    """Return whether a space stands before each word or bracket. The kind of a bracket is that of its first word."""
    before, after = [False] * len(kinds), [False] * len(kinds)  # which have no space on their left, on their right
    expression = in_bracket
    defined = next((kind for kind in kinds if kind != "VBAR"), "") if not in_bracket else ""
    previous = ""
    term: list[int] = []
    for at, kind in enumerate(kinds):
        operator = previous in _ENDS
        argument = operator and not expression and kind in ("SIGN", "STRIDE_SLASH")
        if kind in _FACTORS and operator and not argument:
            if expression or kind != "STAR":  # the factor of a loss has spaces: `loss 0.3 * crossentropy aux`
                term.append(at)
        elif argument or (operator and kind not in _GLUED_BRACKETS and kind != "DOT") or kind in _END_EXPRESSION:
            _settle(term, kinds, before, after)
            term = []
        if argument or (kind in _SIGNS and not operator):
            after[at] = True
        elif kind == "EQUAL" and defined in ("LET", "NET", "TRAIN"):
            expression, defined = defined == "LET", ""
        else:
            before[at] = _is_tight_before(kind, previous)
            after[at] = kind in ("DOT", "EQUAL") or (kind == "COLON" and in_bracket)
            after[at] |= kind == "STAR" and previous == "INPUT"
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
