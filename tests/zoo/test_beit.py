"""BEiT against torch code written by hand, and against timm's where it is installed."""

from __future__ import annotations

import importlib
from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.facts.test_saved import assert_exact
from tests.parity import assert_equal_in_eval, computes_the_same, scramble
from tests.timm_models import needs_timm
from tests.torchvision_models import torchvision

SPEC = Path(__file__).parents[1] / "nets" / "beit.arch"
WIDTH, HEADS, SIDE = 12, 3, 4
PAIRS = (2 * SIDE - 1) ** 2


def places() -> Tensor:
    """Return the row of the table for each pair of positions; the class token is the first."""
    rows = torch.arange(SIDE).repeat_interleave(SIDE)
    columns = torch.arange(SIDE).repeat(SIDE)
    down, right = (each[:, None] - each + SIDE - 1 for each in (rows, columns))
    found = torch.full((SIDE**2 + 1, SIDE**2 + 1), PAIRS + 1)
    found[1:, 1:] = down * (2 * SIDE - 1) + right
    found[0, :], found[0, 0] = PAIRS, PAIRS + 2
    return found


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_bias, self.v_bias = (nn.Parameter(torch.zeros(WIDTH)) for _ in range(2))
        self.relative_position_bias_table = nn.Parameter(torch.zeros(PAIRS + 3, HEADS))
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        mixed = nn.functional.linear(x, self.qkv.weight, bias).reshape(len(x), -1, 3, HEADS, WIDTH // HEADS)
        q, k, v = mixed.permute(2, 0, 3, 1, 4)
        scores = q @ k.mT * (WIDTH / HEADS) ** -0.5
        scores = scores + self.relative_position_bias_table[places()].permute(2, 0, 1)
        y: Tensor = self.proj((scores.softmax(3) @ v).transpose(1, 2).flatten(2))
        return y


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma_1, self.gamma_2 = (nn.Parameter(torch.zeros(WIDTH)) for _ in range(2))
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = Attention()
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(WIDTH, 4 * WIDTH), "fc2": nn.Linear(4 * WIDTH, WIDTH)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.gamma_1 * self.attn(self.norm1(x))
        inner = nn.functional.gelu(self.mlp["fc1"](self.norm2(x)))
        y: Tensor = x + self.gamma_2 * self.mlp["fc2"](inner)
        return y


class Beit(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, WIDTH, 8, 8)})
        self.blocks = nn.Sequential(Block(), Block())
        self.fc_norm, self.head = nn.LayerNorm(WIDTH, eps=1e-6), nn.Linear(WIDTH, 5)

    def forward(self, image: Tensor) -> Tensor:
        patches = self.patch_embed["proj"](image).flatten(2).mT
        x = self.blocks(torch.cat([self.cls_token.expand(len(image), -1, -1), patches], 1))
        scores: Tensor = self.head(self.fc_norm(x[:, 1:].mean(1)))
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module().double(), Beit().double()
    image = torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    computes_the_same(ours, theirs, image, outputs=1e-11, gradients=1e-10)


def test_saved_bytes() -> None:
    assert_exact(archlang.load(f"{SPEC}:small").graph, [(2, True), (2, False)])


@needs_timm
def test_timm() -> None:
    torchvision()  # timm imports it
    made = importlib.import_module("timm.models.beit").Beit
    theirs: nn.Module = made(
        img_size=32, patch_size=8, embed_dim=WIDTH, depth=2, num_heads=HEADS, num_classes=5, use_abs_pos_emb=False,
        use_rel_pos_bias=True, init_values=0.1,
    )  # fmt: skip
    ours = archlang.load(f"{SPEC}:small").module()
    scramble(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert_equal_in_eval(ours, theirs, torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
