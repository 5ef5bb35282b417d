"""`archlang ops`: every operator is shown as its class describes it."""

from __future__ import annotations

import json
import re

import pytest

from archlang.cli import main
from archlang.laws.cases import examples
from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.ops.convolution import Conv
from archlang.ops.pooling import MaxPool
from archlang.why.examples import applied, arguments, signature
from archlang.why.wrapping import COLUMNS
from tests.house.test_house import without_torch

APPLIED = [op for op in registry().values() if not op.declared]


def output(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["ops", *words]) == 0
    return capsys.readouterr().out


def test_the_table_has_every_operator_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys).splitlines()
    words = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert sorted(words) == sorted(op.word for op in APPLIED)
    assert "Convolutions" in lines
    assert max(map(len, lines)) <= COLUMNS
    (conv,) = (line for line in lines if line.startswith("  conv "))
    assert conv.split("  ")[1] == "conv KERNEL[/STRIDE] OUT"


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.word)
def test_the_page_of_an_operator(op: type[Operator], capsys: pytest.CaptureFixture[str]) -> None:
    page = output(capsys, op.word)
    lines = page.splitlines()
    assert page.startswith(op.word)
    assert max(map(len, lines)) <= COLUMNS
    assert all(f"  {name} " in page for name in op.model_fields)
    assert [line for example in op.examples for line in lines if line.startswith(f"{example.step}  ")]
    assert all(name in page for name in op.elsewhere)


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.word)
def test_the_data_of_an_operator(op: type[Operator], capsys: pytest.CaptureFixture[str]) -> None:
    read = json.loads(output(capsys, op.word, "--format", "json"))
    assert read["word"] == op.word
    assert {argument["name"] for argument in read["arguments"]} == set(op.model_fields)
    required = {argument["name"] for argument in read["arguments"] if argument["default"] is None}
    assert required == {name for name, field in op.model_fields.items() if field.is_required()}
    for told, case in zip(read["examples"], examples(op), strict=True):
        assert told["params"] == case.op.params(*case.types)
        assert told["macs"] == case.op.work(*case.types).macs
        assert [tuple(type["shape"]) for type in told["outputs"]] == [y.shape for y in case.op.outputs(*case.types)]


@pytest.mark.parametrize("op", APPLIED, ids=lambda op: op.word)
def test_examples_are_applied_as_the_tests_apply_them(op: type[Operator]) -> None:
    for example, case in zip(op.examples, examples(op), strict=True):
        layer = applied(example)
        assert (layer.op, layer.input_types) == (case.op, case.types)


def test_all_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    read = json.loads(output(capsys, "--format", "json"))
    assert [row["word"] for row in read] == [op.word for op in APPLIED]


def test_arguments_are_described_in_the_languages_words() -> None:
    told = {argument.name: argument for argument in arguments(Conv)}
    assert list(told) == ["kernel", "stride", "out", "pad", "dilation", "groups", "bias", "padding_mode"]
    numbers = ("a whole number >= 0", "a list of whole numbers >= 0 or lists of whole numbers >= 0")
    assert told["pad"].accepts == (*numbers, "`same`", "`valid`", "`same_upper`", "`same_lower`", "`causal`")
    assert told["padding_mode"].accepts == ("`zeros`", "`reflect`", "`replicate`", "`circular`")
    assert (told["out"].default, told["bias"].default) == (None, "true")
    assert {argument.name: argument.default for argument in arguments(MaxPool)}["stride"] == ""
    assert signature(Conv).startswith("conv KERNEL[/STRIDE] OUT [pad=0]")


def test_the_page_of_a_convolution(capsys: pytest.CaptureFixture[str]) -> None:
    page = output(capsys, "conv")
    assert "\n  MACs = h'*w'*out*(c/groups)*k*k\n" in page
    assert "`same`, `valid`, `same_upper`, `same_lower` or `causal`; default 0\n" in page
    assert re.search(r"\nconv 5x5 6 +1x32x32  6x28x28 +156  117,600\n", page)
    assert "Conv2D" in page


@pytest.mark.parametrize(("name", "word"), [("Conv2D", "conv"), ("Dense", "linear"), ("BN", "batchnorm")])
def test_another_librarys_name_is_answered_with_ours(name: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, name).startswith(f"{name} is called {word} here.\n\n{word}")
    assert json.loads(output(capsys, name, "--format", "json"))["word"] == word


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("convv", "there is no operator called convv; did you mean `conv`?"),
        ("xyzzy", "there is no operator called xyzzy; `archlang ops` lists them all"),
        ("param", "param is a statement, not an operator: `param NAME: SHAPE`"),
    ],
)
def test_an_unknown_name(name: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", name]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"archlang: {answer}\n")


def test_it_does_without_torch() -> None:
    done = without_torch("from archlang.cli import main; sys.exit(main())", "ops", "conv")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["gather", "Gather"])
def test_an_operator_that_is_only_near_is_not_taken_for_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", name]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err == (
        f"archlang: there is no operator called {name}; `take` is near, but `{name}` differs: "
        "it has a position for each value, and `(table, index) -> take axis=0` one for each row\n"
    )
