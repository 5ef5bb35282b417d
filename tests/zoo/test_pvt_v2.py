"""PVT v2 against torch code written by hand, and against timm's where it is installed: keys, values, starts."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import computes_the_same
from tests.starts import differing
from tests.timm_models import needs_timm, timm_model

SPEC = Path(__file__).parents[1] / "nets" / "pvt_v2.arch"


def positions(x: Tensor) -> Tensor:
    """Return a map's pixels one after another: n c h w -> n t c."""
    return x.flatten(2).mT


class Patches(nn.Module):
    def __init__(self, channels: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, kernel, stride, kernel // 2)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.proj(x)
        normed: Tensor = self.norm(positions(y)).mT.unflatten(2, y.shape[2:])
        return normed


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.q, self.kv, self.proj = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        if reduction > 1:
            self.sr, self.norm = nn.Conv2d(width, width, reduction, reduction), nn.LayerNorm(width)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        seen = x if self.reduction == 1 else self.norm(positions(self.sr(x.mT.unflatten(2, size))))
        q, k, v = (y.unflatten(2, (self.heads, -1)).transpose(1, 2) for y in (self.q(x), *self.kv(seen).chunk(2, 2)))
        weights = (q @ k.mT / math.sqrt(q.shape[3])).softmax(3)
        y: Tensor = self.proj((weights @ v).transpose(1, 2).flatten(2))
        return y


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        y: Tensor = self.fc2(nn.functional.gelu(positions(self.dwconv(self.fc1(x).mT.unflatten(2, size)))))
        return y


class Block(nn.Module):
    def __init__(self, width: int, heads: int, reduction: int, ratio: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = Attention(width, heads, reduction), Mlp(width, ratio * width)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        x = x + self.attn(self.norm1(x), size)
        y: Tensor = x + self.mlp(self.norm2(x), size)
        return y


class Stage(nn.Module):
    def __init__(self, before: int, width: int, depth: int, heads: int, reduction: int, ratio: int) -> None:
        super().__init__()
        self.downsample = Patches(before, width, 3, 2) if before != width else nn.Identity()
        self.blocks = nn.ModuleList(Block(width, heads, reduction, ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.downsample(x)
        y = positions(x)
        for block in self.blocks:
            y = block(y, x.shape[2:])
        normed: Tensor = self.norm(y).mT.unflatten(2, x.shape[2:])
        return normed


class PVT(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = Patches(3, 8, 7, 4)
        self.stages = nn.Sequential(Stage(8, 8, 1, 1, 2, 4), Stage(8, 16, 2, 2, 1, 2))
        self.head = nn.Linear(16, 5)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.head(self.stages(self.patch_embed(image)).mean((2, 3)))
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours = archlang.load(f"{SPEC}:small").module().double()
    for seed, (height, width) in enumerate([(32, 48), (40, 24)]):
        image = torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        ours.zero_grad()
        computes_the_same(ours, PVT().double(), image, outputs=1e-11, gradients=1e-10)


def started() -> PVT:
    """Return a net that starts as the published code lets it."""
    net = PVT()
    for module in net.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
            nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return net


def test_starts() -> None:
    assert differing(archlang.load(f"{SPEC}:small").module, started, seeds=20) == []


@needs_timm
def test_timm() -> None:
    ours, theirs = archlang.load(f"{SPEC}:pvt_v2_b0").module().double(), timm_model("pvt_v2_b0").double()
    image = torch.randn(2, 3, 224, 224, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    computes_the_same(ours, theirs, image, outputs=1e-10, gradients=1e-8)


@needs_timm
def test_it_starts_as_timms() -> None:
    net = archlang.load(f"{SPEC}:pvt_v2_b0")
    assert differing(net.module, lambda: timm_model("pvt_v2_b0"), seeds=2) == []
