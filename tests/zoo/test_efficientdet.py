"""EfficientDet against torch code written by hand over torchvision's EfficientNet: BiFPN layers and shared heads."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from archlang.compiler import check
from tests.parity import computes_the_same
from tests.torchvision_models import torchvision

SPEC = Path(__file__).parents[1] / "nets" / "efficientdet.arch"
WIDTH, LEVELS = 8, 5  # of the net `small`


def norm(width: int = WIDTH) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def halved(x: Tensor) -> Tensor:
    return nn.functional.max_pool2d(x, 3, 2, 1)


class Separable(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH, bias=False)
        self.pointwise = nn.Conv2d(WIDTH, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


class Fuse(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(count))
        self.conv, self.norm = Separable(WIDTH), norm()

    def forward(self, *maps: Tensor) -> Tensor:
        weights = self.weights.relu()
        total = weights.sum() + 1e-4
        fused = torch.stack([x * (weight / total) for x, weight in zip(maps, weights, strict=True)]).sum(0)
        y: Tensor = self.norm(self.conv(nn.functional.silu(fused)))
        return y


class BiFPN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for at in range(LEVELS - 1):
            self.add_module(f"down{at}", Fuse(2))
            self.add_module(f"up{at + 1}", Fuse(3 if at < LEVELS - 2 else 2))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        middle = [maps[-1]]
        for at in reversed(range(LEVELS - 1)):
            coarser = nn.functional.interpolate(middle[0], maps[at].shape[2:])
            middle.insert(0, self.get_submodule(f"down{at}")(maps[at], coarser))
        done = [middle[0]]
        for at in range(1, LEVELS):
            own = [maps[at], middle[at]] if at < LEVELS - 1 else [maps[at]]
            done.append(self.get_submodule(f"up{at}")(*own, halved(done[-1])))
        return done


class Head(nn.Module):
    def __init__(self, out: int) -> None:
        super().__init__()
        self.conv0, self.conv1, self.predict = Separable(WIDTH), Separable(WIDTH), Separable(out)
        for level in range(LEVELS):
            self.add_module(f"norm0_{level}", norm())
            self.add_module(f"norm1_{level}", norm())

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        told: list[Tensor] = []
        for level, x in enumerate(maps):
            for at, conv in enumerate((self.conv0, self.conv1)):
                x = nn.functional.silu(self.get_submodule(f"norm{at}_{level}")(conv(x)))
            told.append(self.predict(x))
        return told


class Backbone(nn.Module):
    """torchvision's EfficientNet, up to its last stage."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torchvision().models.efficientnet_b0(stochastic_depth_prob=0.0).features[:8]
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps, module.momentum = 1e-3, 0.01

    def forward(self, x: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for layer in self.features:
            x = layer(x)
            maps.append(x)
        return [maps[3], maps[5], maps[7]]


class EfficientDet(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        for level, width in ((3, 40), (4, 112), (5, 320), (6, 320)):
            self.add_module(f"enter{level}", nn.Sequential(nn.Conv2d(width, WIDTH, 1), norm()))
        self.neck = nn.ModuleList([BiFPN(), BiFPN()])
        self.classifier, self.boxes = Head(6), Head(8)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        kept = self.backbone(image)
        maps = [
            self.get_submodule(f"enter{level}")(x) for level, x in zip((3, 4, 5, 6), (*kept, kept[-1]), strict=True)
        ]
        maps[3] = halved(maps[3])
        maps.append(halved(maps[3]))
        for layer in self.neck:
            maps = layer(maps)
        return (*self.classifier(maps), *self.boxes(maps))


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module().double(), EfficientDet().double()
    image = torch.randn(2, 3, 64, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    computes_the_same(ours, theirs, image, outputs=1e-9, gradients=1e-7)


def test_each_class_begins_with_a_chance_of_one_percent() -> None:
    bias = archlang.load(f"{SPEC}:small").module().get_parameter("classifier.predict.pointwise.bias")
    torch.testing.assert_close(bias.sigmoid(), torch.full_like(bias, 0.01))


def test_one_block_fuses_two_maps_or_three() -> None:
    (graph,) = check(f"{SPEC}:small").graphs
    assert {len(block.inputs) for block in graph.blocks if block.name == "fuse"} == {2, 3}


def test_one_module_serves_every_size() -> None:
    assert not [one for one in check(f"{SPEC}:small").warnings if one.code == "fixed-size"]
