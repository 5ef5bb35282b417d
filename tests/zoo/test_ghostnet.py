"""GhostNet against torch code written by hand, and against timm's where it is installed."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archlang
from tests.parity import assert_equal_modules, scramble
from tests.timm_models import equal_to_timm, needs_timm

SPEC = Path(__file__).parents[1] / "nets" / "ghostnet.arch"


def unit(channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(width)]


class Ghost(nn.Module):
    def __init__(self, channels: int, width: int, act: type[nn.Module]) -> None:
        super().__init__()
        half = width // 2
        self.primary_conv = nn.Sequential(*unit(channels, half, 1), act())
        self.cheap_operation = nn.Sequential(*unit(half, half, 3, groups=half), act())

    def forward(self, x: Tensor) -> Tensor:
        y = self.primary_conv(x)
        return torch.cat([y, self.cheap_operation(y)], 1)


class Excite(nn.Module):
    def __init__(self, width: int, reduced: int) -> None:
        super().__init__()
        self.conv_reduce, self.conv_expand = nn.Conv2d(width, reduced, 1), nn.Conv2d(reduced, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.conv_expand(self.conv_reduce(x.mean((2, 3), keepdim=True)).relu())
        return x * nn.functional.hardsigmoid(gate)


class Bottleneck(nn.Module):
    def __init__(self, channels: int, kernel: int, inner: int, width: int, reduced: int, stride: int) -> None:
        super().__init__()
        self.ghost1, self.ghost2 = Ghost(channels, inner, nn.ReLU), Ghost(inner, width, nn.Identity)
        self.halves = stride > 1
        if self.halves:
            self.conv_dw, self.bn_dw = unit(inner, inner, kernel, stride, inner)
        self.se = Excite(inner, reduced) if reduced else None
        self.shortcut = nn.Sequential()
        if stride > 1 or channels != width:
            self.shortcut.extend([*unit(channels, channels, kernel, stride, channels), *unit(channels, width, 1)])

    def forward(self, x: Tensor) -> Tensor:
        y = self.ghost1(x)
        if self.halves:
            y = self.bn_dw(self.conv_dw(y))
        result: Tensor = self.ghost2(y if self.se is None else self.se(y)) + self.shortcut(x)
        return result


class GhostNet(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = unit(3, 16, 3, 2)
        self.blocks = nn.Sequential(
            nn.Sequential(Bottleneck(16, 3, 16, 16, 0, 1)),
            nn.Sequential(Bottleneck(16, 3, 48, 24, 0, 2)),
            nn.Sequential(Bottleneck(24, 5, 40, 24, 12, 1), Bottleneck(24, 5, 36, 20, 12, 2)),
        )
        last: OrderedDict[str, nn.Module] = OrderedDict(zip(("conv", "bn1"), unit(20, 36, 1), strict=True))
        self.blocks.append(nn.Sequential(nn.Sequential(last)))
        self.conv_head, self.classifier = nn.Conv2d(36, 1280, 1), nn.Linear(1280, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = self.blocks(self.bn1(self.conv_stem(image)).relu()).relu()
        x = self.conv_head(x.mean((2, 3), keepdim=True)).relu()
        scores: Tensor = self.classifier(x.flatten(1))
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module(), GhostNet()
    scramble(theirs)
    assert_equal_modules(ours, theirs, torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)))


def test_a_width_that_parts_do_not_divide_is_cut(tmp_path: Path) -> None:
    """10 channels of 3 parts: 4 of them from all inputs, 8 cheap ones, of which 6 are kept."""
    text = (
        SPEC.read_text()
        + "net thirds { input image: 3x8x8; ghost 10 ratio=3; output; expect params == 3*4 + 8 + 4*2*9 + 16 }"
    )
    (tmp_path / "thirds.arch").write_text(text)
    net = archlang.load(str(tmp_path / "thirds.arch") + ":thirds")
    assert net.module()(torch.zeros(1, 3, 8, 8)).shape == (1, 10, 8, 8)


@needs_timm
@pytest.mark.parametrize("name", ["ghostnet_050", "ghostnet_100", "ghostnet_130"])
def test_timm(name: str) -> None:
    equal_to_timm(SPEC, name, starts="bits")
