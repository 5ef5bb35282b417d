"""Deep layer aggregation against torch code written by hand: one root of the spec takes two to five maps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archlang
from archlang.compiler import check
from tests.parity import assert_equal_modules, scramble
from tests.timm_models import equal_to_timm, needs_timm

SPEC = Path(__file__).parents[1] / "nets" / "dla.arch"


def unit(channels: int, width: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(width)]


class Basic(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = unit(channels, width, 3, stride)
        self.conv2, self.bn2 = unit(width, width)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + skip
        return y.relu()


class Root(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv, self.bn = unit(channels, width, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        y: Tensor = self.bn(self.conv(torch.cat(maps, 1))) + maps[0]
        return y.relu()


class Leaf(nn.Module):
    """A tree of depth 1. `more` are the channels of the maps that are passed to it."""

    def __init__(self, channels: int, width: int, stride: int, more: int = 0) -> None:
        super().__init__()
        self.stride = stride
        self.project = nn.Sequential(*unit(channels, width, 1)) if channels != width else None
        self.tree1, self.tree2 = Basic(channels, width, stride), Basic(width, width, 1)
        self.root = Root(2 * width + more, width)

    def forward(self, x: Tensor, maps: list[Tensor], hands_on: bool = False) -> Tensor:
        bottom = nn.functional.max_pool2d(x, 2) if self.stride > 1 else x
        first = self.tree1(x, bottom if self.project is None else self.project(bottom))
        y: Tensor = self.root([self.tree2(first, first), first, *maps, *([bottom] if hands_on else [])])
        return y


class Deep(nn.Module):
    """A tree of depth 2."""

    def __init__(self, channels: int, width: int, stride: int, more: int) -> None:
        super().__init__()
        self.tree1 = Leaf(channels, width, stride)
        self.tree2 = Leaf(width, width, 1, more + width)

    def forward(self, x: Tensor, maps: list[Tensor]) -> Tensor:
        first = self.tree1(x, [])
        y: Tensor = self.tree2(first, [*maps, first])
        return y


class Deepest(nn.Module):
    """A tree of depth 3, which hands on what it halves."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.tree1 = Deep(channels, width, 2, 0)
        self.tree2 = Deep(width, width, 1, channels + width)

    def forward(self, x: Tensor) -> Tensor:
        bottom = nn.functional.max_pool2d(x, 2)
        first = self.tree1(x, [])
        y: Tensor = self.tree2(first, [bottom, first])
        return y


class Dla(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.base_layer = nn.Sequential(*unit(3, 4, 7), nn.ReLU())
        self.level0 = nn.Sequential(*unit(4, 4), nn.ReLU())
        self.level1 = nn.Sequential(*unit(4, 6, 3, 2), nn.ReLU())
        self.level2, self.level3 = Leaf(6, 8, 2), Deepest(8, 12)
        self.level4 = Leaf(12, 16, 2, 12)
        self.fc = nn.Conv2d(16, 5, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.level2(self.level1(self.level0(self.base_layer(image))), [])
        x = self.level4(self.level3(x), [], hands_on=True)
        scores: Tensor = self.fc(x.mean((2, 3), keepdim=True)).flatten(1)
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module(), Dla()
    scramble(theirs)
    assert_equal_modules(ours, theirs, torch.randn(3, 3, 48, 48, generator=torch.Generator().manual_seed(0)))


def test_one_root_takes_two_to_five_maps() -> None:
    (graph,) = check(f"{SPEC}:small").graphs
    assert {len(block.inputs) for block in graph.blocks if block.name == "root"} == {2, 3, 5}


@needs_timm
@pytest.mark.parametrize("name", ["dla34", "dla46_c", "dla46x_c", "dla60x", "dla102"])
def test_timm(name: str) -> None:
    equal_to_timm(SPEC, name, starts="bits")
