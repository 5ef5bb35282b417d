"""Selective kernels against torch code written by hand: gates of vectors meet maps by `axes`."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import computes_the_same

SPEC = Path(__file__).parents[1] / "nets" / "sknet.arch"


class Window(nn.Module):
    def __init__(self, width: int, rate: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=rate, dilation=rate, groups=4, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x)).relu()
        return y


class Selective(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.windows = nn.ModuleList([Window(width, 1), Window(width, 2)])
        self.fc, self.bn = nn.Linear(width, 32, bias=False), nn.BatchNorm1d(32)
        self.fcs = nn.ModuleList([nn.Linear(32, width), nn.Linear(32, width)])

    def forward(self, x: Tensor) -> Tensor:
        seen = [window(x) for window in self.windows]
        z = self.bn(self.fc((seen[0] + seen[1]).mean((2, 3)))).relu()
        a, b = (fc(z) for fc in self.fcs)
        gate = (a.exp() / (a.exp() + b.exp()))[:, :, None, None]
        chosen: Tensor = gate * seen[0] + (1 - gate) * seen[1]
        return chosen


class Unit(nn.Module):
    def __init__(self, channels: int, planes: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.sk = Selective(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, out, 1, bias=False), nn.BatchNorm2d(out)
        self.stride = stride
        if channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.sk(self.bn1(self.conv1(x)).relu())
        y = self.bn3(self.conv3(nn.functional.avg_pool2d(y, self.stride)))
        result: Tensor = (y + (self.downsample(x) if hasattr(self, "downsample") else x)).relu()
        return result


class SKNet(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Unit(16, 16, 32, 1), Unit(32, 16, 32, 1), Unit(32, 32, 64, 2))
        self.fc = nn.Linear(64, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = self.layer1(self.bn1(self.conv1(image)).relu())
        scores: Tensor = self.fc(x.mean((2, 3)))
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module().double(), SKNet().double()
    image = torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    computes_the_same(ours, theirs, image, outputs=1e-11, gradients=1e-10)
