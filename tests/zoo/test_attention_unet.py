"""Attention U-Net against torch code written by hand, at volumes of several sizes, and how its gates start."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archlang
from tests.parity import computes_the_same
from tests.starts import equal_starts, seeded

SPEC = Path(__file__).parents[1] / "nets" / "attention_unet.arch"


def unit(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(channels, width, 3, padding=1), nn.BatchNorm3d(width), nn.ReLU())


def twice(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(unit(channels, width), unit(width, width))


def resized(x: Tensor, like: Tensor) -> Tensor:
    return nn.functional.interpolate(x, like.shape[2:], mode="trilinear", align_corners=False)


class Gate(nn.Module):
    def __init__(self, channels: int, signal: int) -> None:
        super().__init__()
        self.theta = nn.Conv3d(channels, channels, 2, 2, bias=False)
        self.phi, self.psi = nn.Conv3d(signal, channels, 1), nn.Conv3d(channels, 1, 1)
        self.w = nn.Sequential(nn.Conv3d(channels, channels, 1), nn.BatchNorm3d(channels))

    def forward(self, x: Tensor, signal: Tensor) -> Tensor:
        theta = self.theta(x)
        weights = self.psi((theta + resized(self.phi(signal), theta)).relu()).sigmoid()
        y: Tensor = self.w(x * resized(weights, x))
        return y


class Up(nn.Module):
    def __init__(self, kept: int, deep: int, width: int) -> None:
        super().__init__()
        self.gate, self.conv = Gate(kept, deep), twice(kept + deep, width)

    def forward(self, deep: Tensor, kept: Tensor) -> Tensor:
        y: Tensor = self.conv(torch.cat([self.gate(kept, deep), resized(deep, kept)], 1))
        return y


class AttentionUNet(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.down0, self.down1, self.center = twice(1, 2), twice(2, 4), twice(4, 8)
        self.up1, self.up0 = Up(4, 8, 4), Up(2, 4, 2)
        self.scores0, self.scores1 = nn.Conv3d(2, 3, 1), nn.Conv3d(4, 3, 1)

    def forward(self, volume: Tensor) -> Tensor:
        first = self.down0(volume)
        second = self.down1(nn.functional.max_pool3d(first, 2))
        third = self.up1(self.center(nn.functional.max_pool3d(second, 2)), second)
        fourth = self.up0(third, first)
        return resized(self.scores0(fourth), volume) + resized(self.scores1(third), volume)


def started() -> AttentionUNet:
    """Return a net that starts as the paper's code lets it: the gates are open."""
    net = AttentionUNet()
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv3d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.constant_(module.bias, 3.0 if name.endswith("psi") else 0.0)
        if isinstance(module, nn.BatchNorm3d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return net


@pytest.mark.parametrize("size", [(8, 12, 16), (9, 14, 11)])
def test_keys_outputs_and_gradients(size: tuple[int, ...]) -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module().double(), AttentionUNet().double()
    volume = torch.randn(2, 1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    computes_the_same(ours, theirs, volume, outputs=1e-11, gradients=1e-10)


def test_starts() -> None:
    assert equal_starts(seeded(archlang.load(f"{SPEC}:small").module, 2), seeded(started, 2))
