"""Mistakes at the beginning of lines: keywords, labels, braces, arrows."""

from __future__ import annotations

from collections.abc import Callable

from archlang.parse.characters import quoted
from archlang.parse.layout import KEYWORDS
from archlang.parse.stop import LINE_ENDS, OPERAND_ENDS, Slip, Stop, operand_before

_HEADERS = {"FOR", "IF", "ELSE", "REPEAT", "DENSE", "RESIDUAL", "SHORTCUT", "NET", "BLOCK"}
_STATEMENTS = {"OUTPUT", "INPUT", "LET", "EXPECT", "PARAM", "BUFFER", "FREEZE"}
_STEPS = {"FOR", "IF", "REPEAT", "DENSE", "RESIDUAL", "INLINE", "REUSE"}
_WORDS = ("input", "output", "expect", "repeat", "residual", "dense")
_SHORT_WORDS = ("let", "for", "if", "net", "block")


def _train(stop: Stop) -> Slip | None:
    """Answer `train` inside a net, and `train` without a name."""
    if stop.found.type == "TRAIN" and stop.begins_step(stop.at):
        message = "a recipe stands outside of nets and blocks"
        help = "end the net before it, and write `train NAME = NET {`"
        return Slip("outside-a-net", message, stop.at, stop.at, help)
    if stop.kind(-1) == "TRAIN" and stop.found.type == "LBRACE":
        help = "write `train NAME = NET {`"
        return Slip("needs-a-name", "a recipe needs a name", stop.at - 1, stop.at - 1, help)
    return None


def keyword(stop: Stop) -> Slip | None:
    word = stop.found
    if word.type not in KEYWORDS or "NAME" not in stop.expected or stop.begins_step(stop.at) or stop.kind(-1) == "ELSE":
        return None
    if stop.kind(-1) in OPERAND_ENDS and stop.words(stop.line_start(), stop.at - 1).strip():
        if word.type in _STATEMENTS:
            message = f"`{word}` is a statement, which begins a line of its own"
            return Slip("statement-in-a-chain", message, stop.at, stop.at, f"end the line before `{word}`")
        if word.type in _STEPS:
            message = f"`{word}` is not an argument: it begins a step"
            return Slip("reserved-word", message, stop.at, stop.at, f"write `-> {word} ...`, or end the line before it")
    message = f"`{word}` is a word of the language, and cannot be a name here"
    help = f"call it `{word}_`" if "INT" not in stop.expected else None
    return Slip("reserved-word", message, stop.at, stop.at, help)


def _statement_after_arrow(stop: Stop) -> Slip | None:
    if stop.found.type not in _STATEMENTS or stop.kind(-1) not in ("ARROW", "COLON"):
        return None
    word = stop.found
    help = "write it below: it gives the value before it" if word.type == "OUTPUT" else None
    return Slip("statement-in-a-chain", f"`{word}` is not a step: it needs a line of its own", stop.at, stop.at, help)


def equals(stop: Stop) -> Slip | None:
    if stop.found.type != "EQUAL":
        return None
    if stop.kind(-2) == "FOR":
        help = f"write `for {stop.tokens[stop.at - 1]} in range(3) {{`"
        return Slip("unexpected-word", "a loop runs over the items of a list", stop.at, stop.at, help)
    if stop.at + 1 < len(stop.tokens) and stop.tokens[stop.at + 1] == ">":
        return Slip("unexpected-word", "`=>` is not an arrow of this language", stop.at, stop.at + 1, "write `->`")
    if "EQUALS" in stop.expected:
        return Slip(
            "unexpected-word", "`=` gives an argument; two values are compared by `==`", stop.at, stop.at, "write `==`"
        )
    if stop.kind(-1) != "NAME" or not stop.begins_step(stop.at - 1):
        return None
    name, value = stop.tokens[stop.at - 1], stop.words(stop.at + 1, max(stop.last_of_line(), stop.at + 1))
    help = f"write `{name}: {value}`" if stop.kind(1) == "NAME" else f"write `let {name} = {value}`"
    what = "a step is named by a colon" if stop.kind(1) == "NAME" else "a value is named by `let`"
    return Slip("unexpected-word", f"`=` names nothing by itself: {what}", stop.at, stop.at, help)


def _colon(stop: Stop) -> Slip | None:
    if stop.found.type != "COLON":
        return None
    start = stop.line_start()
    if stop.tokens[start].type in _HEADERS:
        help = f"write `{stop.words(start, stop.at - 1)} {{`"
        return Slip("unexpected-word", f"the body of `{stop.tokens[start]}` must be in braces", stop.at, stop.at, help)
    return None


def _dotted_label(stop: Stop) -> Slip | None:
    """Find `convs.0: ...` and `convs.first: ...`, labels whose dots need quotes."""
    colon = stop.at if stop.found.type == "COLON" else stop.at + 1
    if colon >= len(stop.tokens) or stop.tokens[colon].type != "COLON":
        return None
    start = operand_before(stop.tokens, colon - 1)
    words = stop.words(start, colon - 1)
    if "." not in words or not all(part.isidentifier() or part.isdecimal() for part in words.split(".")):
        return None
    return Slip("bad-label", "a label with dots is a string", start, colon - 1, f'write `"{words}": ...`')


def _numbered_label(stop: Stop) -> Slip | None:
    if stop.found.type not in ("INT", "WINDOW", "FLOAT") or stop.kind(1) != "COLON":
        return None
    message = "a label is a name or a string; a step without one is named by its position"
    return Slip("bad-label", message, stop.at, stop.at, f"leave `{stop.found}:` out")


def _arrows(stop: Stop) -> Slip | None:
    if stop.found.type != "ARROW" or stop.kind(-1) != "ARROW":
        return None
    return Slip(
        "unexpected-word", "an arrow leads to a step, but this is another arrow", stop.at, stop.at, "leave it out"
    )


def _else_if(stop: Stop) -> Slip | None:
    if stop.found.type != "NAME" or stop.found not in ("elif", "elsif", "elseif") or stop.kind(-1) != "RBRACE":
        return None
    return Slip("unexpected-word", f"`{stop.found}` is not a word of the language", stop.at, stop.at, "write `else if`")


def _pipe(stop: Stop) -> Slip | None:
    if stop.found.type != "VBAR":
        return None
    word = stop.tokens[stop.line_start(stop.at - 1)]
    if stop.kind(-1) == "LBRACE" and word.type in ("RESIDUAL", "DENSE"):
        message = f"the braces of `{word}` hold steps, and it makes the branches itself"
        return Slip(
            "unexpected-word", message, stop.at, stop.at, "for branches of your own write `add { | ... | ... }`"
        )
    if "ARROW" not in stop.expected:
        return None
    help = "steps are joined by `->`; `|` begins a branch within braces"
    return Slip("unexpected-word", "a branch cannot begin here", stop.at, stop.at, help)


def _let_step(stop: Stop) -> Slip | None:
    start = stop.line_start()
    if stop.tokens[start].type != "LET" or stop.at - start < 4 or stop.tokens[start + 2].type != "EQUAL":
        return None
    if stop.tokens[start + 3].type != "NAME":
        return None
    if stop.found.type not in {"INT", "WINDOW", "FLOAT", "NAME", "ARROW", "LBRACE", "STRIDE_SLASH", "LPAR", "LSQB"}:
        return None
    name = stop.tokens[start + 1]
    help = f"a step is named by a label: `{name}: {stop.words(start + 3, max(stop.last_of_line(), start + 3))}`"
    return Slip("unexpected-word", "`let` names a number or another argument, not a step", start + 3, stop.at, help)


def _without_braces(stop: Stop) -> Slip | None:
    """Find `dense 128`, `residual` and the like without braces, or with the brace on the next line."""
    start = stop.line_start()
    word = stop.tokens[start]
    if stop.found.type not in {*LINE_ENDS, "ARROW"} or word.type not in _HEADERS or "LBRACE" not in stop.expected:
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
        return Slip("without-braces", f"the `{{` of `{word}` must be on the same line", start, stop.at - 1, help)
    return None


def _input(stop: Stop) -> Slip | None:
    """Find an input without a name, without a colon or with `=`, and `input: 3x224x224`, which reads as a label."""
    start = stop.line_start()
    if stop.tokens[start] == "input" and stop.at == start + 2 and stop.kind(-1) == "COLON":
        shape = stop.words(stop.at, max(stop.last_of_line(), stop.at))
        message = "an input has a name: it is written `input NAME: SHAPE`"
        return Slip("unexpected-word", message, start, stop.at, f"write `input image: {shape}`")
    if stop.tokens[start].type == "INPUT" and stop.found.type == "STAR" and stop.at == start + 2:
        help = f"write `input *{stop.tokens[start + 1]}`"
        return Slip("unexpected-word", "the star of an input stands before its name", stop.at, stop.at, help)
    if stop.tokens[start].type != "INPUT" or stop.found.type not in ("WINDOW", "LSQB", "LPAR", "INDEX", "EQUAL"):
        return None
    name = stop.tokens[start + 1] if stop.at == start + 2 else "image"
    first = stop.at + (stop.found.type == "EQUAL")
    shape = stop.words(first, max(stop.last_of_line(), first))
    message = "an input is a name, a colon and a shape"
    return Slip("unexpected-word", message, stop.at, stop.at, f"write `input {name}: {shape}`")


def _parameter_of_any_number(stop: Stop) -> Slip | None:
    """Find `block mix(*maps)`, as Python writes any number of values."""
    if stop.found.type != "STAR" or stop.tokens[0].type not in ("BLOCK", "NET") or stop.kind(1) != "NAME":
        return None
    if stop.kind(-1) not in ("LPAR", "CALL", "COMMA"):
        return None
    name = stop.tokens[stop.at + 1]
    message = "parameters are settings; values flow in"
    return Slip("unexpected-word", message, stop.at, stop.at + 1, f"write `input *{name}` in the braces of the block")


def _use(stop: Stop) -> Slip | None:
    """Find `use` inside braces, and `use blocks.arch: pair` without quotes."""
    if stop.found.type == "USE" and stop.begins_step(stop.at):
        message = "`use` must be at the top of a file, outside all braces"
        return Slip("unexpected-word", message, stop.at, stop.at)
    if stop.kind(-1) != "USE" or stop.found.type != "NAME":
        return None
    last = stop.at
    while stop.tokens[last + 1].type not in {*LINE_ENDS, "COLON"}:
        last += 1
    help = f'write `use "{stop.words(stop.at, last)}"`'
    return Slip("unexpected-word", "the path of a file must be in quotes", stop.at, last, help)


def _derived_call(stop: Stop) -> Slip | None:
    if stop.found.type != "CALL" or stop.tokens[0].type != "NET" or stop.at != 4:
        return None
    inside = stop.words(stop.at + 1, max(stop.last_of_line() - 1, stop.at + 1)).replace(",", " ").split()
    help = f"write `{stop.words(0, stop.at - 1)} {' '.join(inside)}`"
    return Slip(
        "unexpected-word", "the arguments of a derived net are written as those of a step", stop.at, stop.at, help
    )


def _comment(stop: Stop) -> Slip | None:
    if stop.found.type != "DOUBLE_SLASH" or not stop.begins_step(stop.at):
        return None
    return Slip("unexpected-word", "a comment begins with `#`", stop.at, stop.at, "write `#`")


def _misspelt(stop: Stop) -> Slip | None:
    """Find a word such as `inptu` that is meant as a keyword, as the words after it show."""
    from difflib import get_close_matches

    at = stop.at - (stop.kind(-1) == "LBRACE")
    start = stop.line_start(at)
    word = stop.tokens[start]
    if word.type != "NAME" or at == start:
        return None
    lower = word.lower()
    near = [lower] if lower in (*_SHORT_WORDS, *_WORDS) else get_close_matches(lower, _WORDS, 1, 0.8)
    if not near:
        return None
    message = f"{quoted(stop.tokens[at])} does not follow a step's word `{word}`"
    return Slip("unexpected-word", message, start, start, f"did you mean `{near[0]}`?")


STATEMENT_SLIPS: tuple[Callable[[Stop], Slip | None], ...] = (
    _train, _input, _parameter_of_any_number, _misspelt, _dotted_label, _numbered_label, _arrows, _use,
    _derived_call, _comment, _statement_after_arrow, _colon, _else_if, _pipe, _let_step, _without_braces,
)  # fmt: skip
