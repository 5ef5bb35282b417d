"""Tensors of the net's own: values from a list, and weights of steps that are tied to them."""

from __future__ import annotations

import pytest
import torch

from archlang.lower import module
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of, net_of, words_at, wrong

TIED = """  input words: [6] dtype=int64
  param table: [20, 8] init=normal(0.02)
  wte: embedding 20 8 weight=table
  inner: { param base: [8, 8] init=normal; linear 8 -> linear 8 weight=base }
  last: linear 8 weight=inner.base
  (table) -> reshape [1, 20, 8] -> mean axis=1 -> (it, last) -> mul
  head: linear 20 bias=false weight=table
  output"""


def test_weights_are_tied_to_a_parameter() -> None:
    graph = graph_of(f"net tied {{\n{TIED}\n}}")
    net = module(graph).double()
    table, base = net.get_parameter("table"), net.get_parameter("inner.base")
    assert net.get_parameter("wte.weight") is table is net.get_parameter("head.weight")
    assert net.get_parameter("inner.1.weight") is base is net.get_parameter("last.weight")
    words = torch.arange(12).view(2, 6)
    x = net.get_submodule("inner.0")(table[words])
    for name in ("inner.1", "last"):
        x = x @ base.T + net.get_parameter(f"{name}.bias")
    expected = (x * table.mean(0)) @ table.T
    torch.testing.assert_close(net(words), expected)
    assert sum(parameter.numel() for parameter in net.parameters()) == 20 * 8 + 8 * 8 * 2 + 3 * 8
    assert_exact(graph)


def test_values_from_a_list() -> None:
    body = """  let mean = [0.485, 0.456, 0.406]
  buffer mean_: [1, 3, 1, 1] init=mean
  param scale: [3, 1, 1] init=[1, -2, 0.5]
  buffer counts: [2, 2] init=[1, 2, 3, 4] dtype=int64
  (image, mean_) -> sub -> (it, scale) -> mul"""
    text = net_of(body, "3x2x2").replace("  output", "  output it, counts")
    net = module(graph_of(text))
    x = torch.rand(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    mean, scale = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([1, -2, 0.5])
    scaled, counts = net(x)
    assert torch.equal(scaled, (x - mean[:, None, None]) * scale[:, None, None])
    assert torch.equal(counts, torch.tensor([[1, 2], [3, 4]]))
    assert torch.equal(net.get_buffer("mean_"), mean.view(1, 3, 1, 1))


@pytest.mark.parametrize(
    ("body", "code", "at"),
    [
        ("param s: [3, 1, 1] init=[1, -2]\n(it, s) -> mul", "out-of-range", "[1, -2]"),
        ("buffer s: [2] init=[1, 0.5] dtype=int64\n(it, s) -> mul", "wrong-dtype", "[1, 0.5]"),
        ("param s: [2] init=3x3\n(it, s) -> mul", "unknown-initialiser", "3x3"),
        ("param s: [2] init=[1, relu]\n(it, s) -> mul", "unknown-initialiser", "[1, relu]"),
        ("conv 3x3 4 weight=image", "unknown-argument", "weight"),
        ("buffer s: [4, 3, 1, 1] init=zeros\nconv 1x1 4 weight=s", "weights-differ", "s"),
        ("param s: [4, 3, 1] init=zeros\nconv 1x1 4 weight=s", "weights-differ", "s"),
        ("param s: [4, 3, 1, 1] init=zeros\nconv 1x1 4 wieght=s", "unknown-argument", "wieght"),
        ("param s: [4, 3, 1, 1] init=zeros\nconv 1x1 4 weight=s -> reuse s", "not-a-step", "s"),
    ],
)
def test_what_is_refused(body: str, code: str, at: str) -> None:
    text = net_of(body, "3x2x2")
    told = wrong(text)[0]
    assert (told.code, words_at(text, told)) == (code, at)


def test_what_is_tied_to_a_parameter_is_frozen_with_it() -> None:
    body = "param s: [4, 3, 1, 1] init=zeros\nlast: conv 1x1 4 weight=s\nfreeze last"
    told = wrong(net_of(body, "3x2x2"))[0]
    assert (told.code, told.help) == ("tied-weight", "freeze `s` as well")
    net = module(graph_of(net_of(body.replace("freeze last", "freeze last, s"), "3x2x2")))
    assert not any(parameter.requires_grad for parameter in net.parameters())
