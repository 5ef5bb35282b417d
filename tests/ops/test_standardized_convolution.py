"""Convolutions with standardised kernels against their formula, and a small net with BiT's and NFNet's keys."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archlang.laws.cases import read, rejection
from archlang.lower import module
from tests.parity import computes_the_same
from tests.specs import graph_of, net_of
from tests.timm_models import needs_timm, timm_module

BODY = """  conv1: std_conv 3x3/2 8 pad=1 bias=false
  residual { norm1: groupnorm 4 -> relu -> conv2: std_conv 3x3 8 pad=1 groups=2 eps=0.01 gamma=1.7139 }
  globalavgpool -> flatten -> fc: linear 3"""


class ByHand(nn.Module):
    """The net of BODY, from the formula: (w - mean)/sqrt(var + eps), times gain*gamma/sqrt(fan_in)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 8, 3, bias=False), nn.GroupNorm(4, 8)
        self.conv2, self.fc = nn.Conv2d(8, 8, 3, groups=2), nn.Linear(8, 3)
        self.conv2.register_parameter("gain", nn.Parameter(torch.ones(8, 1, 1, 1)))

    @staticmethod
    def kernels(weight: Tensor, eps: float) -> Tensor:
        var, mean = torch.var_mean(weight, (1, 2, 3), correction=0, keepdim=True)
        return (weight - mean) / (var + eps).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        x = functional.conv2d(x, self.kernels(self.conv1.weight, 1e-6), stride=2, padding=1)
        y = self.norm1(x).relu()
        kernels = self.kernels(self.conv2.weight, 0.01) * self.conv2.get_parameter("gain") * 1.7139 / 6
        x = x + functional.conv2d(y, kernels, self.conv2.bias, padding=1, groups=2)
        scores: Tensor = self.fc(x.mean((2, 3)))
        return scores


def test_the_formula_and_its_gradients() -> None:
    ours, theirs = module(graph_of(net_of(BODY, "3x12x12"))).double(), ByHand().double()
    x = torch.randn(3, 3, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    computes_the_same(ours, theirs, x, outputs=1e-12, gradients=1e-11)


def test_a_kernel_of_one_value_is_refused() -> None:
    case = read("std_conv 1x1 4", "2x3x3")
    assert rejection(case.op.model_copy(update={"groups": 2}), *case.types).code == "one-position"


@needs_timm
@pytest.mark.parametrize(
    ("step", "name", "options"),
    [
        ("std_conv 3x3/2 8 pad=1 eps=1e-8", "StdConv2d", {"eps": 1e-8}),
        ("std_conv 3x3/2 8 pad=1 gamma=1.7139", "ScaledStdConv2d", {"gamma": 1.7139}),
    ],
)
def test_timm(step: str, name: str, options: dict[str, float]) -> None:
    ours = module(graph_of(net_of(f"conv: {step}", "3x9x9"))).get_submodule("conv")
    theirs = timm_module("timm.layers", name)(3, 8, 3, stride=2, padding=1, bias=True, **options)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    assert torch.equal(ours(x), theirs(x))
