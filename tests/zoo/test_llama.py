"""Llama against torch code written by hand: `rotary_embedding` and `sdpa`, with fewer heads of keys than of queries."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import archlang
from archlang.facts.work import count
from tests.parity import scramble

SPEC = Path(__file__).parents[1] / "nets" / "llama.arch"
WIDTH, HEADS, SHARED, LENGTH = 24, 4, 2, 12
HEAD = WIDTH // HEADS


def turned(x: Tensor) -> Tensor:
    """Return n h t c, by complex numbers: the pair of channels i and i + c/2 is one, times exp(j*t/10000**(2i/c))."""
    a, b = x.chunk(2, -1)
    angles = torch.outer(torch.arange(x.shape[2]), 10000.0 ** (-torch.arange(0, HEAD, 2) / HEAD)).double()
    z = torch.complex(a, b) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([z.real, z.imag], -1)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.o_proj = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(WIDTH, SHARED * HEAD, bias=False) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            proj(x).reshape(*x.shape[:2], heads, HEAD).transpose(1, 2)
            for proj, heads in ((self.q_proj, HEADS), (self.k_proj, SHARED), (self.v_proj, SHARED))
        )
        k, v = (y.repeat_interleave(HEADS // SHARED, 1) for y in (turned(k), v))
        scores = turned(q) @ k.mT / HEAD**0.5
        after = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        y = scores.masked_fill(after, -torch.inf).softmax(-1) @ v
        out: Tensor = self.o_proj(y.transpose(1, 2).reshape(x.shape))
        return out


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(WIDTH, 40, bias=False), nn.Linear(WIDTH, 40, bias=False)
        self.down_proj = nn.Linear(40, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = (nn.RMSNorm(WIDTH, eps=1e-5) for _ in range(2))
        self.self_attn, self.mlp = Attention(), Mlp()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x))
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Llama(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = nn.ModuleList([Layer(), Layer()])
        parts = {"embed_tokens": nn.Embedding(50, WIDTH), "layers": layers, "norm": nn.RMSNorm(WIDTH, eps=1e-5)}
        self.model, self.lm_head = nn.ModuleDict(parts), nn.Linear(WIDTH, 50, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.model["embed_tokens"](tokens)
        for layer in self.model["layers"].children():
            x = layer(x)
        scores: Tensor = self.lm_head(self.model["norm"](x))
        return scores


def test_keys_outputs_and_gradients() -> None:
    theirs = Llama()
    ours = archlang.load(str(SPEC)).module()
    scramble(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    ours, theirs = ours.double(), theirs.double()
    for length in (LENGTH, 7):
        tokens = torch.randint(50, (3, length), generator=torch.Generator().manual_seed(1))
        given, wanted = ours(tokens), theirs(tokens)
        torch.testing.assert_close(given, wanted, rtol=1e-6, atol=1e-6)  # torch has the angles in float32
        for module, y in ((ours, given), (theirs, wanted)):
            module.zero_grad()
            y.square().mean().backward()
        gradients = {name: x.grad for name, x in theirs.named_parameters()}
        for name, x in ours.named_parameters():
            torch.testing.assert_close(x.grad, gradients[name], rtol=1e-5, atol=1e-7, msg=name)


@pytest.mark.parametrize(
    "settings, params",
    [
        (
            {"width": 4096, "depth": 32, "heads": 32, "kv_heads": 32, "hidden": 11008, "vocabulary": 32000},
            6_738_415_616,
        ),
        (
            {"width": 4096, "depth": 32, "heads": 32, "kv_heads": 8, "hidden": 14336, "vocabulary": 128256},
            8_030_261_248,
        ),
    ],
    ids=["Llama 2 7B", "Llama 3 8B"],
)
def test_published_sizes(settings: dict[str, int], params: int) -> None:
    """Parameters as transformers counts them."""
    assert count(archlang.load(str(SPEC), **settings).graph).net.params == params
