"""Comparing two modules keeps no copies of all values: each is compared when it is computed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from archlang.compiler import Net
from archlang.laws.allocating import most_alive
from archlang.verify import Trial, comparing
from archlang.verify.tracing import Trace, trace
from tests.specs import graph_of, net_of

CHAIN = "repeat 30 { conv 3x3 4 pad=1 -> batchnorm -> relu }"


class Scaled(nn.Module):
    """The module, whose last layers see one percent more."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        layers = list(self.module.children())
        for number, layer in enumerate(layers):
            x = layer(x * 1.01 if number == len(layers) - 2 else x)
        return x


def test_few_values_of_the_net_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Trace] = []

    def noted(*arguments: object) -> Trace:
        made.append(trace(*arguments))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(comparing, "trace", noted)
    net = Net(graph_of(net_of(CHAIN, "4x8x8")))
    renames = (("module", ""),)
    verdict = net.verify(Scaled(net.module(0)), Trial(renames=renames))
    assert verdict.keys.agree and verdict.first is not None
    (found,) = made
    assert found.count > 90 and len(found.values) <= 2


def test_the_tensors_are_let_go() -> None:
    """A value of the net is freed as soon as the net itself holds it no longer."""
    module, image = Net(graph_of(net_of(CHAIN, "4x32x32"))).module(0).eval(), torch.zeros(1, 4, 32, 32)

    def run() -> Trace:
        with torch.no_grad():
            return trace(module, lambda net: net(image), lambda value: True, lambda call, inputs: None)

    found = run()
    assert found.unknown == set() and len(found.values) == 1
    assert found.count > 90 and most_alive(run) < 8 * image.nbytes
