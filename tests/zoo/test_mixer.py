"""MLP-Mixer against torch code written by hand: tokens are mixed by `linear ... axis=1`, without a `rearrange`."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import scramble
from tests.specs import layers

SPEC = Path(__file__).parents[1] / "nets" / "mixer.arch"


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(nn.functional.gelu(self.fc1(x)))
        return y


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(12, eps=1e-6), nn.LayerNorm(12, eps=1e-6)
        self.mlp_tokens, self.mlp_channels = Mlp(16, 6), Mlp(12, 20)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mlp_tokens(self.norm1(x).mT).mT
        mixed: Tensor = x + self.mlp_channels(self.norm2(x))
        return mixed


class Mixer(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"proj": nn.Conv2d(3, 12, 8, 8)})
        self.blocks = nn.Sequential(Block(), Block())
        self.norm = nn.LayerNorm(12, eps=1e-6)
        self.head = nn.Linear(12, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = self.blocks(self.stem["proj"](image).flatten(2).mT)
        scores: Tensor = self.head(self.norm(x).mean(1))
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module().double(), Mixer().double()
    scramble(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    torch.manual_seed(0)
    image = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    results = [module(image) for module in (ours, theirs)]
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)
    for result in results:
        result.square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-9, atol=1e-12)


def test_axis_may_name_any_axis_but_the_batch() -> None:
    body = "linear 5 axis=1 -> linear 6 axis=2 -> linear 7 axis=3 -> linear 8 axis=-1"
    assert layers(body, "3x4x4") == ["0 linear 5x4x4", "1 linear 5x6x4", "2 linear 5x6x7", "3 linear 5x6x8"]
