"""CaiT against torch code written by hand, and against timm's where it is installed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import archlang
from tests.parity import assert_equal_in_eval, computes_the_same, scramble
from tests.timm_models import needs_timm, timm_model

SPEC = Path(__file__).parents[1] / "nets" / "cait.arch"
WIDTH, HEADS = 12, 3


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc2(nn.functional.gelu(self.fc1(x)))
        return y


def heads(x: Tensor) -> Tensor:
    """Return the heads of n t c: n g t c/g."""
    return x.reshape(len(x), x.shape[1], HEADS, -1).transpose(1, 2)


class TalkingHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.proj_l, self.proj_w = nn.Linear(HEADS, HEADS), nn.Linear(HEADS, HEADS)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = map(heads, self.qkv(x).split(WIDTH, 2))
        scores = torch.einsum("ngtc,ngsc->ntsg", q * (WIDTH / HEADS) ** -0.5, k)
        weights = self.proj_w(self.proj_l(scores).softmax(2))
        y: Tensor = self.proj(torch.einsum("ntsg,ngsc->ntgc", weights, v).flatten(2))
        return y


class ClassAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = heads(self.q(x[:, :1])), heads(self.k(x)), heads(self.v(x))
        weights = (q @ k.transpose(2, 3) * (WIDTH / HEADS) ** -0.5).softmax(3)
        y: Tensor = self.proj((weights @ v).transpose(1, 2).flatten(2))
        return y


class Block(nn.Module):
    def __init__(self, attn: nn.Module) -> None:
        super().__init__()
        self.gamma_1, self.gamma_2 = nn.Parameter(torch.zeros(WIDTH)), nn.Parameter(torch.zeros(WIDTH))
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6), nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn, self.mlp = attn, Mlp()

    def forward(self, x: Tensor, token: Tensor | None = None) -> Tensor:
        entering = x if token is None else torch.cat([token, x], 1)
        y = (x if token is None else token) + self.gamma_1 * self.attn(self.norm1(entering))
        result: Tensor = y + self.gamma_2 * self.mlp(self.norm2(y))
        return result


class Cait(nn.Module):
    """The net `small` of the spec."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.pos_embed = nn.Parameter(torch.zeros(1, 16, WIDTH))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, WIDTH, 8, 8)})
        self.blocks = nn.Sequential(Block(TalkingHeads()), Block(TalkingHeads()))
        self.blocks_token_only = nn.ModuleList([Block(ClassAttention()), Block(ClassAttention())])
        self.norm, self.head = nn.LayerNorm(WIDTH, eps=1e-6), nn.Linear(WIDTH, 5)

    def forward(self, image: Tensor) -> Tensor:
        x = self.blocks(self.patch_embed["proj"](image).flatten(2).mT + self.pos_embed)
        token = self.cls_token.expand(len(x), -1, -1)
        for block in self.blocks_token_only:
            token = block(x, token)
        scores: Tensor = self.head(self.norm(token)[:, 0])
        return scores


def test_keys_outputs_and_gradients() -> None:
    ours, theirs = archlang.load(f"{SPEC}:small").module().double(), Cait().double()
    image = torch.randn(3, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    computes_the_same(ours, theirs, image, outputs=1e-11, gradients=1e-10)


@needs_timm
def test_timm() -> None:
    ours, theirs = archlang.load(f"{SPEC}:cait_xxs24_224").module(), timm_model("cait_xxs24_224")
    scramble(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert_equal_in_eval(ours, theirs, torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
