"""Tensors of the net's own: values from a list, and weights of steps that are tied to them."""

from __future__ import annotations

import pytest
import torch

from archlang.diagnostics import Rejected
from archlang.facts.work import totals
from archlang.ir import Graph
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
        ("let f(i) = i\nbuffer s: [2, 2] init=f\n(it, s) -> mul", "wrong-rank", "f"),
        ("let f(i, j) = i/2\nbuffer s: [2, 2] init=f dtype=int64\n(it, s) -> mul", "wrong-dtype", "f"),
        ("let f(i, j) = i - 1\nbuffer s: [2, 2] init=f dtype=uint8\n(it, s) -> mul", "wrong-dtype", "f"),
        ("let f(i, j) = i // j\nbuffer s: [2, 2] init=f\n(it, s) -> mul", "division-by-zero", "f"),
        ("let f(i, j) = i ** j\nbuffer s: [2, 2] init=f\n(it, s) -> mul", "wrong-kind", "i"),
        ("let f(i, j) = (i + j) ** 9\nbuffer s: [2, 2] init=f\n(it, s) -> mul", "wrong-kind", "9"),
        ("let f(i, j) = [1, 2][i]\nbuffer s: [2, 2] init=f\n(it, s) -> mul", "wrong-kind", "[1, 2][i]"),
        ("let f(i, j) = len(i)\nbuffer s: [2, 2] init=f\n(it, s) -> mul", "wrong-kind", "len"),
        ("let f(i, j) = f(j, i)\nbuffer s: [2, 2] init=f\n(it, s) -> mul", "calls-too-deep", "f(j, i)"),
        ("let f(i, j) = g(i)\nlet g(i, j) = i\nbuffer s: [2, 2] init=f\n(it, s) -> mul", "missing-argument", "g(i)"),
        ("let f(i, j) = i\nbuffer s: [2000, 2000] init=f\n(it, s) -> mul", "too-large", "f"),
        ("buffer s: [2, 2] init=max\n(it, s) -> mul", "unknown-initialiser", "max"),
        ("let f(i, j) = i\nconv 1x1 4 init=f", "unknown-initialiser", "f"),
        ("param s: [2, 2] init=ones persistent=false\n(it, s) -> mul", "unknown-argument", "persistent"),
        ("buffer s: [2, 2] init=ones persistent=0\n(it, s) -> mul", "wrong-kind", "0"),
        ("buffer s: [4] init=arange dtype=int64\n(it, s) -> take axis=2", "no-such-position", "take axis=2"),
        ("buffer s: [2] init=[0, 1] dtype=int64\n(it, s) -> take axis=2 -> (it, image) -> take", "wrong-dtype", "take"),
    ],
)
def test_invalid_tensors_are_refused(body: str, code: str, at: str) -> None:
    text = net_of(body, "3x2x2")
    told = wrong(text)[0]
    assert (told.code, words_at(text, told)) == (code, at)


def test_a_weight_that_is_tied_to_a_parameter_is_frozen_with_it() -> None:
    body = "param s: [4, 3, 1, 1] init=zeros\nlast: conv 1x1 4 weight=s\nfreeze last"
    told = wrong(net_of(body, "3x2x2"))[0]
    assert (told.code, told.help) == ("tied-weight", "freeze `s` as well")
    net = module(graph_of(net_of(body.replace("freeze last", "freeze last, s"), "3x2x2")))
    assert not any(parameter.requires_grad for parameter in net.parameters())


# ---- tables that a function fills, and what takes its positions from them

BIASED = """block biased(heads, h, w) {
  input x
  let far(i, j) = (i // w - j // w + h - 1) * (2*w - 1) + column(i) - column(j) + w - 1
  let column(i, width=w) = i % width
  param table: [(2*h - 1)*(2*w - 1), heads] init=normal(0.2)
  buffer places: [h*w, h*w] init=far dtype=int64 persistent=false
  x -> linear (3 * x.channels) -> split 3 axis=2 -> (q, k, v): it
  (table, places) -> take axis=0 -> permute [2, 0, 1] -> unsqueeze axis=0 -> bias: it
  (q, k, v, bias) -> sdpa heads
}
net swin { input tokens: [8, 6]; permute "n t c" -> attn: biased 2 2 3; output }"""


def test_a_relative_position_bias() -> None:
    """Swin's bias of attention, written from the paper: the keys, values and gradients of a module by hand."""
    graph = graph_of(BIASED)
    net = module(graph).double()
    assert sorted(net.state_dict()) == ["attn.0.bias", "attn.0.weight", "attn.table"]
    places = torch.tensor([[(a // 3 - b // 3 + 1) * 5 + a % 3 - b % 3 + 2 for b in range(6)] for a in range(6)])
    assert torch.equal(net.get_buffer("attn.places"), places)
    x = torch.randn(4, 8, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = [net.get_parameter(f"attn.{name}") for name in ("table", "0.weight", "0.bias")]
    table, weight, bias = weights
    mixed = x.transpose(1, 2) @ weight.T + bias
    q, k, v = (part.reshape(4, 6, 2, 4).transpose(1, 2) for part in mixed.split(8, 2))
    scores = q @ k.transpose(2, 3) / 2 + table[places].permute(2, 0, 1)
    expected = (scores.softmax(-1) @ v).transpose(1, 2).reshape(4, 6, 8)
    torch.testing.assert_close(net(x), expected)
    found = torch.autograd.grad(net(x).square().sum(), weights)
    torch.testing.assert_close(found, torch.autograd.grad(expected.square().sum(), weights))
    assert_exact(graph)


def test_tables_of_every_kind() -> None:
    body = """  let ramp(i) = 0.5 if i == 2 else i / 4
  let causal(i, j) = j <= i and not i == 3
  let mixed(i, j, most=3) = min(i**2, most) - max(j, 1) * abs(i - 2)
  let rooted(i, j) = sqrt(i) + log2(j + 1) + floor(i / 2) + ceil(j / 2) + (-2) ** 3
  let waves(i, j) = sin(i * exp(-log(10) * j / 4)) if j % 2 == 0 else cos(i)
  buffer a: [4] init=ramp persistent=false
  buffer b: [6, 4] init=causal dtype=bool
  buffer c: [6, 4] init=mixed dtype=int32
  param d: [6, 4] init=rooted
  param e: [6, 4] init=waves
  (b, image, d) -> where -> (it, a) -> mul -> (it, e) -> mul"""
    graph = graph_of(net_of(body, "6x4").replace("  output", "  output it, c"))
    net = module(graph)
    i, j = torch.meshgrid(torch.arange(6.0), torch.arange(4.0), indexing="ij")
    assert torch.equal(net.get_buffer("a"), torch.tensor([0, 0.25, 0.5, 0.75]))
    assert torch.equal(net.get_buffer("b"), (j <= i) & (i != 3))
    assert torch.equal(net.get_buffer("c"), ((i**2).clamp(max=3) - j.clamp(min=1) * (i - 2).abs()).int())
    rooted = i.sqrt() + (j + 1).log2() + (i / 2).floor() + (j / 2).ceil() - 8
    torch.testing.assert_close(net.get_parameter("d").detach(), rooted)
    waves = (i * 10 ** (-j / 4)).sin().where(j % 2 == 0, i.cos())
    torch.testing.assert_close(net.get_parameter("e").detach(), waves)
    assert sorted(net.state_dict()) == ["b", "c", "d", "e"]
    assert totals(graph).buffers == 4 + 24 + 24


def test_a_formula_from_a_file_is_arithmetic_alone() -> None:
    """The formula of a Graph that is read from JSON becomes source, so that nothing else may stand in it."""
    harmless = '"values":["i - j"]'
    graph = graph_of(net_of("  let far(i, j) = i - j\n  buffer a: [2, 3] init=far\n  (it, a) -> mul", "2x3"))
    told = graph.model_dump_json()
    assert harmless in told
    for text in (
        "__import__('os').getcwd()",
        "i.real",
        "[i]",
        "k",
        "exec('1')",
        "9 ** 9 ** 9",
        "(i := 2)",
        "min(*i)",
        "",
    ):
        with pytest.raises((ValueError, Rejected)):
            module(Graph.model_validate_json(told.replace(harmless, f'"values":["{text}"]')))


def test_the_places_of_a_formula_are_not_names_of_a_block() -> None:
    """A block whose parameters are called i and j, two instances of which differ in them."""
    text = """block table(i, j) { let at(a, b) = a + 10*b; buffer rows: [i, j] init=at; (it, rows) -> sub }
net two { input x: [4]; param y: [2, 3] init=ones; param z: [3, 2] init=ones
  (y) -> table 2 3 -> flatten -> slice 0 4 axis=0 -> a: it
  (z) -> table 3 2 -> flatten -> slice 0 4 axis=0 -> b: it
  (x, a, b) -> mul; output }"""
    net = module(graph_of(text))
    for name, (rows, columns) in {"0": (2, 3), "3": (3, 2)}.items():
        a, b = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        assert torch.equal(net.get_buffer(f"{name}.rows"), (a + 10 * b).float())
    assert len({type(each) for each in net.children()}) == 1
