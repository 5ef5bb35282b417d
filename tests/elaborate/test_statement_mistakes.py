"""A mistake for each rule of the grammar's declarations, statements and arguments, at the top and deep in a net.

One message each, in the right line, under the right words, which names what is at fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from archlang.parse import parse
from archlang.paths import GRAMMAR
from archlang.source import Source
from tests.specs import words_at, wrong


@dataclass(frozen=True)
class Slip:
    """A line with one mistake; if `culprit` is empty, the place is after the line's last word."""

    line: str
    code: str
    culprit: str
    names: str  # what the message or its help must hold


def at_the_top(line: str) -> str:
    end = "" if "output" in line else "  output\n"
    return f"net tried {{\n  input x: 8x16x16\n  {line}\n{end}}}\n"


def in_a_block(line: str) -> str:
    """Return the text in a block, called from a loop, in a branch."""
    return (
        f"block inner {{\n  input x\n  {line}\n}}\n\n"
        "net tried {\n  input x: 8x16x16\n  if true {\n    concat {\n"
        "      | for i in range(3) { | inner }\n      | it\n    }\n  }\n  output\n}\n"
    )


def by_itself(line: str) -> str:
    """Return the text beside a valid net."""
    return f"block pair(width, act=relu) {{ conv 3x3 width -> act }}\n\n{line}\n\n{at_the_top('pair 6')}"


LINE = 3  # the place of the slip in each of them
PLACES = {"top": at_the_top, "block": in_a_block, "file": by_itself}

# by the rule of the grammar that they are about
STATEMENTS: dict[str, list[Slip]] = {
    "let": [
        Slip("let width = 2 * widht", "unknown-name", "widht", "`widht`"),
        Slip("let x = 3", "name-taken", "x", "`x`"),
        Slip("let a = conv 3x3 8", "unexpected-word", "conv 3x3", "`a: conv 3x3 8`"),
        Slip("let a 3", "unexpected-word", "3", "`3`"),
        Slip('use "blocks.arch": two', "unexpected-word", "use", "the top of a file"),
        Slip("train { epochs 3 }", "outside-a-net", "train", "`train NAME = NET {`"),
    ],
    "function": [
        Slip("let double(v) = 2 * w; conv 3x3 double(4)", "unknown-name", "w", "`w`"),
        Slip("let double(v) = 2 * v; conv 3x3 double(4, 5)", "too-many-arguments", "5", "`double`"),
        Slip("let double(v) = 2 * v; conv 3x3 double()", "missing-argument", "double", "`v`"),
    ],
    "input": [
        Slip("input mask 8x16x16", "unexpected-word", "8x16x16", "`input mask: 8x16x16`"),
        Slip("part: { input y: 8x16x16 }", "misplaced-input", "y", "`input`"),
    ],
    "output": [
        Slip("output mask", "unknown-name", "mask", "`mask`"),
        Slip("output x, x", "duplicate-label", "output x, x", "`x`"),
        Slip("output x x", "unexpected-word", "x", "`x`"),
        Slip("part: { output }", "misplaced-output", "output", "`output`"),
    ],
    "expect": [
        Slip("expect params = 3", "unexpected-word", "=", "`==`"),
        Slip("expect params", "unexpected-word", "", "`==`"),
        Slip("tanh -> expect params == 0", "statement-in-a-chain", "expect", "`expect`"),
    ],
    "body": [
        Slip("part: { relu, tanh }", "comma-between-arguments", ",", "`(relu, tanh)`"),
        Slip("part: { tahn }", "unknown-operator", "tahn", "`tanh`"),
    ],
    "bars": [
        Slip("concat { relu; tanh }", "branch-without-bar", "relu", "`|`"),
        Slip("concat { }", "branch-without-bar", "{ }", "`|`"),
        Slip("{ | relu | conv 3x3 8 pad=1 } -> relu", "tuple-into-one", "relu", "relu"),
    ],
    "branch": [
        Slip("concat { | relu | tahn }", "unknown-operator", "tahn", "`tanh`"),
        Slip("concat { | conv 3x3 8 | relu }", "unequal-sizes", "concat", "h (the height)"),
        Slip("concat { | relu -> | tanh }", "unexpected-word", "|", "a step"),
    ],
    "chain": [
        Slip("relu -> -> tanh", "unexpected-word", "->", "another arrow"),
        Slip("relu -> x", "dropped-value", "x", "`it`"),
        Slip("relu tanh", "wrong-kind", "tanh", "tanh"),
    ],
    "param": [
        Slip("param w 8x1x1 init=zeros", "unexpected-word", "8x1x1", "`:`"),
        Slip("param half: 1x8x16x16 init=zeros", "bad-label", "half", "`half`"),
        Slip("param w: 1x8x16x16", "missing-argument", "w", "`init=zeros`"),
        Slip("param w: 3 init=zeros", "wrong-kind", "3", "`[3]`"),
        Slip("param w: 0x8x16x16 init=zeros", "out-of-range", "0x8x16x16", "at least 1"),
        Slip("param w: 1x8x16x16 init=zeroes", "unknown-initialiser", "zeroes", "`zeros`"),
        Slip("param w: 1x8x16x16 init=normal(stdd=1)", "unknown-argument", "stdd", "`std`"),
        Slip('param w: 1x8x16x16 init=normal("a")', "wrong-kind", '"a"', "`std`"),
        Slip("param w: 1x8x16x16 init=constant", "missing-argument", "constant", "`value`"),
        Slip("buffer w: 1x8x16x16 init=zeros dtype=flaot32", "unknown-dtype", "flaot32", "`float32`"),
        Slip("param w: 1x8x16x16 init=zeros dtype=int64", "wrong-dtype", "w", "int64"),
        Slip("tanh -> param w: 3x3 init=zeros", "statement-in-a-chain", "param", "`param`"),
    ],
    "default": [
        Slip("default relu init=zeros", "unknown-argument", "relu", "relu has no weights"),
    ],
    "freeze": [
        Slip("freeze missing", "unknown-name", "missing", "`missing`"),
        Slip("a: conv 3x3 8; freeze aa", "unknown-name", "aa", "`a`"),
        Slip("a: conv 3x3 8; freeze a, a", "duplicate-label", "a", "`a`"),
        Slip("freeze 3", "not-a-step", "3", "`freeze`"),
        Slip("part: { freeze x }", "misplaced-freeze", "freeze x", "`freeze`"),
        Slip("freeze", "unexpected-word", "", "a value"),
    ],
    "inline": [
        Slip("inline conv 3x3 8", "not-a-block", "conv", "`conv`"),
        Slip("inline missing 3", "unknown-operator", "missing", "`missing`"),
        Slip("inline", "unexpected-word", "", "a name"),
    ],
    "reuse": [
        Slip("reuse missing", "unknown-name", "missing", "`missing`"),
        Slip("reuse x", "not-a-step", "x", "`x`"),
        Slip("a: conv 3x3 6 -> reuse a", "weights-differ", "a", "`a.weight`"),
        Slip("a: conv 3x3 6; reuse a 3", "unexpected-word", "3", "`3`"),
    ],
    "labelled": [
        Slip("half: relu", "bad-label", "half", "`half`"),
        Slip("x: relu", "duplicate-label", "x", "`x`"),
        Slip("(a, b): relu", "labels-do-not-match", "(a, b)", "2 labels"),
        Slip('"a{it}": relu', "wrong-kind", "it", "8x16x16"),
        Slip("a = relu", "unexpected-word", "=", "`a: relu`"),
    ],
    "apply": [
        Slip("rleu", "unknown-operator", "rleu", "`relu`"),
        Slip("conv(3x3, 8)", "called-like-a-function", "conv(3x3, 8)", "`conv 3x3 8`"),
        Slip("conv 3x3", "missing-argument", "conv", "`out`"),
        Slip("conv 19x19 8", "kernel-too-large", "19x19", "19 positions"),
        Slip("x 3", "not-an-operator", "x", "`x`"),
        Slip("(x, y) -> concat", "unknown-name", "y", "`y`"),
        Slip("(x, 3) -> concat", "not-a-value", "3", "3"),
        Slip("add", "too-few-inputs", "add", "add"),
    ],
    "for_loop": [
        Slip("for i in 3 { relu }", "wrong-kind", "3", "`range(3)`"),
        Slip("for i in range(3) relu", "unexpected-word", "relu", "`{`"),
        Slip("for i in range(3): relu", "unexpected-word", ":", "`for i in range(3) {`"),
        Slip("for x in range(3) { relu }", "name-taken", "x", "`x`"),
        Slip("for i = 0 { relu }", "unexpected-word", "=", "`for i in range(3) {`"),
    ],
    "targets": [
        Slip("for a, b in [1, 2] { relu }", "wrong-kind", "a, b", "2 names"),
        Slip("for a, a in [[1, 2]] { relu }", "name-taken", "a", "`a`"),
    ],
    "if_else": [
        Slip("if 3 { relu }", "wrong-kind", "3", "true or false"),
        Slip("if x.chanels > 3 { relu }", "unknown-name", "chanels", "`channels`"),
        Slip("if x.channels = 3 { relu }", "unexpected-word", "=", "`==`"),
        Slip("if true { relu } elif false { relu }", "unexpected-word", "elif", "`else if`"),
        Slip("if true { relu } else relu", "unexpected-word", "relu", "`{`"),
    ],
    "repeat": [
        Slip("repeat 2.5 { relu }", "wrong-kind", "2.5", "a whole number"),
        Slip("repeat -1 { relu }", "out-of-range", "-1", "-1"),
        Slip("repeat 3 as { relu }", "unexpected-word", "{", "a name"),
        Slip("repeat x.channels - 1 { relu }", "arithmetic-needs-parentheses", "x.channels - 1", "`(x.channels - 1)`"),
        Slip("repeat 2 { a: relu }", "label-repeats", "a", "`a`"),
        Slip("repeat 2 { tanh -> a: it }", "label-repeats", "a", "`let a = it`"),
    ],
    "residual": [
        Slip("residual { conv 3x3 8 }", "unequal-shapes", "residual", "8x14x14 and 8x16x16"),
        Slip("residual { relu } shortcut { tahn }", "unknown-operator", "tahn", "`tanh`"),
        Slip("residual relu", "unexpected-word", "relu", "`{`"),
        Slip("residual { | relu }", "unexpected-word", "|", "`residual`"),
    ],
    "dense": [
        Slip("dense 2 { conv 3x3 8 }", "unequal-sizes", "dense 2", "h (the height)"),
        Slip("dense 128", "without-braces", "dense", "`linear 128`"),
        Slip("dense true { relu }", "wrong-kind", "true", "`true`"),
    ],
    "positional": [
        Slip("conv 3x3 2*4", "arithmetic-needs-parentheses", "2*4", "`(2*4)`"),
        Slip("conv k x k / k 8", "arithmetic-needs-parentheses", "k x k / k", "`[k, k]/k`"),
        Slip("conv 3x3, 8", "comma-between-arguments", ",", "`conv 3x3 8`"),
        Slip("conv 3x3 8 9", "too-many-arguments", "9", "conv"),
        Slip("conv 3 8", "wrong-kind", "3", "`kernel`"),
        Slip("conv 3x3/-1 8", "out-of-range", "-1", "`stride`"),
    ],
    "stride": [
        Slip("conv 3x3 8 /0", "out-of-range", "0", "`stride`"),
        Slip("relu /2", "unknown-argument", "/2", "relu"),
        Slip("conv 3x3 / 2 8", "loose-stride", "3x3 / 2", "`3x3/2`"),
    ],
    "named": [
        Slip("conv 3x3 8 padd=1", "unknown-argument", "padd", "`padd`"),
        Slip("conv 3x3 8 pad=-1", "out-of-range", "-1", "`pad`"),
        Slip("conv 3x3 8 pad=", "unexpected-word", "", "a value"),
        Slip("conv 3x3 8 pad=1 pad=1", "argument-twice", "pad=1", "`pad`"),
        Slip("conv [H=3, 3] 8", "misplaced-size", "H=3", "`H=`"),
        Slip("a: conv 3x3 8; conv 3x3 8 weihgt=a.weight", "unknown-argument", "weihgt", "`weight`"),
        Slip("a: conv 3x3 8; conv 3x3 8 weight=a.wieght", "unknown-name", "a.wieght", "`weight`"),
        Slip("a: conv 3x3 8; conv 3x3 9 weight=a.weight", "weights-differ", "a.weight", "9x8x3x3"),
    ],
}  # fmt: skip

DECLARATIONS: dict[str, list[Slip]] = {
    "use": [
        Slip('use "blocks.arch" two', "unexpected-word", "two", "`:`"),
        Slip('use "blocks.arch": two three', "unexpected-word", "three", "`three`"),
        Slip("use blocks.arch: two", "unexpected-word", "blocks.arch", '`use "blocks.arch"`'),
    ],
    "net": [
        Slip("net other { input x: 3x4x4; relu }", "no-output", "other", "`other`"),
        Slip("net other { input x; relu; output }", "input-without-shape", "x", "a shape"),
        Slip("net { relu }", "unexpected-word", "{", "a name"),
    ],
    "derived": [
        Slip("net other = tried widht=3", "unknown-argument", "widht", "`widht`"),
        Slip("net other = trid", "unknown-name", "trid", "`tried`"),
        Slip("net other = pair 3", "not-a-net", "pair", "`pair`"),
        Slip("net other = tried { relu }", "misplaced-step", "relu", "`expect`"),
    ],
    "block": [
        Slip("block pair { relu }", "duplicate-declaration", "pair", "`pair`"),
        Slip("block other(width) relu", "unexpected-word", "relu", "`{`"),
    ],
    "recipe": [
        Slip("train other = { batch 3 }", "unexpected-word", "{", "a name"),
        Slip("train other tried { batch 3 }", "unexpected-word", "tried", "`=`"),
    ],
    "recipe_body": [
        Slip("train other = tried { residual { relu } }", "unexpected-word", "residual", "a name"),
        Slip("train other = tried { input x: 3x4x4 }", "unexpected-word", "input", "a name"),
    ],
    "setting": [
        Slip("train other = tried { batch 3, 4 }", "comma-between-arguments", ",", "`batch 3 4`"),
        Slip("train other = tried { loss 0.3 * 4 }", "unexpected-word", "4", "a name"),
        Slip("train other = tried { view normalize -> }", "unexpected-word", "}", "a name"),
    ],
    "setting_word": [
        Slip('train other = tried { "loss" crossentropy }', "unexpected-word", '"loss"', "a name"),
        Slip("train other = tried { loss: crossentropy }", "unexpected-word", ":", "an argument"),
    ],
    "parameters": [
        Slip("block other(a, a) { relu }", "name-taken", "a", "`a`"),
        Slip("block other(a b) { relu }", "unexpected-word", "b", "`,`"),
    ],
    "parameter": [
        Slip("block other(a=) { relu }", "unexpected-word", ")", "a value"),
        Slip("block other(for=3) { relu }", "reserved-word", "for", "`for`"),
    ],
    "let": [
        Slip("let width = 2 * widht", "unknown-name", "widht", "`widht`"),
    ],
    "function": [
        Slip("let double(v, v) = 2", "name-taken", "v", "`v`"),
        Slip("let double(v) 2", "unexpected-word", "2", "`=`"),
    ],
}  # fmt: skip

# rules that name a choice of others, or a part of one that has its mistakes above
GROUPS = {"declaration", "_braces", "line", "step", "_action", "step_word", "target", "argument", "_operand", "_signed",
          "negative", "minus", "broken", "_recipe_line", "_factor"}  # fmt: skip


def complaint(slip: Slip, text: str) -> str | None:
    """Return what is wrong with the message about a slip; None if it is right."""
    found = wrong(text)
    if len(found) != 1:
        return f"{len(found)} messages: {[d.message for d in found]}"
    (diagnostic,) = found
    line, row = LINE, text.splitlines()[LINE - 1]
    column = row.index(slip.line) + 1
    column += len(slip.line) if not slip.culprit else slip.line.rindex(slip.culprit)
    told = f"{diagnostic.code} at {(diagnostic.span.line, diagnostic.span.column)}: {diagnostic.message}"
    if diagnostic.code != slip.code:
        return f"not {slip.code} but {told}"
    if (diagnostic.span.line, diagnostic.span.column) != (line, column):
        return f"not at {(line, column)}: {told}"
    if slip.culprit and words_at(text, diagnostic) != slip.culprit:
        return f"under `{words_at(text, diagnostic)}`: {told}"
    if slip.names not in f"{diagnostic.message} {diagnostic.help}":
        return f"no {slip.names} in: {told}; {diagnostic.help}"
    parsed = not parse(Source("spec.arch", text))[1]
    around = {words for label in diagnostic.labels for words in ("called here", "in the turn") if words in label.text}
    if parsed and "block inner" in text and len(around) < 2:
        return f"the call or the loop is not told of: {told}"
    return None


def _cases() -> list[tuple[str, Slip, str]]:
    cases = [(rule, slip, place) for rule, slips in STATEMENTS.items() for slip in slips for place in ("top", "block")]
    return cases + [(rule, slip, "file") for rule, slips in DECLARATIONS.items() for slip in slips]


@pytest.mark.parametrize("rule, slip, place", _cases(), ids=lambda case: case.line if isinstance(case, Slip) else case)
def test_slip(rule: str, slip: Slip, place: str) -> None:
    assert complaint(slip, PLACES[place](slip.line)) is None


def test_the_value_of_a_repeated_label_is_unknown() -> None:
    """In the second turn `kept` is not the map of the first, of another size, whose sum would be a second mistake."""
    (diagnostic,) = wrong(at_the_top("repeat 2 { maxpool 2x2/2 -> kept: it; relu; (it, kept) -> add }"))
    assert diagnostic.code == "label-repeats"
    assert wrong(at_the_top("repeat 2 { maxpool 2x2/2; let kept = it; relu; (it, kept) -> add }")) == []


def test_the_text_around_the_slips_is_valid() -> None:
    assert [wrong(put("let a = 3")) for put in PLACES.values()] == [[], [], []]


def test_every_rule_has_its_slips() -> None:
    """The rules of the grammar's first three parts; a new rule is tested as soon as it is there."""
    text = GRAMMAR.read_text(encoding="utf-8").partition("// ---- expressions")[0]
    rules = set(re.findall(r"^\??([a-z_]+)(?:\{\w+\})?: ", text, re.MULTILINE))
    assert rules - GROUPS == {*STATEMENTS, *DECLARATIONS}
