"""CSPNet against torch code written by hand, and against timm's where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archlang
from tests.parity import assert_equal_modules, scramble
from tests.timm_models import equal_to_timm, needs_timm

SPEC = Path(__file__).parents[1] / "nets" / "cspnet.arch"


class Unit(nn.Module):
    def __init__(self, channels: int, width: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x))
        return y


def leaky(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, 0.01)


class Bottleneck(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (
            Unit(width, width // 2),
            Unit(width // 2, width // 2, 3),
            Unit(width // 2, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return leaky(self.conv3(leaky(self.conv2(leaky(self.conv1(x))))) + x)


class Dark(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Unit(width, inner), Unit(inner, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return leaky(self.conv2(leaky(self.conv1(x)))) + x


class Stage(nn.Module):
    """`down` is the width of the convolution that halves the map, if there is one."""

    def __init__(
        self, channels: int, layers: list[nn.Module], width: int, expand: int, down: int, linear: bool
    ) -> None:
        super().__init__()
        self.conv_down = Unit(channels, down, 3, 2) if down else None
        self.conv_exp = Unit(down or channels, expand)
        self.blocks = nn.Sequential(*layers)
        self.conv_transition_b, self.conv_transition = Unit(expand // 2, expand // 2), Unit(expand, width)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_exp(x if self.conv_down is None else leaky(self.conv_down(x)))
        around, through = (x if self.linear else leaky(x)).chunk(2, 1)
        through = leaky(self.conv_transition_b(self.blocks(through)))
        return leaky(self.conv_transition(torch.cat([around, through], 1)))


class CspNet(nn.Module):
    def __init__(self, stem: Unit, stages: list[nn.Module], width: int) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"conv1": stem})
        self.stages = nn.Sequential(*stages)
        self.head = nn.ModuleDict({"fc": nn.Linear(width, 5)})

    def forward(self, image: Tensor) -> Tensor:
        x = leaky(self.stem["conv1"](image))
        if x.shape[2] < image.shape[2]:
            x = nn.functional.max_pool2d(x, 3, 2, 1)
        scores: Tensor = self.head["fc"](self.stages(x).mean((2, 3)))
        return scores


def resnet() -> CspNet:
    """Return the net `small` of the spec."""
    first = Stage(8, [Bottleneck(16), Bottleneck(16)], 16, 32, 0, linear=True)
    return CspNet(Unit(3, 8, 7, 2), [first, Stage(16, [Bottleneck(32)], 32, 64, 16, linear=True)], 32)


def darknet() -> CspNet:
    """Return the net `small_dark` of the spec."""
    first = Stage(8, [Dark(16, 8)], 16, 32, 16, linear=False)
    return CspNet(Unit(3, 8, 3), [first, Stage(16, [Dark(16, 16), Dark(16, 16)], 32, 32, 32, linear=False)], 32)


@pytest.mark.parametrize("name, make", [("small", resnet), ("small_dark", darknet)])
def test_keys_outputs_and_gradients(name: str, make: Callable[[], CspNet]) -> None:
    ours, theirs = archlang.load(f"{SPEC}:{name}").module(), make()
    scramble(theirs)
    assert_equal_modules(ours, theirs, torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("name, last", [("small", "conv3"), ("small_dark", "conv2")])
def test_the_last_norm_of_each_residual_starts_at_zero(name: str, last: str) -> None:
    weights = dict(archlang.load(f"{SPEC}:{name}").module(seed=0).named_parameters())
    zeros = {key for key, value in weights.items() if key.endswith("bn.weight") and not value.any()}
    assert zeros == {key for key in weights if key.endswith(f"{last}.bn.weight")} and zeros


@needs_timm
@pytest.mark.parametrize("name", ["cspresnet50", "cspdarknet53"])
def test_timm(name: str) -> None:
    equal_to_timm(SPEC, name, starts="bits")
