"""Res2Net, whose convolutions stand in lists, against torch code written by hand, and against timm's if it is there."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import assert_equal_modules, scramble
from tests.timm_models import needs_timm, timm_model

SPEC = Path(__file__).parents[1] / "nets" / "res2net.arch"


class Bottle2neck(nn.Module):
    def __init__(self, channels: int, planes: int, stride: int) -> None:
        super().__init__()
        width = planes // 2
        self.starts = stride > 1 or channels != 4 * planes
        self.conv1, self.bn1 = nn.Conv2d(channels, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, stride, 1, bias=False) for _ in range(3))
        self.bns = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(3))
        self.conv3, self.bn3 = nn.Conv2d(4 * width, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.pool = nn.AvgPool2d(3, stride, 1)
        if self.starts:
            conv = nn.Conv2d(channels, 4 * planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(4 * planes))

    def forward(self, x: Tensor) -> Tensor:
        parts = self.bn1(self.conv1(x)).relu().chunk(4, 1)
        done: list[Tensor] = []
        for part, conv, bn in zip(parts, self.convs, self.bns, strict=False):
            entering = part if self.starts or not done else done[-1] + part
            done.append(bn(conv(entering)).relu())
        y = self.bn3(self.conv3(torch.cat([*done, self.pool(parts[3]) if self.starts else parts[3]], 1)))
        result: Tensor = (y + (self.downsample(x) if self.starts else x)).relu()
        return result


class Res2Net(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Bottle2neck(16, 16, 1), Bottle2neck(64, 16, 1))
        self.layer2 = nn.Sequential(Bottle2neck(64, 32, 2))
        self.fc = nn.Linear(128, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.bn1(self.conv1(image)).relu(), 3, 2, 1)
        scores: Tensor = self.fc(self.layer2(self.layer1(x)).mean((2, 3)))
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module(), Res2Net()
    scramble(theirs)
    assert_equal_modules(ours, theirs, torch.randn(2, 3, 40, 40, generator=torch.Generator().manual_seed(0)))


def test_containers_are_lists() -> None:
    module = archlang.load(f"{SPEC}:small").module()
    assert [type(module.get_submodule(f"layer1.0.{name}")) for name in ("convs", "bns")] == [nn.ModuleList] * 2


@needs_timm
def test_timm() -> None:
    ours, theirs = archlang.load(f"{SPEC}:res2net50_26w_4s").module(), timm_model("res2net50_26w_4s")
    scramble(theirs)
    assert_equal_modules(ours, theirs, torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
