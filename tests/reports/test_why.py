"""The docstrings of operators compared with their answers, and `archlang why` on the shipped nets."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings

from archlang.cli import main
from archlang.compiler import load
from archlang.diagnostics import Rejected
from archlang.facts.net import NetFacts
from archlang.facts.work import totals
from archlang.ir import Graph
from archlang.laws.cases import Case, examples
from archlang.laws.strategies import accepted
from archlang.ops import registry
from archlang.ops.activation import Relu
from archlang.ops.base import Operator
from archlang.paths import SPECS
from archlang.promises import total_at
from archlang.shapes import TensorType
from archlang.why import Why, WhyLayer, Whys, WhyScope, why
from archlang.why.arithmetic import evaluate
from archlang.why.filling import axes_law, filled, told
from archlang.why.notation import law_of
from archlang.why.text import why_text
from archlang.why.wrapping import COLUMNS
from tests.cases import argument_sets, more
from tests.house.test_house import without_torch
from tests.specs import graph_of, net_of

NETS = ("lenet5", "resnet50", "densenet121", "googlenet")

# ---- docstrings ----------------------------------------------------------------------------------------------------


def keeps_its_word(case: Case) -> None:
    """Check that every formula of the docstring equals the operator's answer, and that none is missing."""
    op, inputs = case.op, case.types
    outputs = op.outputs(*inputs)
    law = law_of(type(op))
    lines = filled(op, inputs, outputs)
    for line in lines:
        for name in line.name.split(" = "):
            assert line.value == told(op, name, inputs, outputs), f"{case}: {line}"
    said = {line.name for line in lines}
    for name in ("params", "MACs", "buffers"):
        assert name in said or told(op, name, inputs, outputs) == 0, f"{case}: the docstring says nothing of {name}"
    for name in ("params", "MACs"):
        assert (name in {formula.name for formula in law.formulas}) != law.says_none(name), (
            f"the docstring of {op.word} has a formula `{name} = ...`, or says `No weights, no MACs.`"
        )
    before, after = axes_law(op, inputs, outputs)
    if law.axes:
        assert before == inputs[0].names
        assert [told(op, axis, inputs, outputs) for axis in after.split()] == list(outputs[0].shape)


APPLIED = [op for op in registry().values() if not op.declared]


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.word)
def test_the_docstrings_formulas_hold_for_the_examples(op: type[Operator]) -> None:
    for case in examples(op):
        keeps_its_word(case)


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.word)
@argument_sets(64)
def test_the_docstrings_formulas_hold_for_random_cases(op: type[Operator], count: int) -> None:
    @settings(more, max_examples=count)
    @given(accepted(op))
    def keep_its_word(case: Case) -> None:
        keeps_its_word(case)

    keep_its_word()


@pytest.mark.parametrize(
    "op", [op for op in APPLIED if op.pointwise and op.weights is Operator.weights], ids=lambda op: op.word
)
def test_work_value_by_value_has_its_formula(op: type[Operator]) -> None:
    """Without this test, a formula that was lost from a docstring would not be missed."""
    said = {formula.name for formula in law_of(op).formulas}
    works = [asdict(case.op.work(*case.types)) for case in examples(op)]
    counted = {name for work in works for name in ("activated", "elementwise", "comparisons") if work[name]}
    assert counted <= said, f"the docstring of {op.word} has no formula of {', '.join(sorted(counted - said))}"


@pytest.mark.parametrize("word", [op.word for op in registry().values() if op.declared])
@pytest.mark.parametrize("shape", [(7,), (1, 3, 5)])
def test_the_docstrings_formula_gives_the_weight_of_a_declared_tensor(word: str, shape: tuple[int, ...]) -> None:
    keeps_its_word(Case(registry()[word].model_validate({"shape": shape, "init": "zeros"}), ()))


MAP = TensorType((1, 3, 4, 5), ("n", "c", "h", "w"))


class Lying(Relu):
    """A docstring that lies. No weights, no MACs.

    activated = 2*c*h*w
    """


class Silent(Relu):
    """A docstring that says nothing of its weights or MACs."""


class Weighty(Relu):
    """A docstring that omits a weight. No weights, no MACs."""

    def params(self, x: TensorType) -> int:
        return 7


@pytest.mark.parametrize("op", [Lying, Silent, Weighty])
def test_a_wrong_docstring_is_found(op: type[Operator]) -> None:
    with pytest.raises(AssertionError):
        keeps_its_word(Case(op(), (MAP,)))
    keeps_its_word(Case(Relu(), (MAP,)))


class Written(Relu):
    """Two formulas, and one that goes on.

    They need not be the law of anything.

        n c h w -> n c h' w'
        h' = h
        activated = c*h*w if slow
        activated = 1 +
            2 if fast
    """

    fast: bool = True
    word: ClassVar[str] = "written"


def test_formulas_are_read() -> None:
    law = law_of(Written)
    assert law.summary == "Two formulas, and one that goes on"
    assert law.axes == "n c h w -> n c h' w'"
    assert [(f.name, f.text, f.condition) for f in law.formulas] == [
        ("h'", "h", ""), ("activated", "c*h*w", "slow"), ("activated", "1 + 2", "fast")
    ]  # fmt: skip


def test_a_line_that_is_no_formula_is_reported() -> None:
    class Broken(Relu):
        """Broken.

        params = 1
        and so on
        """

    with pytest.raises(ValueError, match="relu has a line that is not a formula: and so on"):
        law_of(Broken)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64*(3/1)*7*7", 9408),
        ("floor((224 + 2*3 - 1*(7 - 1) - 1)/2) + 1", 112),
        ("6/4", 1.5),
        ("10**20/10**2", 10**18),  # exact, where decimals are not
        ("max(1, 5//2) - -3", 5),
        ("sum(1, 2) + prod(2, 3)", 9),
        ("not 1 or 2 > 1", True),
    ],
)
def test_arithmetic(text: str, value: object) -> None:
    assert evaluate(text) == value


@pytest.mark.parametrize(
    "text", ["", "1 +", "__import__('os')", "(1).real", "x", "open(1)", "1/0", "[1][0]", "lambda: 1", "floor(a=1)"]
)
def test_what_is_no_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a formula"):
        evaluate(text)


# ---- layers and scopes ---------------------------------------------------------------------------------------------


def layer_at(graph: Graph, path: str) -> WhyLayer:
    (layer,) = why(graph, path).layers
    return layer


def scope_at(graph: Graph, path: str = "") -> WhyScope:
    scope = why(graph, path).scope
    assert scope is not None
    return scope


def values(layer: WhyLayer) -> dict[str, int]:
    return {line.name: line.value for line in layer.law}


@pytest.mark.parametrize(
    "net", ["lenet5", "resnet50", *(pytest.param(net, marks=pytest.mark.sweep) for net in NETS[2:])]
)
def test_every_layer_and_scope_is_explained(net: str) -> None:
    """The formulas' results are the values of the layers and of the facts; every text fits the width."""
    graph = load(net).graph
    facts = NetFacts(graph)
    counts = facts.counts
    whys = Whys(graph)
    scopes = {""}
    for layer in graph.flat():
        parts = layer.path.split(".")
        scopes |= {".".join(parts[:n]) for n in range(1, len(parts))}
    for path in scopes:
        answer = whys.at(path)
        total = total_at(facts, path)
        assert answer.scope is not None and total is not None
        macs = 0 if answer.scope.training_only else total.macs
        assert (answer.scope.params, answer.scope.macs) == (total.params, macs), path
        assert sum(part.params for part in answer.scope.parts) == total.params
        assert sum(part.macs for part in answer.scope.parts) == macs
        assert_narrow(answer)
    for layer in graph.flat():
        if layer.node.name is not None:
            answer = whys.at(layer.path)
            (told,) = answer.layers
            assert (told.inputs, told.outputs) == (layer.input_types, layer.output_types)
            law = values(told)
            assert (law.get("params", 0), law.get("MACs", 0)) == (told.params, told.work.macs), layer.path
            assert told.params == counts.of(layer).params
            assert_narrow(answer)


def assert_narrow(answer: Why) -> None:
    assert max(map(len, why_text(answer, {}).splitlines())) <= COLUMNS


@pytest.mark.parametrize("net", NETS)
def test_the_whole_net_is_the_sum_of_its_parts(net: str) -> None:
    graph = load(net).graph
    scope = scope_at(graph)
    assert (scope.params, scope.macs) == (totals(graph).params, totals(graph).macs)
    assert scope.what == net


def test_numbers_that_are_known() -> None:
    resnet = load("resnet50").graph
    assert values(layer_at(resnet, "conv1")) == {"h' = w'": 112, "params": 9_408, "MACs": 118_013_952}
    assert values(layer_at(resnet, "fc")) == {"c'": 1000, "params": 2_049_000, "MACs": 2_048_000, "bias_adds": 1000}
    concat = layer_at(load("densenet121").graph, "features.denseblock1.denselayer1.conv1")
    assert values(concat)["params"] == 64 * 128
    inception = scope_at(load("googlenet").graph, "inception3a")
    assert [part.outputs[0]["c"] for part in inception.parts] == [64, 128, 32, 32, 256]
    assert inception.what == "inception" and inception.arguments["c3r"] == "96"
    assert [line.numbers for line in inception.joins[0].law] == ["64 + 128 + 32 + 32"]


def test_the_calls_that_lead_to_a_layer(capsys: pytest.CaptureFixture[str]) -> None:
    layer = layer_at(load("googlenet").graph, "inception3a.branch3.1.conv")
    lines = [span.line for span in (layer.written, *layer.called)]
    text = (SPECS / "googlenet.arch").read_text(encoding="utf-8").splitlines()
    words = ["conv: conv kernel/stride", "| branch3: { unit c5r 1x1", "inception3a: module 64"]
    assert [word in text[line - 1] for word, line in zip(words, lines, strict=True)] == [True] * 3
    assert main(["why", "googlenet", "inception3a.branch3.1.conv"]) == 0
    printed = capsys.readouterr().out
    assert all(f"googlenet.arch:{line}  " in printed for line in lines) and all(word in printed for word in words)


def test_the_receptive_field() -> None:
    field = layer_at(load("resnet50").graph, "3").receptive.axes["h"]
    assert field is not None
    assert (field.size, field.stride) == (11, 4)
    assert layer_at(load("resnet50").graph, "fc").receptive.whole


UNEVEN = net_of(
    "  first: conv 3x1/2 4 pad=[1, 0]\n  maxpool 3x3/2 pad=1 ceil=true\n  s: conv 1x3 4 pad=same", "3x32x20"
)


def test_a_line_for_each_axis_where_they_differ() -> None:
    first = layer_at(graph_of(UNEVEN), "first")
    assert values(first) == {"h'": 16, "w'": 10, "params": 40, "MACs": 5760, "bias_adds": 640}
    assert first.law[0].formula == "floor((h + 2*pad_h - dilation*(k_h - 1) - 1)/stride) + 1"
    assert first.law[2].formula == "out*(c/groups)*k_h*k_w + out"
    assert values(layer_at(graph_of(UNEVEN), "1"))["h'"] == 9


@pytest.mark.parametrize(
    ("body", "input", "expected"),
    [
        ("  a: conv [5]/2 6", "4x50", {"t'": 23, "params": 126, "MACs": 2760, "bias_adds": 138}),
        ("  a: conv 1x2x2 3 bias=false", "2x2x4x4", {"d'": 2, "h' = w'": 3, "params": 24, "MACs": 432}),
        ("  a: batchnorm affine=false", "[5]", {"params": 0, "buffers": 11, "normalised": 5}),
    ],
)
def test_other_layouts(body: str, input: str, expected: dict[str, int]) -> None:
    assert values(layer_at(graph_of(net_of(body, input)), "a")) == expected


def test_a_formula_of_one_number() -> None:
    """The product of all axes of a value without axes is 1, and so is that of some of them."""
    body = "  input x: [5]\n  param s: [2] init=ones\n  (s) -> sum axis=0 -> a: shift 1\n  (x, a) -> mul\n  output\n"
    assert values(layer_at(graph_of(f"net n {{\n{body}}}\n"), "a")) == {"elementwise": 1}


def test_a_join_is_found_by_its_scope_and_by_its_label() -> None:
    graph = graph_of(net_of("  both: { conv 3x3 4 -> a: relu\n  kept: it\n  (a, it) -> joined: add }"))
    (join,) = scope_at(graph, "both").joins
    assert join.op == "add" and values(join) == {"elementwise": 4 * 30 * 30}
    assert layer_at(graph, "both.joined").op == "add"
    assert layer_at(graph, "both.kept").path == "both.a"


SHARED = """\
block unit(width) { conv 3x3 width pad=1 -> relu }
block two(width) { unit width -> unit width }
net n(width=4) {
  input image: 4x8x8
  param scale: 1x4x8x8 init=zeros
  (image, scale) -> scaled: mul
  shared: unit width
  reuse shared
  inline two 4
  head: { c: conv 1x1 4 }
  freeze head
  output
}
"""


def test_shared_layers_have_weights_once_and_work_each_time() -> None:
    graph = graph_of(SHARED)
    scope = scope_at(graph)
    shared = next(part for part in scope.parts if part.name == "shared")
    assert (shared.params, shared.macs) == (148, 2 * 9_216)
    assert (scope.params, scope.macs) == (totals(graph).params, totals(graph).macs)
    first, again = why(graph, "shared.0").layers
    assert (first.reused, again.reused) == (False, True)
    assert first.law == again.law
    assert (first.called[0].line, again.called[0].line) == (7, 8)
    assert "it shares its weights with an earlier layer" in why_text(why(graph, "shared.0"), {})


def test_parameters_inline_calls_and_what_is_frozen() -> None:
    graph = graph_of(SHARED)
    assert values(layer_at(graph, "scale")) == {"params": 256}
    _, *inline = (part.name for part in scope_at(graph).parts if part.what == "unit")
    assert [layer_at(graph, f"{name}.0").called[-1].line for name in inline] == [2, 2]
    assert [layer_at(graph, path).frozen for path in ("head.c", f"{inline[0]}.0")] == [True, False]


@pytest.mark.parametrize(
    ("path", "help"),
    [
        ("layr1", "did you mean `layer1`? resnet50 has conv1, bn1, 2, 3, layer1"),
        ("layer1.0.conv9", "did you mean `layer1.0.conv3`? layer1.0 has conv1, bn1, 2, conv2"),
        ("layer1.9", "layer1 has 0, 1, 2"),
        ("fc.weight", "ask for `fc`, with its weights"),
        ("..", "resnet50 has conv1"),
        ("image", ""),
    ],
)
def test_an_unknown_path(path: str, help: str) -> None:
    with pytest.raises(Rejected) as caught:
        why(load("resnet50").graph, path)
    assert path in caught.value.message
    assert (caught.value.help or "").startswith(help)


# ---- the command ---------------------------------------------------------------------------------------------------

CONV1 = """\
conv1 of resnet50: conv
Convolution over the last one to three axes, as many as the window has sides (LeCun et al. 1998)

  written    resnet.arch:39  conv1: conv 7x7/2 64 pad=3 bias=false -> bn1: batchnorm -> relu ->  ...
  arguments  kernel=7x7 out=64 stride=2 pad=3 dilation=1 groups=1 bias=false padding_mode=zeros
  input      c=3 h=224 w=224
  output     c=64 h=112 w=112
  weights    weight 64x3x7x7
  sees       7x7 of the input (its receptive field), in steps of 2 from -3 on
  backward   gradients of its weights: 118,013,952 MACs
  keeps      its input 1x3x224x224 float32, 602,112 bytes
  note       its weight starts as he_normal(mode=fan_out)

  n c h w -> n out h' w'
  h' = w' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
          = floor((224 + 2*3 - 1*(7 - 1) - 1)/2) + 1
          = 112
  params  = out*(c/groups)*k*k = 64*(3/1)*7*7 = 9,408
  MACs    = h'*w'*out*(c/groups)*k*k = 112*112*64*(3/1)*7*7 = 118,013,952
"""


def test_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "resnet50", "conv1"]) == 0
    assert capsys.readouterr().out == CONV1


def test_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "lenet5", "classifier", "--format", "json", "--set", "classes=7"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert [part["params"] for part in read["scope"]["parts"]] == [10_164, 0, 595]
    assert read["version"] == 1
    graph = load("lenet5", classes=7).graph
    assert read == json.loads(json.dumps({"version": 1, **asdict(why(graph, "classifier"))}))


@pytest.mark.parametrize("words", [["resnet50", "layr1"], ["resnet50", "fc", "--set", "q=1"], ["resnet5o", "fc"]])
def test_a_wrong_call(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("archlang: ")


def test_lines_of_files_that_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block, net = SHARED.split("\n", 1)
    (tmp_path / "unit.arch").write_text(block, encoding="utf-8")
    (tmp_path / "net.arch").write_text(f'use "unit.arch": unit\n{net}', encoding="utf-8")
    assert main(["why", str(tmp_path / "net.arch"), "shared.1"]) == 0
    printed = capsys.readouterr().out
    assert f"{tmp_path / 'unit.arch'}:1" in printed
    assert "shared: unit width" in printed


def test_it_does_without_torch() -> None:
    done = without_torch("from archlang.cli import main; sys.exit(main())", "why", "lenet5", "features.0")
    assert (done.returncode, done.stderr) == (0, "")
