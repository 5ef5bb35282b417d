"""The rules of docs/language.md, one by one."""

from __future__ import annotations

import pytest

import archlang
from archlang.ir import CallNode, Graph
from archlang.lower import module
from tests.specs import graph_of


def net(body: str, before: str = "", shape: str = "3x32x32") -> Graph:
    return graph_of(f"{before}\nnet n {{\n  input x: {shape}\n{body}\n  output\n}}\n")


def keys(built: Graph) -> list[str]:
    """Return the paths of the operators that have a place of their own."""
    return [layer.path for layer in built.flat() if layer.node.name is not None]


def said(built: Graph) -> list[str]:
    """Return what each operator is, without its numbers' names."""
    return [f"{layer.op.word} {layer.output_types[0]}" for layer in built.flat()]


# ---- steps and scopes


@pytest.mark.parametrize(
    "body",
    [
        "conv 3x3 4 -> relu",
        "conv 3x3 4; relu",
        "conv 3x3 4\n\n  relu # end",
        "conv 3x3 4\n    -> relu",
        "conv 3x3 4 ->\n  relu",
    ],
)
def test_arrow_line_end_and_semicolon_are_the_same(body: str) -> None:
    assert said(net(body)) == ["conv 4x30x30", "relu 4x30x30"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("relu; relu", "0 1"),
        ("a: relu; relu; b: relu", "a 1 b"),
        ("f: { relu; g: { relu; relu } }; relu", "f.0 f.g.0 f.g.1 1"),
        ("{ relu }; relu", "0.0 1"),
        ("for i in range(2) { relu }; relu", "0 1 2"),
        ("if x.width == 32 { relu } else { tanh; tanh }; relu", "0 1"),
        ("if x.width != 32 { relu }\n  else { tanh; tanh }; relu", "0 1 2"),
        ("a: repeat 2 { relu }; relu", "a.0 a.1 1"),
        ('repeat 2 as i { "a{i}": relu }', "a0 a1"),
        ("residual { relu; tanh } shortcut { sigmoid }; relu", "0 1 2 3"),
        ("r: residual { relu }\n  relu", "r.0 1"),
        ("concat { | relu | a: tanh | { tanh; relu } }; relu", "0 a 2.0 2.1 3"),
        ("dense 2 { relu }; relu", "0 1 2"),
        ("kept: it; relu; (it, kept) -> add; relu", "0 1"),
    ],
)
def test_names_in_the_state_dict(body: str, expected: str) -> None:
    assert " ".join(keys(net(body))) == expected


def test_lenets_state_dict() -> None:
    weights = [
        f"{layer.path}" for layer in archlang.load("lenet5").graph.flat() if layer.op.weights(*layer.input_types)
    ]
    assert weights == ["features.0", "features.3", "features.6", "classifier.0", "classifier.2"]


# ---- arguments


@pytest.mark.parametrize(
    ("step", "shape"),
    [
        ("conv 3x3/2 8 pad=1", "8x16x16"),
        ("conv 3x3 /2 8 pad=1", "8x16x16"),
        ("conv /2 8 3x3 pad=1", "8x16x16"),
        ("conv 3x5/1x2 (2*4)", "8x30x14"),
        ("conv [k, k]/s 8 pad=same", "8x16x16"),
        ("conv w/s 8 pad=[1, 1]", "8x16x16"),
        ("conv 3x3/(s if k == 3 else 1) 8 pad=same", "8x16x16"),
        ("conv 1x1 (x.channels + it.channels)", "6x32x32"),
        ("conv 1x1 sizes[1]", "6x32x32"),
        ("conv 1x1 max(2, 6)", "6x32x32"),
        ("conv w 6 pad=(k // 2) padding_mode=reflect", "6x32x32"),
        ("unit 6", "6x32x32"),
        ("unit 5x5/2 6", "6x16x16"),
        ("unit 6 act=tanh", "6x32x32"),
        ("pick 6", "6x30x30"),
        ("pick (6)", "6x30x30"),
    ],
)
def test_arguments(step: str, shape: str) -> None:
    before = "block unit(width, kernel=3x3, stride=1, act=relu) { conv kernel/stride width pad=same -> act }"
    lets = "let k = 3; let s = 2; let w = 3x3; let sizes = [3, 6]; let pick = conv(3x3, bias=false)"
    assert said(net(f"{lets}\n{step}", before))[-1].split()[1] == shape


# ---- expressions, against Python


@pytest.mark.parametrize(
    "expression",
    ["1 + 2*3", "(1 + 2)*3", "7 // 2 * 2", "7 % 4 - 1", "2**3**2", "-2**2", "10 / 4", "1 if 2 > 1 else 0", "min(3, 4)",
     "max([3, 4])", "sum([1, 2, 3])", "len([1, 2])", "abs(-3)", "round(2.6)", "int(2.6)", "range(2, 9, 3)[2]",
     "[1, 2, 3][1:][0]", "[1, 2, 3][-1]", "3 if not (1 == 2) and 2 != 1 or 1 > 2 else 4", "1_000 + 1", "1.5e1"],
)  # fmt: skip
def test_expressions(expression: str) -> None:
    expected = eval(expression)  # noqa: S307  the test's own words
    body = f"if ({expression}) == {expected!r} {{ relu }} else {{ tanh; tanh }}"
    assert said(net(body)) == ["relu 3x32x32"]


def test_functions_and_loops() -> None:
    before = "let divisible(v, d=8) = max(d, int(v + d / 2) // d * d)\nlet widths = [10, 30]"
    body = "for i, (w, k) in enumerate(zip(widths, [1, 3])) { conv [k, k] (divisible(w)) pad=same groups=(1 + i*0) }"
    assert said(net(body, before)) == ["conv 8x32x32", "conv 32x32x32"]


# ---- blocks and nets


def test_like_calls_are_elaborated_once() -> None:
    before = "block b(width, rate=0.5) { conv 1x1 width -> dropout rate }"
    built = net("b 3 -> b 3 -> b 3 rate=0.5 -> b width=3 -> b 4 -> b 3", before)
    called = [node.block for node in built.root.nodes if isinstance(node, CallNode)]
    assert called == ["b", "b", "b", "b", "b#2", "b#3"]  # the last takes four channels


def test_true_is_not_one() -> None:
    before = "block b(flag) { if flag == 1 { relu } else { tanh } }"
    assert said(net("b 1 -> b true -> b 1.0", before)) == ["relu 3x32x32", "tanh 3x32x32", "relu 3x32x32"]


def test_several_inputs_and_outputs() -> None:
    before = "block cross {\n input a\n input b\n (a, b) -> concat -> conv 1x1 3 -> c: relu\n output c, a\n}"
    built = net("tanh; (x, it) -> cross -> cross\n  add", before)
    assert [str(built.root.types[port.value]) for port in built.root.outputs] == ["3x32x32"]


def test_a_block_may_call_itself() -> None:
    deeper = "concat { | conv 1x1 2 | { fractal (c - 1) -> fractal (c - 1) } }"
    before = f"block fractal(c) {{ if c > 1 {{ {deeper} }} else {{ conv 1x1 2 }} }}"
    assert said(net("fractal 3", before)).count("conv 2x32x32") == 7


def test_derived_nets_and_settings() -> None:
    text = """
    net a(w, d=1) { input x: [8]; repeat d { linear w }; output }
    net b = a 3
    net c = b d=2 { expect params == 39 }
    net e = c w=5
    """
    assert said(graph_of(text, "c")) == ["linear 3", "linear 3"]
    assert said(graph_of(text, "e")) == ["linear 5", "linear 5"]
    assert said(graph_of(text, "c", d="1 + 2")) == ["linear 3"] * 3
    assert len(graph_of(text, "c").promises) == 1
    assert graph_of(text, "e").promises == graph_of(text, "c", d="1").promises == ()


def test_outputs_when_training() -> None:
    built = net("trunk: conv 1x1 4\n  aux: conv 1x1 2\n  output aux when training\n  trunk -> conv 1x1 5")
    idle = {layer.path for layer in built.flat() if layer.training_only}
    assert idle == {"aux"}
    assert [(port.name, port.training) for port in built.root.outputs] == [("aux", True), ("output", False)]


def test_words_may_be_labels() -> None:
    assert keys(net("input: relu; output: relu; block: relu; net: relu")) == ["input", "output", "block", "net"]


def test_a_computed_label_may_join_words_by_hyphens() -> None:
    built = net('for i in range(2) { "block1-{i}": { conv 1x1 4 -> relu } }')
    assert keys(built) == ["block1-0.0", "block1-0.1", "block1-1.0", "block1-1.1"]
    assert [*module(built).state_dict()] == [f"block1-{i}.0.{name}" for i in (0, 1) for name in ("weight", "bias")]


def test_a_slash_divides_in_the_call_of_a_function() -> None:
    built = net("let half(v) = v / 2\n  let n = ceil(x.channels / 2)\n  conv 1x1 (n + int(half(n / 1)))")
    assert built.root.types[-1].shape[1] == 3


# ---- `it` in a computed label is the input of its step

LABELLED = [
    "conv 3x3 16",
    "wide 16",
    "{ conv 3x3 16 -> relu }",
    "repeat 2 { conv 3x3 16 }",
    "residual { conv 3x3 16 pad=1 } shortcut { conv 1x1 16 }",
    "concat { | it | conv 1x1 13 }",
    "inline wide 16",
    "reuse other",
    "x",
]


@pytest.mark.parametrize("step", LABELLED)
def test_a_computed_label_is_evaluated_once_before_its_step(step: str) -> None:
    """The value has the name that is the key in the state dict."""
    blocks = "block wide(width) { conv 3x3 width }"
    lines = ["other: conv 3x3 16", "x", f'"k{{it.channels}}": {step}', "globalavgpool -> kept: it"]
    sums = ['("k3") -> globalavgpool', "(it, kept) -> concat -> t: it", "(other) -> globalavgpool", "(it, t) -> concat"]
    built = net("\n".join([*lines, *sums]), blocks)
    own = [key.partition(".")[0] for key in keys(built) if key.startswith("k")]
    assert {*own} == (set() if step.startswith(("concat", "inline", "reuse", "x")) else {"k3"})


def test_each_label_of_a_tuple_is_evaluated_before_its_step() -> None:
    built = net('("left{it.channels}", right): split 2 -> it[1]; ("left4", right) -> concat', shape="4x8x8")
    assert said(built)[-1] == "concat 4x8x8"
