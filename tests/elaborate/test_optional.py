"""Parts that a condition leaves out: a shortcut, a branch. And names that are also words of the language."""

from __future__ import annotations

import pytest

from archlang.elaborate import notes
from archlang.parse import parse
from archlang.source import Source
from tests.specs import graph_of, layers, net_of, words_at, wrong

RESIDUAL = """
block with_if(c) { residual if c { conv 3x3 3 pad=1 -> relu } shortcut { down: conv 1x1 3 } }
block in_full(c) {
  if c { residual { conv 3x3 3 pad=1 -> relu } shortcut { down: conv 1x1 3 } } else { conv 3x3 3 pad=1 -> relu }
}
"""


@pytest.mark.parametrize("holds", ["true", "false"])
def test_an_optional_residual_is_the_if_around_it(holds: str) -> None:
    short, full = (layers(f"u: {block} {holds}", before=RESIDUAL) for block in ("with_if", "in_full"))
    assert short == full
    assert ("u add 3x32x32" in short) == (holds == "true")


def test_labels_of_a_shortcut_that_is_left_out_are_not_taken() -> None:
    body = "residual if false { relu } shortcut { down: conv 1x1 3 }\n(down, it) -> add"
    (diagnostic,) = wrong(net_of(body))
    assert (diagnostic.code, words_at(net_of(body), diagnostic)) == ("not-taken", "down")


@pytest.mark.parametrize("join", ["add", "mul", "concat", "average", "maximum", "minimum"])
def test_a_join_of_the_one_branch_that_a_condition_leaves_is_that_branch(join: str) -> None:
    body = f"{join} {{ | conv 1x1 3 | if extra {{ | relu }} | repeat more {{ | tanh }} }}"
    alone = layers(body, parameters="extra=false, more=0")
    assert alone == ["0 conv 3x32x32"]
    assert len(layers(body, parameters="extra=true, more=2")) == 5


@pytest.mark.parametrize(
    "around",
    ["if extra > 0 { | tanh | gelu } else { | tanh }", "for k in range(1 + extra) { | tanh }",
     "repeat (1 + extra) { | tanh }", "if true { relu -> if extra > 0 { | tanh | gelu } else { | tanh } }"],
)  # fmt: skip
def test_the_branches_that_a_condition_or_a_loop_leaves_after_a_step_may_be_one(around: str) -> None:
    body = f"concat {{ | relu -> {around} }}"
    words = [line.split()[1] for line in layers(body, parameters="extra=0")]
    assert words == ["relu"] * (1 + ("true" in around)) + ["tanh"]
    assert layers(body, parameters="extra=1")[-1] == "concat 6x32x32"


def test_the_label_of_such_a_join_names_the_branch() -> None:
    body = "sum: add { | conv 1x1 8 | if false { | it } }\nrelu\n(it, sum) -> concat"
    assert layers(body)[-1] == "concat 16x32x32"


@pytest.mark.parametrize(
    "body, code",
    [
        ("add { | relu }", "too-few-inputs"),  # one bar is written: another was forgotten
        ("relu -> add", "too-few-inputs"),
        ("add { | relu -> { | tanh } }", "too-few-inputs"),
        ("add { | if false { | relu } }", "too-few-inputs"),
        ("sub { | relu | if false { | it } }", "too-few-inputs"),
        ("stack { | relu | if false { | it } }", "too-few-inputs"),
        ("concat axis=7 { | relu | if false { | it } }", "no-such-axis"),
        ("concat axis=0 { | relu | if false { | it } }", "batch-axis"),
    ],
)
def test_one_value_is_refused_elsewhere(body: str, code: str) -> None:
    assert [diagnostic.code for diagnostic in wrong(net_of(body))] == [code]


# ---- mistakes that a declaration contains by itself


@pytest.mark.parametrize(
    "block, words",
    [
        ("block b(down, c=false) { if c { down: relu } else { relu } }", "down"),
        ("block b(c=false) { let down = 3\n if c { { down: relu } } else { relu } }", "down"),
        ("block b(c=false) { if c { for i, (w, d) in [[0, [1, 2]]] { d: relu } } else { relu } }", "d"),
        ("block b(c=false) { if c { repeat 1 as i { i: relu } } else { relu } }", "i"),
        ("block b(c=false) { if c { add { | relu | down: { c: relu } } } else { relu } }", "c"),
        ("block b(c=false) { if c { (x, c): split [1, 2] } else { relu } }", "c"),
        ("block b(c=false) { if c { residual { relu } shortcut { c: relu } } else { relu } }", "c"),
        ("block b(c=false) { if c { add { | relu\n if c { | it } } } else { relu } }", "if"),
        ("block b(c=false) { if c { add { | relu | if c { | it } else { relu } } } else { relu } }", "{"),
    ],
)
def test_it_is_reported_whether_or_not_a_call_reaches_it(block: str, words: str) -> None:
    (diagnostic,) = wrong(block)
    assert words_at(block, diagnostic) == words
    arguments = "8" if "(down" in block else ""
    assert [d.span for d in wrong(net_of(f"b {arguments}", before=block))] == [diagnostic.span]


# ---- names of the spec that are words of the language


def test_a_declaration_comes_before_an_operator_and_a_function() -> None:
    before = "let max(a, b) = a\nlet gelu = 5\nblock attention(w) { conv 1x1 w -> relu }"
    body = "attention max(1, 9)\nconv 1x1 gelu"
    assert layers(body, before=before) == ["0.0 conv 1x32x32", "0.1 relu 1x32x32", "1 conv 5x32x32"]


def test_a_note_says_so_at_the_declaration() -> None:
    lets = "let int(v) = ceil(v)\nlet zeros = ones\nlet other = 2\n"
    text = f"{lets}block relu(w) {{ conv 1x1 w }}\nnet tanh {{\n input x: 3x4x4\n relu 3\n output\n}}\nnet b = tanh\n"
    file, _ = parse(Source("spec.arch", text))
    found = notes(file)
    assert [(note.code, note.severity, words_at(text, note), note.message.split()[-4]) for note in found] == [
        ("hides-an-operator", "note", "int", "function"),
        ("hides-an-operator", "note", "zeros", "initialiser"),
        ("hides-an-operator", "note", "relu", "operator"),
        ("hides-an-operator", "note", "tanh", "operator"),
    ]
    assert [layer.op.word for layer in graph_of(text, "b").flat()] == ["conv"]
