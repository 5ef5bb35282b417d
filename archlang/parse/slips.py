"""Slips that newcomers make, and what each of them meant. A slip is known by where the parser stopped."""

from __future__ import annotations

from collections.abc import Callable

from archlang.parse.characters import quoted
from archlang.parse.layout import KEYWORDS
from archlang.parse.stop import OPERAND_ENDS, OPERATORS, STEP_STARTS, Slip, Stop, operand_before, stretch

_LINE_ENDS = {"SEP", "$END", "RBRACE"}
_HEADERS = {"FOR", "IF", "ELSE", "REPEAT", "DENSE", "RESIDUAL", "SHORTCUT", "NET", "BLOCK"}
_STATEMENTS = {"OUTPUT", "INPUT", "LET", "EXPECT"}
_RESERVED = {
    "use": "declare what it names in this file",
    "inline": "call the block without `inline`: its parts are then named below the step's own name",
}


def _reserved(stop: Stop) -> Slip | None:
    word = stop.found
    if word.type != "RESERVED":
        return None
    if stop.begins_step(stop.at):
        message = f"`{word}` belongs to a part of the language that this version does not carry out"
        return Slip("not-carried-out", message, stop.at, stop.at, _RESERVED.get(word))
    return _keyword(stop)


def _keyword(stop: Stop) -> Slip | None:
    word = stop.found
    if word.type not in KEYWORDS or "NAME" not in stop.expected or stop.begins_step(stop.at) or stop.kind(-1) == "ELSE":
        return None
    message = f"`{word}` is a word of the language, and cannot be a name here"
    help = f"call it `{word}_`" if "INT" not in stop.expected else None
    return Slip("reserved-word", message, stop.at, stop.at, help)


def _arithmetic(stop: Stop) -> Slip | None:
    if stop.found.type not in OPERATORS or stop.kind(-1) not in OPERAND_ENDS:
        return None
    first, last = stretch(stop.tokens, stop.at)
    words = stop.words(first, last)
    if stop.kind(-1) == "WINDOW" and stop.found.type in ("SLASH", "GLUED_SLASH"):
        message = "a stride is glued to its window, or to a slash of its own"
        return Slip("loose-stride", message, first, last, f"write `{''.join(words.split())}`")
    help = f"write `({words})`"
    kinds = [token.type for token in stop.tokens[first : last + 1]]
    if kinds == ["INT", "STAR", "INT"] and stop.begins_step(first - 1):
        help = f"write `{words.replace('*', 'x')}` for a window, or `({words})` for a number"
    return Slip("arithmetic-needs-parentheses", "arithmetic stands in parentheses here", first, last, help)


def _branches(stop: Stop) -> Slip | None:
    """`concat { a, b }`, and braces of an operator without bars."""
    if "VBAR" not in stop.expected or stop.kind(-1) != "LBRACE" or stop.at < 2:
        return None
    start, end = stop.at, stop.at
    while stop.tokens[end + 1].type not in _LINE_ENDS:
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
    while stop.tokens[end + 1].type not in {*_LINE_ENDS, "ARROW", "LBRACE"}:
        end += 1
    line = stop.tokens[start : end + 1]
    if {token.type for token in line} <= {"NAME", "COMMA", "DOT"}:
        help = f"several values are a tuple: `({stop.words(start, end)})`"
        return Slip("comma-between-arguments", "values side by side stand in parentheses", stop.at, stop.at, help)
    if stop.tokens[start].type not in ("NAME", "DENSE", "REPEAT"):
        return None
    help = f"write `{' '.join(stop.words(start, end).replace(',', ' ').split())}`"
    return Slip("comma-between-arguments", "arguments stand side by side, without commas", stop.at, stop.at, help)


def _statement_after_arrow(stop: Stop) -> Slip | None:
    if stop.found.type not in _STATEMENTS or stop.kind(-1) not in ("ARROW", "COLON"):
        return None
    word = stop.found
    help = "write it below: it gives the value before it" if word.type == "OUTPUT" else None
    return Slip("statement-in-a-chain", f"`{word}` is no step: it stands on a line of its own", stop.at, stop.at, help)


def _next_line(stop: Stop) -> Slip | None:
    """Arguments that stand on the line after their operator's."""
    first, begins = stop.at, {"INT", "FLOAT", "WINDOW", "STRIDE_SLASH", "SIGN", "LSQB"}
    if stop.found.type == "EQUAL" and stop.kind(-1) == "NAME" and stop.kind(2) in (*_LINE_ENDS, "NAME"):
        first -= int(stop.tokens[stop.at - 1].end_pos == stop.found.start_pos)
    if stop.tokens[first - 1].type != "SEP" or (first == stop.at and stop.found.type not in begins):
        return None
    if stop.kind(1) == "COLON":
        return None
    start, last = stop.line_start(first - 1), _last_of_line(stop)
    help = f"write `{stop.words(start, first - 2)} {stop.words(first, last)}`"
    message = "arguments stand on the line of their operator"
    return Slip("arguments-on-the-next-line", message, first, last, help, continues=True)


def _last_of_line(stop: Stop) -> int:
    end = stop.at
    while stop.tokens[end + 1].type not in {*_LINE_ENDS, "ARROW"}:
        end += 1
    return end


def _equals(stop: Stop) -> Slip | None:
    if stop.found.type != "EQUAL":
        return None
    if stop.at + 1 < len(stop.tokens) and stop.tokens[stop.at + 1] == ">":
        return Slip("unexpected-word", "`=>` is no arrow of this language", stop.at, stop.at + 1, "write `->`")
    if "EQUALS" in stop.expected:
        return Slip(
            "unexpected-word", "`=` gives an argument; two values are compared by `==`", stop.at, stop.at, "write `==`"
        )
    if stop.kind(-1) != "NAME" or not stop.begins_step(stop.at - 1):
        return None
    name, value = stop.tokens[stop.at - 1], stop.words(stop.at + 1, max(_last_of_line(stop), stop.at + 1))
    help = f"write `{name}: {value}`" if stop.kind(1) == "NAME" else f"write `let {name} = {value}`"
    what = "a step is named by a colon" if stop.kind(1) == "NAME" else "a value is named by `let`"
    return Slip("unexpected-word", f"`=` names nothing by itself: {what}", stop.at, stop.at, help)


def _colon(stop: Stop) -> Slip | None:
    if stop.found.type != "COLON":
        return None
    start = stop.line_start()
    if stop.tokens[start].type in _HEADERS:
        help = f"write `{stop.words(start, stop.at - 1)} {{`"
        return Slip("unexpected-word", f"the body of `{stop.tokens[start]}` stands in braces", stop.at, stop.at, help)
    return None


def _numbered_label(stop: Stop) -> Slip | None:
    if stop.found.type not in ("INT", "WINDOW", "FLOAT") or stop.kind(1) != "COLON":
        return None
    message = "a label is a name or a string; a step without one is named by its position"
    return Slip("bad-label", message, stop.at, stop.at, f"leave `{stop.found}:` out")


def _arrows(stop: Stop) -> Slip | None:
    if stop.found.type != "ARROW" or stop.kind(-1) != "ARROW":
        return None
    return Slip(
        "unexpected-word", "an arrow leads to a step, and this is another arrow", stop.at, stop.at, "leave it out"
    )


def _else_if(stop: Stop) -> Slip | None:
    if stop.found.type != "NAME" or stop.found not in ("elif", "elsif", "elseif") or stop.kind(-1) != "RBRACE":
        return None
    return Slip("unexpected-word", f"`{stop.found}` is no word of the language", stop.at, stop.at, "write `else if`")


def _pipe(stop: Stop) -> Slip | None:
    if stop.found.type != "VBAR" or "ARROW" not in stop.expected:
        return None
    help = "steps are joined by `->`; `|` begins a branch within braces"
    return Slip("unexpected-word", "a branch cannot begin here", stop.at, stop.at, help)


def _let_step(stop: Stop) -> Slip | None:
    start = stop.line_start()
    if stop.tokens[start].type != "LET" or stop.at - start < 4 or stop.tokens[start + 3].type != "NAME":
        return None
    if stop.found.type not in {"INT", "WINDOW", "FLOAT", "NAME", "ARROW", "LBRACE", "STRIDE_SLASH", "LPAR", "LSQB"}:
        return None
    name = stop.tokens[start + 1]
    help = f"a step is named by a label: `{name}: {stop.words(start + 3, max(_last_of_line(stop), start + 3))}`"
    return Slip("unexpected-word", "`let` names a number or another argument, not a step", start + 3, stop.at, help)


def _without_braces(stop: Stop) -> Slip | None:
    """`dense 128`, `residual` and the like without braces, or with the brace on the next line."""
    start = stop.line_start()
    word = stop.tokens[start]
    if stop.found.type not in {*_LINE_ENDS, "ARROW"} or word.type not in _HEADERS or "LBRACE" not in stop.expected:
        return None
    words = stop.words(start, stop.at - 1)
    if word.type == "DENSE":
        help = f"a fully connected layer is written `linear {words.partition(' ')[2]}`"
        return Slip(
            "without-braces",
            "`dense` joins each turn of its braces to what came before, and has none",
            start,
            start,
            help,
        )
    if stop.kind(1) == "LBRACE" or word.type in ("NET", "BLOCK"):
        help = f"write `{words} {{`"
        return Slip("without-braces", f"the `{{` of `{word}` stands on the same line", start, stop.at - 1, help)
    return None


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


SLIPS: tuple[Callable[[Stop], Slip | None], ...] = (
    _reserved, _numbered_label, _arrows, _next_line, _equals, _statement_after_arrow, _branches, _comma, _arithmetic,
    _colon, _else_if, _pipe, _let_step, _without_braces, _number_in_path, _quantity, _keyword,
)  # fmt: skip
