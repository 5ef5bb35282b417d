"""Promises with facts on both sides, and those that are not checked because other parameters are set."""

from __future__ import annotations

import pytest

from archlang import promises
from archlang.facts.net import NetFacts
from tests.specs import graph_of, net_of, wrong


def net(promise: str) -> str:
    """Return a net whose layers have 81 and 980 parameters, and 1,296 and 960 multiply-accumulates."""
    return net_of(f"conv: conv 3x3 3 bias=false\n flatten\n fc: linear 20\n expect {promise}", "3x6x6")


@pytest.mark.parametrize(
    "promise",
    [
        "flops == 2*macs",
        "macs == flops / 2",
        "params == conv.params + fc.params",
        "params == (conv.params + fc.params)",
        "backward_macs == 2*macs - conv.macs",
        "conv.params < fc.params - 3*conv.params",
        "params != 7 * fc.params",
        "fc.params == 12*conv.params + 8",
        "conv.macs == fc.macs * 1.35",
        "memory.inference < 2*memory.training at batch=4",
        "conv.macs + fc.macs == macs",
    ],
)
def test_kept(promise: str) -> None:
    assert not promises.verify(NetFacts(graph_of(net(promise))))


@pytest.mark.parametrize(
    ("promise", "says"),
    [
        ("flops == 3*macs", "is 4,512, but `== 6,768` is promised"),
        ("conv.params < fc.params / 49", "is 81, but `< 20` is promised"),
        ("conv.params == fc.params / 48", "is 81, but `== 20.416666666666668` is promised"),
    ],
)
def test_broken(promise: str, says: str) -> None:
    (broken,) = promises.verify(NetFacts(graph_of(net(promise))))
    assert broken.code == "broken-promise" and says in broken.message


@pytest.mark.parametrize(
    ("promise", "says"),
    [
        ("params == macs*params", "facts may be added, subtracted, multiplied by a number and divided by one"),
        ("params == macs / 0", "divided by one that is not 0"),
        ("params ~ conv.params", "`~` allows one unit of the last digit written"),
        ("conv == fc.params", "only numbers are compared with facts"),
        ("params == conv.receptive_field", "only numbers are compared with facts"),
        ("params == macs + [1, 2]", "is made of numbers"),
    ],
)
def test_refused(promise: str, says: str) -> None:
    (found,) = wrong(net(promise))
    assert found.code == "bad-promise" and says in found.message


def test_a_parameter_of_that_name_is_no_fact() -> None:
    text = "net n(macs=224) { input x: 3x6x6\n conv: conv 3x3 8\n output\n expect params == macs }"
    assert not promises.verify(NetFacts(graph_of(text)))


def test_other_parameters_leave_promises_unchecked() -> None:
    text = "net n(width=8) { input x: 3x6x6\n conv 3x3 width\n output\n expect params == 224\n expect macs > 1 }"
    assert (len(graph_of(text).promises), graph_of(text).unchecked_promises) == (2, 0)
    graph = graph_of(text, width="16")
    assert (graph.promises, graph.unchecked_promises) == ((), 2)
