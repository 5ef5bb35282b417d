"""Bilinear forms, tables and bags against torch's own calls and their formulas."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archlang.laws.calling import called
from archlang.laws.cases import read, rejection
from archlang.ops.embedding import Embedding, EmbeddingBag
from archlang.shapes import TensorType
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of, net_of


def same_weights(step: str, inputs: tuple[str, ...], theirs: nn.Module) -> nn.Module:
    """Return the module of a step, with another's weights."""
    ours = called(read(step, *inputs))
    assert isinstance(ours, nn.Module)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours


@pytest.mark.parametrize("bias", [True, False])
def test_a_bilinear_form(bias: bool) -> None:
    theirs = nn.Bilinear(3, 4, 5, bias=bias)
    ours = same_weights(f"bilinear 5{'' if bias else ' bias=false'}", ("6x3 n t c", "6x4 n t c"), theirs)
    left, right = torch.randn(2, 6, 3), torch.randn(2, 6, 4)
    y = ours(left, right)
    assert torch.equal(y, theirs(left, right))
    for n, t, out in product(range(2), range(6), range(5)):
        pairs = torch.outer(left[n, t], right[n, t])
        value = (theirs.weight[out] * pairs).sum() + (theirs.bias[out] if bias else 0)
        assert torch.allclose(y[n, t, out], value, atol=1e-5)


def test_torchs_counter_sees_no_bilinear_form() -> None:
    """The case against it: it counts nothing, where 5 sums of 3*4 products are made at each of 6 positions."""
    case = read("bilinear 5", ["6x3 n t c", "6x4 n t c"][0], "6x4 n t c")
    with FlopCounterMode(display=False) as counter:
        called(case)(torch.randn(1, 6, 3), torch.randn(1, 6, 4))
    assert counter.get_total_flops() == 0
    assert case.op.work(*case.types).macs == 6 * 5 * 3 * 4


@pytest.mark.parametrize(
    ("step", "make"),
    [
        ("embedding 9 4", lambda: nn.Embedding(9, 4)),
        ("embedding 9 4 padding=3", lambda: nn.Embedding(9, 4, padding_idx=3)),
        ("embedding 9 4 max_norm=0.5 p=1.0", lambda: nn.Embedding(9, 4, max_norm=0.5, norm_type=1.0)),
        ("embedding 9 4 by_frequency=true", lambda: nn.Embedding(9, 4, scale_grad_by_freq=True)),
        ("embedding_bag 9 4", lambda: nn.EmbeddingBag(9, 4)),
        ("embedding_bag 9 4 mode=sum padding=3", lambda: nn.EmbeddingBag(9, 4, mode="sum", padding_idx=3)),
        ("embedding_bag 9 4 mode=max", lambda: nn.EmbeddingBag(9, 4, mode="max")),
        (
            "embedding_bag 9 4 max_norm=0.5 by_frequency=true",
            lambda: nn.EmbeddingBag(9, 4, max_norm=0.5, scale_grad_by_freq=True),
        ),
    ],
)
def test_tables_are_torchs(step: str, make: Callable[[], nn.Module]) -> None:
    theirs = make()
    ours = same_weights(step, ("6 int64",), theirs)
    words = torch.tensor([[3, 3, 1, 8, 0, 3], [3, 2, 2, 5, 8, 7]])
    results: list[torch.Tensor] = []
    for module in (ours, theirs):
        y = module(words)
        y.square().sum().backward()
        (weight,) = module.parameters()
        assert weight.grad is not None
        results += [y, weight.grad]
    assert torch.equal(results[0], results[2]) and torch.equal(results[1], results[3])


def test_a_bag_is_reduced_row_by_row() -> None:
    words = torch.tensor([[3, 3, 1], [0, 2, 8]])
    table = nn.Embedding(9, 4)
    reductions: dict[str, Callable[..., torch.Tensor]] = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax}
    for mode, reduce in reductions.items():
        bag = same_weights(f"embedding_bag 9 4 mode={mode}", ("3 int64",), table)
        for y, row in zip(bag(words), words, strict=True):
            assert torch.allclose(y, reduce(table(row), dim=0))


@pytest.mark.parametrize("hard", [False, True])
def test_a_choice_is_drawn(hard: bool) -> None:
    """It is torch's for the same seed; the largest is chosen as often as its share is of the softmax."""
    draw = called(read(f"gumbel_softmax tau=0.5{' hard=true' if hard else ''}", "3"))
    x = torch.tensor([[0.0, 1.0, 2.0]]).expand(20_000, 3)
    torch.manual_seed(0)
    y = draw(x)
    torch.manual_seed(0)
    assert torch.equal(y, nn.functional.gumbel_softmax(x, tau=0.5, hard=hard, dim=1))
    assert torch.allclose(y.sum(1), torch.ones(20_000))
    assert set(y.unique().tolist()) == {0, 1} or not hard
    chosen = torch.bincount(y.argmax(1), minlength=3) / 20_000
    assert torch.allclose(chosen, x[0].softmax(0), atol=0.015)


def test_arguments_that_a_table_does_not_take_are_reported() -> None:
    words = TensorType((1, 5), ("n", "t"), "int64")
    said = rejection(Embedding(count=4, width=2, padding=4), words)
    assert (said.code, said.about) == ("out-of-range", "padding")
    assert said.message == "`padding` of embedding must be below the table's 4 rows, not 4"
    said = rejection(EmbeddingBag(count=4, width=2, mode="max", by_frequency=True), words)
    assert (said.code, said.about) == ("out-of-range", "by_frequency")
    said = rejection(EmbeddingBag(count=4, width=2), TensorType((1, 5, 2), ("n", "t", "s"), "int64"))
    assert said.message == "embedding_bag takes bags n t, but its input 5x2 has n t s"


def test_nets_of_these_save_what_is_predicted() -> None:
    assert_exact(graph_of(net_of("a: linear 4\n(image) -> linear 5\n(a, it) -> bilinear 3 -> relu", "[6]")))
    for step in ("embedding_bag 2 4 -> linear 3", "embedding 2 4 max_norm=1.0 -> linear 2 -> flatten -> linear 3"):
        text = f"net bags {{\n input words: [5] dtype=int64\n {step}\n output\n}}"
        assert_exact(graph_of(text))
