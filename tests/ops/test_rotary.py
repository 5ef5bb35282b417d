"""`rotary_embedding` compared with complex numbers: heads, some of the channels, offsets, positions as an input."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from archlang.laws.calling import called
from archlang.laws.cases import read
from archlang.lower import module
from tests.specs import graph_of, words_at, wrong

T, WIDTH = 5, 16


def turned(x: Tensor, positions: Tensor, dim: int, interleaved: bool) -> Tensor:
    """Return one head n t c, in float64: each pair of channels is a complex number, multiplied by exp(j*t*rate)."""
    part, rest = x[..., :dim].double(), x[..., dim:].double()
    a, b = (part[..., 0::2], part[..., 1::2]) if interleaved else part.chunk(2, -1)
    angles = positions[..., None].double() / 10000.0 ** (torch.arange(0, dim, 2).double() / dim)
    z = torch.complex(a, b) * torch.polar(torch.ones_like(angles), angles)
    pairs = torch.view_as_real(z).flatten(-2) if interleaved else torch.cat([z.real, z.imag], -1)
    return torch.cat([pairs, rest], -1)


def by_head(x: Tensor, heads: int, positions: Tensor, dim: int, interleaved: bool) -> Tensor:
    return torch.cat([turned(one, positions, dim, interleaved) for one in x.chunk(heads, -1)], -1)


@pytest.mark.parametrize(
    "heads, dim, interleaved, given", [*product((1, 2), (8, 4), (False, True), ("none", "offset", "each", "all"))]
)
def test_heads_parts_and_positions(heads: int, dim: int, interleaved: bool, given: str) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, T, 8 * heads, generator=generator)
    step = f"rotary_embedding {heads} dim={dim} interleaved={str(interleaved).lower()}"
    inputs, values, positions = [f"{T}x{8 * heads} n t c"], [x], torch.arange(T)
    if given == "offset":
        step, positions = f"{step} offset=7", torch.arange(7, 7 + T)
    elif given == "each":
        positions = torch.randint(50, (3, T), generator=generator)
        inputs, values = [*inputs, f"{T} int64"], [*values, positions]
    elif given == "all":
        positions = torch.tensor([3, 1, 4, 1, 5])
        inputs, values = [*inputs, f"{T} int64"], [*values, positions.expand(3, T)]
    found = called(read(step, *inputs))(*values)
    torch.testing.assert_close(found.double(), by_head(x, heads, positions, dim, interleaved), rtol=1e-5, atol=1e-5)


def test_heads_as_an_axis_and_positions_of_each_image() -> None:
    generator = torch.Generator().manual_seed(1)
    x, positions = torch.randn(3, 2, T, 8, generator=generator), torch.randint(50, (3, T), generator=generator)
    found = called(read("rotary_embedding", f"2x{T}x8 n h w c", f"{T} int64"))(x, positions)
    for head in range(2):
        torch.testing.assert_close(
            found[:, head].double(), turned(x[:, head], positions, 8, False), rtol=1e-5, atol=1e-5
        )


def test_positions_of_all_images_are_a_buffer() -> None:
    text = """net n {
  input x: 16x5
  buffer positions: [5] init=arange dtype=int64
  (x) -> permute "n t c" -> y: it
  (y, positions) -> rotary_embedding 2
  output
}"""
    net = module(graph_of(text))
    x = torch.randn(3, 16, 5, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net(x).double(), by_head(x.mT, 2, torch.arange(5), 8, False), rtol=1e-5, atol=1e-5)


def test_a_sequence_can_be_continued_by_its_offset() -> None:
    """The products of two halves, the second with its offset, are those of the whole."""
    x = torch.randn(1, 8, 4, generator=torch.Generator().manual_seed(1))
    whole = called(read("rotary_embedding", "8x4 n t c"))(x)
    later = called(read("rotary_embedding offset=5", "3x4 n t c"))(x[:, 5:])
    assert torch.equal(whole[:, 5:], later)


SPEC = 'net n {{\n  input x: 16x5\n  input at: {}\n  (x) -> permute "n t c" -> y: it\n  ({}) -> {}\n  output\n}}'


@pytest.mark.parametrize(
    "positions, step, code, words",
    [
        ("[4] dtype=int64", "rotary_embedding", "unequal-sizes", "rotary_embedding"),
        ("[5]", "rotary_embedding", "wrong-dtype", "rotary_embedding"),
        ("[5] dtype=int64", "rotary_embedding offset=2", "out-of-range", "2"),
        ("[5] dtype=int64", "rotary_embedding 3", "heads-do-not-divide", "3"),
        ("[5] dtype=int64", "rotary_embedding 2 dim=12", "out-of-range", "12"),
        ("[5] dtype=int64", "rotary_embedding 2 dim=3", "channels-do-not-divide", "3"),
    ],
)
def test_a_value_that_does_not_fit_is_reported_at_its_place(positions: str, step: str, code: str, words: str) -> None:
    text = SPEC.format(positions, "y, at", step)
    (diagnostic,) = wrong(text)
    assert diagnostic.code == code and words_at(text, diagnostic).split()[0] == words, diagnostic
