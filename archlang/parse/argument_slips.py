"""Mistakes in the arguments of a step: commas, arithmetic without parentheses, branches without bars, line ends."""

from __future__ import annotations

from collections.abc import Callable

from archlang.parse.characters import quoted
from archlang.parse.stop import LINE_ENDS, OPERAND_ENDS, SIGN_TOKENS, STEP_STARTS, Slip, Stop, operand_before, stretch


def _arithmetic(stop: Stop) -> Slip | None:
    if stop.found.type not in SIGN_TOKENS or stop.kind(-1) not in OPERAND_ENDS:
        return None
    first, last = stretch(stop.tokens, stop.at)
    words = stop.words(first, last)
    if stop.kind(-1) == "WINDOW" and stop.found.type in ("SLASH", "GLUED_SLASH"):
        message = "a stride has no space before it, nor between its slash and its number"
        return Slip("loose-stride", message, first, last, f"write `{''.join(words.split())}`")
    if stop.found.type == "SLASH" and first > 2 and stop.words(first - 1, first - 1) == "x" and last == stop.at + 1:
        sides = stop.words(first - 2, first - 2), stop.words(first, stop.at - 1)
        help = f"write `[{', '.join(sides)}]/{stop.words(last, last)}`"
        return Slip("arithmetic-needs-parentheses", "a window of names stands in brackets", first - 2, last, help)
    values = _values(stop, first, last)
    if values is not None:
        return values
    help = f"write `({words})`"
    kinds = [token.type for token in stop.tokens[first : last + 1]]
    if kinds == ["INT", "STAR", "INT"] and stop.begins_step(first - 1):
        help = f"write `{words.replace('*', 'x')}` for a window, or `({words})` for a number"
    return Slip("arithmetic-needs-parentheses", "arithmetic must be in parentheses here", first, last, help)


def _values(stop: Stop, first: int, last: int) -> Slip | None:
    """Find arithmetic with values of the net: a step that begins with it, or `it` on one side.

    Arithmetic with numbers is an argument, and stands behind an operator.
    """
    whole = stop.begins_step(first)
    if not whole:
        if "it" not in (stop.words(first, stop.at - 1), stop.words(stop.at + 1, last)):
            return None
        first, last = stop.line_start(stop.at), stop.last_of_line()
    signs = [at for at in range(first, last) if stop.tokens[at].type in SIGN_TOKENS and (whole or at == stop.at)]
    kinds = {stop.tokens[at].type for at in signs}
    operator = {"PLUS": "add", "MINUS": "sub", "STAR": "mul", "SLASH": "div"}.get(stop.found.type)
    ends = zip([first, *(at + 1 for at in signs)], [*(at - 1 for at in signs), last], strict=True)
    terms = [stop.words(*pair) for pair in ends]
    help = f"write `{operator} {{ | {' | '.join(terms)} }}`"
    if any(term.isdecimal() for term in terms):
        help = "of a value and a number the operators are `scale 2`, `shift 2` and `pow 2`"
    elif operator is None or len(kinds) > 1 or (len(signs) > 1 and operator in ("sub", "div")):
        help = "operators compute with values: `add`, `sub`, `mul` and `div`"
    return Slip("wrong-kind", f"{quoted(stop.found)} does not take values of the net", first, last, help)


def _branches(stop: Stop) -> Slip | None:
    """Find `concat { a, b }`, and braces of an operator without bars."""
    if "VBAR" not in stop.expected or stop.kind(-1) != "LBRACE" or stop.at < 2:
        return None
    start, end = stop.at, stop.at
    if stop.found.type == "RBRACE":
        message = "the braces of an operator contain branches, but these contain none"
        return Slip("branch-without-bar", message, start - 1, end, "each branch begins with `|`")
    while stop.tokens[end + 1].type not in LINE_ENDS:
        end += 1
    inside = stop.tokens[start : end + 1]
    words = stop.words(start, end)
    if stop.tokens[end + 1].type == "RBRACE" and {token.type for token in inside} <= {"NAME", "COMMA", "DOT"}:
        names = words if "," in words else ", ".join(words.split())
        help = f"write `({names}) -> {stop.tokens[start - 2]}`"
        return Slip("values-in-braces", "values reach an operator from the left of an arrow", start, end, help)
    bar = f"write `{{ | {words} ...`" if len(words) < 60 else None
    return Slip("branch-without-bar", "each branch in an operator's braces begins with `|`", start, start, bar)


def _comma(stop: Stop) -> Slip | None:
    if stop.found.type != "COMMA":
        return None
    start, end = stop.at, stop.at
    while start and stop.tokens[start - 1].type not in STEP_STARTS:
        start -= 1
    while stop.tokens[end + 1].type not in {*LINE_ENDS, "ARROW", "LBRACE"}:
        end += 1
    line = stop.tokens[start : end + 1]
    names = next((at for at, token in enumerate(line) if token.type not in ("NAME", "COMMA")), len(line))
    if names < len(line) and line[names].type == "COLON":
        help = f"several results have their names in parentheses: `({stop.words(start, start + names - 1)}): ...`"
        return Slip("comma-between-arguments", "several labels must be in parentheses", stop.at, stop.at, help)
    if {token.type for token in line} <= {"NAME", "COMMA", "DOT"}:
        help = f"several values are a tuple: `({stop.words(start, end)})`"
        return Slip("comma-between-arguments", "several values must be in parentheses", stop.at, stop.at, help)
    if stop.tokens[start].type not in ("NAME", "DENSE", "REPEAT"):
        return None
    help = f"write `{' '.join(stop.words(start, end).replace(',', ' ').split())}`"
    return Slip("comma-between-arguments", "arguments are separated by spaces, without commas", stop.at, stop.at, help)


def _next_line(stop: Stop) -> Slip | None:
    """Find arguments on the line below their operator."""
    first, begins = stop.at, {"INT", "FLOAT", "WINDOW", "STRIDE_SLASH", "SIGN", "LSQB"}
    if stop.found.type == "EQUAL" and stop.kind(-1) == "NAME" and stop.kind(2) in (*LINE_ENDS, "NAME"):
        first -= int(stop.tokens[stop.at - 1].end_pos == stop.found.start_pos)
    if stop.tokens[first - 1].type != "SEP" or (first == stop.at and stop.found.type not in begins):
        return None
    if stop.kind(1) == "COLON":
        return None
    start, last = stop.line_start(first - 1), stop.last_of_line()
    help = f"write `{stop.words(start, first - 2)} {stop.words(first, last)}`"
    message = "arguments must be on the line of their operator"
    return Slip("arguments-on-the-next-line", message, first, last, help, continues=True)


def _number_in_path(stop: Stop) -> Slip | None:
    if stop.found.type not in ("INT", "FLOAT") or stop.kind(-1) != "DOT":
        return None
    first = operand_before(stop.tokens, stop.at)
    help = f'write `"{stop.words(first, stop.at)}"`'
    return Slip("unexpected-word", "a path with numbers is a string", first, stop.at, help)


def _quantity(stop: Stop) -> Slip | None:
    if stop.found.type != "QUANTITY":
        return None
    message = f"{quoted(stop.found)} is a rounded figure, which only `expect` takes"
    return Slip("unexpected-word", message, stop.at, stop.at, "write the number in full")


ARGUMENT_SLIPS: tuple[Callable[[Stop], Slip | None], ...] = (
    _next_line, _branches, _comma, _arithmetic, _number_in_path, _quantity,
)  # fmt: skip
