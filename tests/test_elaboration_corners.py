"""Corners of elaboration that planted faults showed to be without a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archlang.compiler import Net, check
from archlang.ir import Graph
from tests.specs import graph_of, net_of, wrong


def frozen(graph: Graph) -> set[str]:
    return {layer.path for layer in graph.flat() if layer.frozen}


@pytest.mark.parametrize(("flag", "found"), [("true", {"a"}), ("false", {"b"})])
def test_freeze_stands_in_either_branch_of_an_if(flag: str, found: set[str]) -> None:
    body = "  a: linear 4 -> b: linear 4\n  if first { freeze a } else { freeze b }"
    assert frozen(graph_of(net_of(body, "[4]", parameters=f"first={flag}"))) == found


@pytest.mark.parametrize(("flag", "outputs"), [("true", ["a", "b"]), ("false", ["b"])])
def test_an_output_stands_in_either_branch_of_an_if(flag: str, outputs: list[str]) -> None:
    text = (
        f"net n(both={flag}) {{\n  input x: [4]\n  a: linear 4 -> b: linear 4\n"
        "  if both { output a, b } else { output b }\n}"
    )
    assert [port.name for port in graph_of(text).root.outputs] == outputs


def test_a_value_that_is_no_initialiser() -> None:
    (found,) = wrong("net n {\n  input x: [4]\n  param p: [4] init=3\n  (x, p) -> mul\n  output\n}")
    assert (found.code, found.message) == ("unknown-initialiser", "the number 3 is no initialiser")
    assert found.help and found.help.startswith("an initialiser is one of ")


def test_a_function_is_named_as_what_it_is() -> None:
    (found,) = wrong("net n {\n  input x: [4]\n  linear max\n  output\n}")
    assert (found.code, found.message) == (
        "wrong-kind", "linear takes a number (`out`) here, and this is the function max",
    )  # fmt: skip


def test_a_long_chain_of_calls_is_cut_before_its_last() -> None:
    blocks = "".join(f"block b{at} {{ b{at + 1} }}\n" for at in range(12))
    (found,) = wrong(f"{blocks}block b12 {{ linear foo }}\nnet n {{\n  input x: [4]\n  b0\n  output\n}}")
    assert [label.span.line for label in found.labels] == [12, 11, 10, 9, 8, 16]


def test_a_net_derived_of_what_a_file_does_not_declare_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "b.arch").write_text("net good {\n  input x: [4]\n  relu\n  output\n}\n", encoding="utf-8")
    (tmp_path / "a.arch").write_text('use "b.arch": gone\nnet a = gone\n', encoding="utf-8")
    assert [found.message for found in check(str(tmp_path / "a.arch")).diagnostics] == ["`b.arch` declares no `gone`"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("  stage1: { BODY }\n  stage2: { BODY }\n  relu", ["Stage", "Tried"]),
        ('  body: { "0": { BODY } -> relu }\n  relu', ["Tried0", "Tried"]),
    ],
)
def test_classes_of_braces_are_named_after_them(body: str, names: list[str]) -> None:
    source = Net(graph_of(net_of(body.replace("BODY", "residual { conv 3x3 4 pad=1 }"), "4x6x6"))).source()
    assert re.findall(r"^class (\w+)", source, re.MULTILINE) == names
