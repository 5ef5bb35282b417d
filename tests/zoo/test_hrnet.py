"""HRNet against torch code written by hand: one block of the spec serves all stages, with two, three and four maps."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from archlang.compiler import check
from archlang.facts.work import count
from tests.parity import assert_equal_modules, scramble

SPEC = Path(__file__).parents[1] / "nets" / "hrnet.arch"
WIDTH, HEADS = 4, (4, 8, 12, 16)  # of the net `small`


def unit(channels: int, width: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(width)]


class Basic(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = unit(width, width)
        self.conv2, self.bn2 = unit(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + x
        return y.relu()


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = unit(channels, width, 1)
        self.conv2, self.bn2 = unit(width, width)
        self.conv3, self.bn3 = unit(width, 4 * width, 1)
        self.downsample = nn.Sequential(*unit(channels, 4 * width, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        y = self.bn3(self.conv3(y)) + self.downsample(x)
        return y.relu()


class Exchange(nn.Module):
    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.branches = nn.ModuleList([nn.Sequential(Basic(width)) for width in widths])
        self.fuse_layers = nn.ModuleList()
        for i, out in enumerate(widths):
            row = nn.ModuleDict()
            for j, width in enumerate(widths):
                if j > i:
                    row[str(j)] = nn.Sequential(*unit(width, out, 1), nn.Upsample(scale_factor=2 ** (j - i)))
                elif j < i:
                    more = [nn.Sequential(*unit(width, width, 3, 2), nn.ReLU()) for _ in range(i - j - 1)]
                    row[str(j)] = nn.Sequential(*more, nn.Sequential(*unit(width, out, 3, 2)))
            self.fuse_layers.append(row)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        fused: list[Tensor] = []
        for row in self.fuse_layers:
            assert isinstance(row, nn.ModuleDict)
            terms = [row[str(j)](x) if str(j) in row else x for j, x in enumerate(maps)]
            fused.append(sum(terms[1:], terms[0]).relu())
        return fused


class HRNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [WIDTH * 2**at for at in range(4)]
        self.conv1, self.bn1 = unit(3, 64, 3, 2)
        self.conv2, self.bn2 = unit(64, 64, 3, 2)
        self.layer1 = nn.Sequential(Bottleneck(64, 8))
        first = nn.Sequential(*unit(32, WIDTH), nn.ReLU())
        self.transition1 = nn.ModuleList([first, nn.Sequential(nn.Sequential(*unit(32, 2 * WIDTH, 3, 2), nn.ReLU()))])
        for at, modules in ((2, 1), (3, 2), (4, 1)):
            self.add_module(f"stage{at}", nn.ModuleList([Exchange(widths[:at]) for _ in range(modules)]))
            if at < 4:
                more = nn.Sequential(nn.Sequential(*unit(widths[at - 1], widths[at], 3, 2), nn.ReLU()))
                self.add_module(f"transition{at}", nn.ModuleDict({str(at): more}))
        pairs = zip(widths, HEADS, strict=True)
        self.incre_modules = nn.ModuleList([nn.Sequential(Bottleneck(width, head)) for width, head in pairs])
        self.downsamp_modules = nn.ModuleList()
        for head, after in pairwise(HEADS):
            down = nn.Conv2d(4 * head, 4 * after, 3, 2, 1)
            self.downsamp_modules.append(nn.Sequential(down, nn.BatchNorm2d(4 * after), nn.ReLU()))
        self.final_layer = nn.Sequential(nn.Conv2d(4 * HEADS[-1], 2048, 1), nn.BatchNorm2d(2048), nn.ReLU())
        self.classifier = nn.Linear(2048, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.bn2(self.conv2(self.bn1(self.conv1(image)).relu())).relu()
        x = self.layer1(x)
        maps = [layer(x) for layer in self.transition1]
        for at in (2, 3, 4):
            for module in self.get_submodule(f"stage{at}").children():
                maps = module(maps)
            if at < 4:
                maps.append(self.get_submodule(f"transition{at}.{at}")(maps[-1]))
        heads = [module(x) for module, x in zip(self.incre_modules, maps, strict=True)]
        y = heads[0]
        for down, head in zip(self.downsamp_modules, heads[1:], strict=True):
            y = head + down(y)
        scores: Tensor = self.classifier(self.final_layer(y).mean((2, 3)))
        return scores


def test_keys_outputs_and_gradients() -> None:
    theirs = HRNet()
    scramble(theirs)
    torch.manual_seed(0)
    assert_equal_modules(archlang.load(f"{SPEC}:small").module(), theirs, torch.randn(2, 3, 64, 96))


def test_it_is_as_large_as_published() -> None:
    """timm's hrnet_w18."""
    (graph,) = check(f"{SPEC}:hrnet").graphs
    assert count(graph).net.params == 21_299_004


def test_one_block_serves_the_stages_of_two_three_and_four_maps() -> None:
    (graph,) = check(f"{SPEC}:small").graphs
    counts = {len(block.inputs) for block in graph.blocks if block.name == "exchange"}
    assert counts == {2, 3, 4}
