"""Corners of the emitted classes that had no test, as planted faults showed."""

from __future__ import annotations

import re

import pytest

from archlang.compiler import Net
from tests.specs import graph_of, net_of


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


def test_classes_are_named_by_a_key_that_only_one_has() -> None:
    before = (
        "block other { extra: conv 1x1 4 -> residual { conv 1x1 4 } }\n"
        "block unit(deep) { residual { conv 1x1 4 }\n if deep { extra: conv 1x1 4 } }"
    )
    body = "  other -> unit false -> unit true -> unit false -> unit true -> other"
    source = Net(graph_of(net_of(body, "4x5x5", before))).source()
    assert re.findall(r"^class (\w+)", source, re.MULTILINE) == ["Other", "Unit", "UnitExtra", "Tried"]


def test_the_lines_of_nested_chains_are_indented_by_four() -> None:
    body = '  a: { conv 1x1 4 -> "1": { relu -> "1": { relu -> tanh } } }'
    rows = Net(graph_of(net_of(body, "4x5x5"))).source().splitlines()
    assert {(len(row) - len(row.lstrip())) % 4 for row in rows} == {0}
    assert sum("nn.Sequential(" in row for row in rows) == 3


def test_blocks_that_apply_different_steps_again_have_classes_of_their_own() -> None:
    before = "block unit(first) { a: conv 1x1 4 -> b: conv 1x1 4\n if first { reuse a } else { reuse b } }"
    source = Net(graph_of(net_of("  unit true -> unit false", "4x5x5", before))).source()
    assert len(re.findall(r"^class Unit", source, re.MULTILINE)) == 2
