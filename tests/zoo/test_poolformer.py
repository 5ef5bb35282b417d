"""PoolFormer against torch code written by hand, and against timm's where it is installed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import computes_the_same
from tests.timm_models import equal_to_timm, needs_timm

SPEC = Path(__file__).parents[1] / "nets" / "poolformer.arch"


class Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((width,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nchw,c->nchw", x, self.scale)


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, 4 * width, 1), nn.Conv2d(4 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(nn.functional.gelu(self.fc1(x)))
        return y


def mean_around(x: Tensor) -> Tensor:
    """Return the mean of the up to nine pixels around each: a convolution with ones over the number of pixels."""
    ones = torch.ones(1, 1, 3, 3, dtype=x.dtype)
    sums = nn.functional.conv2d(x.flatten(0, 1)[:, None], ones, padding=1).reshape(x.shape)
    return sums / nn.functional.conv2d(torch.ones_like(x[:1, :1]), ones, padding=1)


class Former(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(1, width), nn.GroupNorm(1, width)
        self.layer_scale1, self.layer_scale2 = Scale(width), Scale(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.layer_scale1(mean_around(y) - y)
        result: Tensor = x + self.layer_scale2(self.mlp(self.norm2(x)))
        return result


class PoolFormer(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"conv": nn.Conv2d(3, 8, 7, 4, 2)})
        down = nn.ModuleDict({"conv": nn.Conv2d(8, 12, 3, 2, 1)})
        second = nn.ModuleDict({"downsample": down, "blocks": nn.Sequential(Former(12), Former(12))})
        self.stages = nn.ModuleList([nn.ModuleDict({"blocks": nn.Sequential(Former(8))}), second])
        self.head = nn.ModuleDict({"norm": nn.LayerNorm(12, eps=1e-6), "fc": nn.Linear(12, 5)})

    def forward(self, image: Tensor) -> Tensor:
        x = self.get_submodule("stages.0.blocks")(self.stem["conv"](image))
        x = self.get_submodule("stages.1.blocks")(self.get_submodule("stages.1.downsample.conv")(x))
        scores: Tensor = self.head["fc"](self.head["norm"](x.mean((2, 3))))
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module().double(), PoolFormer().double()
    image = torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    computes_the_same(ours, theirs, image, outputs=1e-11, gradients=1e-10)


def test_weights_start_as_published() -> None:
    weights = dict(archlang.load(f"{SPEC}:poolformer_s12").module(seed=0).named_parameters())
    assert all((value == 1e-5).all() for name, value in weights.items() if name.endswith(".scale"))
    kernel = weights["stages.3.blocks.1.mlp.fc1.weight"]
    assert abs(kernel.std() - 0.02) < 2e-4 and not weights["stages.3.blocks.1.mlp.fc1.bias"].any()


@needs_timm
def test_timm() -> None:
    equal_to_timm(SPEC, "poolformer_s12", starts="distributions")
