"""Masks as values: causal, of lengths, compared and combined, shared by attention, `where` and `masked_fill`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from archlang.cautions import cautions
from archlang.facts.passes import passes
from archlang.facts.untrained import untrained
from archlang.laws.calling import called
from archlang.laws.cases import read
from archlang.lower import module, torch_source
from tests.specs import graph_of, words_at, wrong

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "less": operator.lt, "less_equal": operator.le, "greater": operator.gt, "greater_equal": operator.ge,
    "equal": operator.eq, "not_equal": operator.ne,
}  # fmt: skip


@pytest.mark.parametrize("word", SIGNS)
def test_comparisons(word: str) -> None:
    x = torch.tensor([[0.0, 0.5, 1.0]])
    y = torch.tensor([[0.5, 0.5, 0.5]])
    for found in (called(read(f"{word} 0.5", "3"))(x), called(read(word, "3", "3"))(x, y)):
        assert found.dtype == torch.bool and found[0].tolist() == [SIGNS[word](one, 0.5) for one in (0.0, 0.5, 1.0)]


def test_large_integers_are_compared_as_integers() -> None:
    x = torch.tensor([[2**53 + 1, 2**53]])
    assert called(read("equal 9007199254740992", "2 int64"))(x)[0].tolist() == [False, True]


def test_causal_masks_and_windows() -> None:
    x = torch.zeros(2, 5, 8)
    whole, near = (called(read(f"causal_mask{rest}", "5x8 n t c"))(x) for rest in ("", " window=2"))
    for at in range(5):
        for seen in range(5):
            assert whole[at, seen].item() == (seen <= at)
            assert near[at, seen].item() == (at - 1 <= seen <= at)


def test_masks_of_lengths() -> None:
    lengths = torch.tensor([0, 2, 3])
    seen = called(read("sequence_mask 3", "scalar int64"))(lengths)
    assert seen.tolist() == [[False] * 3, [True, True, False], [True] * 3]
    assert torch.equal(called(read("padding_mask", "scalar int64", "3x8 n t c"))(lengths, torch.zeros(3, 3, 8)), ~seen)


READER = """
block mix(heads) {
  input x
  input seen
  let width = x.channels
  (x) -> norm: layernorm -> qkv: linear (3 * width) -> split 3 axis=2 -> (q, k, v): it
  (q, k, v, seen) -> sdpa heads causal=CAUSAL -> proj: linear width -> y: it
  (x, y) -> add
}
net reader {
  input tokens: [T=7] dtype=int64
  (tokens) -> not_equal 0 -> seen: it
  (tokens) -> table: embedding 20 16
  a: mix 4
  (it, seen) -> b: mix 4
  output
}
""".replace("  a: mix 4\n", "  (it, seen) -> a: mix 4\n")


@pytest.mark.parametrize("causal", [False, True])
def test_layers_share_a_mask_of_keys(causal: bool) -> None:
    """Against torch's multi-head attention with a key padding mask, which is true where nothing is seen."""
    text = READER.replace("CAUSAL", str(causal).lower())
    net = module(graph_of(text)).eval()
    assert torch_source(graph_of(text)).count("tokens != 0") == 1
    tokens = torch.randint(1, 20, (3, 7), generator=torch.Generator().manual_seed(1))
    tokens[1, 4:] = tokens[2, 1:] = 0
    x = net.get_submodule("table")(tokens)
    after = torch.ones(7, 7, dtype=torch.bool).triu(1) if causal else None
    for name in ("a", "b"):
        block = net.get_submodule(name)
        theirs = nn.MultiheadAttention(16, 4, batch_first=True).eval()
        parts = {"in_proj_weight": "qkv.weight", "in_proj_bias": "qkv.bias"}
        parts |= {"out_proj.weight": "proj.weight", "out_proj.bias": "proj.bias"}
        theirs.load_state_dict({key: block.state_dict()[mine] for key, mine in parts.items()})
        y = block.get_submodule("norm")(x)
        x = x + theirs(y, y, y, key_padding_mask=tokens == 0, attn_mask=after, need_weights=False)[0]
    torch.testing.assert_close(net(tokens), x, rtol=1e-5, atol=1e-5)
    shorter = tokens[:, :5]
    assert torch.allclose(net(shorter)[0], net(tokens)[0, :5], atol=1e-5) == causal


FILLED = """net n {
  input x: [6]
  a: linear 6
  b: linear 6
  greater 0 -> mask: it
  (mask, a, b) -> where -> y: it
  (y, mask) -> masked_fill -2.5
  output
}"""


def test_chosen_and_filled_values_and_their_gradients() -> None:
    net = module(graph_of(FILLED))
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()
    a, b = (net.get_submodule(name) for name in "ab")
    y = b(a(x))
    wanted = torch.where(y > 0, torch.full_like(y, -2.5), y)
    found = net(x)
    torch.testing.assert_close(found, wanted)
    gradients = [torch.autograd.grad(one.sum(), x, retain_graph=True)[0] for one in (found, wanted)]
    torch.testing.assert_close(*gradients)


def test_nothing_learns_through_a_mask() -> None:
    text = "net n {\n  input x: [6]\n  linear 4 -> greater 0 -> mask: it\n  x -> linear 4 -> y: it\n"
    graph = graph_of(text + "  (y, mask) -> masked_fill 0\n  output\n}")
    assert [one.layer.path for one in untrained(graph)] == ["0"]
    assert passes(graph).backward.macs == 6 * 4


def test_masks_are_combined() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b, c = (torch.rand(2, *shape, generator=generator) > 0.5 for shape in ((1, 6), (6, 6), (6, 1)))
    for word, wanted in (("logical_and", a & b & c), ("logical_or", a | b | c)):
        assert torch.equal(called(read(word, "1x6 bool", "6x6 bool", "6x1 bool"))(a, b, c), wanted)
    assert torch.equal(called(read("logical_not", "6x6 bool"))(b), ~b)


@pytest.mark.parametrize(
    "lines, code, words",
    [
        ("x -> less", "missing-argument", "less"),
        ("(x, x) -> less 2", "unknown-argument", "2"),
        ("x -> logical_not", "wrong-dtype", "logical_not"),
        ("(x, x) -> masked_fill 0", "wrong-dtype", "masked_fill"),
        ("x -> causal_mask", "wrong-rank", "causal_mask"),
        ("lengths -> sequence_mask", "missing-argument", "sequence_mask"),
        ("x -> sequence_mask 4", "wrong-rank", "sequence_mask"),
        ("(lengths, tokens) -> padding_mask 4", "unknown-argument", "4"),
    ],
)
def test_a_value_that_does_not_fit_is_reported_at_its_place(lines: str, code: str, words: str) -> None:
    inputs = "input x: [6]\n  input tokens: [5] dtype=int64\n  input lengths: [] dtype=int64"
    text = f"net n {{\n  {inputs}\n  {lines} -> made: it\n  output x, tokens, lengths, made\n}}"
    (diagnostic,) = wrong(text)
    assert diagnostic.code == code and words_at(text, diagnostic).split()[0] == words, diagnostic


@pytest.mark.parametrize("before, codes", [("", ["mask-hides"]), ("logical_not -> ", [])])
def test_a_mask_of_hidden_positions_is_reported_unless_it_is_negated(before: str, codes: list[str]) -> None:
    text = f"""net n {{
  input x: 16x9
  input lengths: [] dtype=int64
  (x) -> permute "n t c" -> q: it
  (lengths, q) -> padding_mask -> {before}padded: it
  (q, q, q, padded) -> sdpa 2
  output
}}"""
    found = cautions(graph_of(text))
    assert [one.code for one in found] == codes and all(words_at(text, one).startswith("sdpa") for one in found)
