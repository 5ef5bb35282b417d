"""What is done for a net grows with the net: twice the branches, at most a little more than twice the calls."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from archlang.lower import torch_source
from tests.specs import graph_of

UNLIKE = {
    "branches": ("{ | for i in range(@) { | linear 2 } } -> concat", "[4]"),
    "modules without weights": ("for i in range(@) { (it, x) -> add -> dropout (1/(i + 2)) }", "[4]"),
    "labels": ('for i in range(@) { "a{i}": linear 4 }\n (a0, it) -> add', "[4]"),
}


def calls_of(made: Callable[[], object]) -> int:
    """Return how many calls of Python functions something takes, which no other program on the machine changes."""
    count = 0

    def counted(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        made()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("kind", UNLIKE)
def test_a_source_takes_calls_in_proportion_to_the_net(kind: str) -> None:
    body, shape = UNLIKE[kind]
    counts: list[int] = []
    for number in (10, 80, 160):  # the first fills what is kept between nets
        graph = graph_of(f"net n {{\n input x: {shape}\n {body.replace('@', str(number))}\n output\n}}\n")
        counts.append(calls_of(lambda: torch_source(graph)))  # noqa: B023
    assert counts[2] < 2.2 * counts[1]
