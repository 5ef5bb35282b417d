"""The warning about a parameter that meets the last axis of a map where the channels are as many."""

from __future__ import annotations

import pytest

from archlang.cautions import cautions
from tests.specs import graph_of, net_of, words_at


@pytest.mark.parametrize(
    "input, param, line, is_told",
    [
        ("8x4x8", "[8]", "mul { | it | gamma }", True),
        ("8x4x8", "[8]", "(gamma, it) -> add", True),
        ("8x8", "[8]", "(it, gamma) -> sub", True),  # n c t
        ("8x4x8", "[8]", "mul { | it | (gamma) -> reshape [8, 1, 1] }", False),
        ("8x4x8", "[8]", "mul { | it | (gamma) -> reshape [1, 1, 8] }", False),
        ("8x4x7", "[7]", "mul { | it | gamma }", False),  # the width alone has this size
        ("8x4x8", "[1]", "mul { | it | gamma }", False),
        ("1x4x1", "[1]", "mul { | it | gamma }", False),
        ("8x4x8", "[8]", 'permute "n h w c" -> (it, gamma) -> mul', False),
        ("[8]", "[8]", "(it, gamma) -> mul", False),
        ("8x4x8", "[4, 8]", "(it, gamma) -> mul", False),
    ],
)
def test_it_is_told(input: str, param: str, line: str, is_told: bool) -> None:
    text = net_of(f"  param gamma: {param} init=ones\n  {line}", input)
    found = cautions(graph_of(text))
    assert [one.code for one in found] == ["against-the-last-axis"] * is_told
    assert all(words_at(text, one) in line for one in found)


def test_each_step_is_told_once() -> None:
    block = "block scaled {\n  param gamma: [8] init=ones\n  mul { | it | gamma }\n}\n"
    (found,) = cautions(graph_of(net_of("  repeat 3 { scaled }", "8x4x8", before=block)))
    assert found.help == (
        "`reshape [8, 1, 1]` sets them against the channels; `reshape [1, 1, 8]` says that the width is meant"
    )
