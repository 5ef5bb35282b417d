"""Maps that meet at different sizes: the steps that are proposed keep the size, and the net is valid with them."""

from __future__ import annotations

import re

import pytest
import torch

import archlang
from tests.specs import net_of, wrong


def cured(line: str, input: str) -> tuple[str, str]:
    """Return the help, and the line with each step that it names in place of the one that lost borders."""
    (found,) = wrong(net_of(line, input))
    assert found.code in ("unequal-shapes", "unequal-sizes") and found.help is not None, found
    for step in re.findall("`(.+?)`", found.help):
        word, window = step.split()[:2]
        line, count = re.subn(
            rf"{word} {re.escape(window.partition('/')[0])}(?![^|}}>]*#)[^|}}>]*?(?= [-|}}])", step + " #", line
        )
        assert count == 1, (line, step)
    return found.help, line.replace(" #", "")


@pytest.mark.parametrize(
    "line, input, help",
    [
        ("residual { conv 3x3 3 -> relu }", "3x9x9", "`conv 3x3 3 pad=1` keeps the size"),
        ("residual { conv 5x3 3 bias=false -> tanh }", "3x9x8", "`conv 5x3 3 pad=[2, 1] bias=false` keeps the size"),
        ("residual { conv [3] 3 dilation=2 }", "3x9", "`conv [3] 3 pad=2 dilation=2` keeps the size"),
        ("sub { | avgpool 3x3 | it }", "3x9x9", "`avgpool 3x3/1 pad=1` keeps the size"),
        ("concat { | maxpool 3x3 pad=1 | conv 1x1 4 }", "3x9x9", "`maxpool 3x3/1 pad=1` keeps the size"),
        (
            "concat { | conv 3x3 4 -> relu -> conv 5x5 4 | conv 1x1 4 | avgpool 3x3 -> relu }",
            "3x15x15",
            "`conv 3x3 4 pad=1`, `conv 5x5 4 pad=2` and `avgpool 3x3/1 pad=1` keep the size",
        ),
    ],
)
def test_steps_that_keep_the_size(line: str, input: str, help: str) -> None:
    told, right = cured(line, input)
    assert told == help
    sides = tuple(map(int, input.split("x")))
    assert archlang.loads(net_of(right, input)).module()(torch.zeros(1, *sides)).shape[2:] == sides[1:]


@pytest.mark.parametrize(
    "line",
    [
        "residual { conv 3x3/2 3 }",  # a stride that is written is intended
        "residual { maxpool 2x2/2 -> conv 3x3 3 }",
        "residual { conv 2x2 3 }",  # an even window cannot keep the size
        "residual { small }",  # blocks are not changed
        "concat { | globalavgpool | it }",
        "residual { conv 3x3 3 -> upsample 2 }",
        "residual { slice 1 5 axis=2 }",
    ],
)
def test_nothing_is_proposed_that_changes_what_is_meant(line: str) -> None:
    (found,) = wrong(net_of(line, "3x9x9", before="block small { conv 3x3 3 }"))
    assert found.code in ("unequal-shapes", "unequal-sizes") and "the size" not in (found.help or "")
