"""Operators that drop values in training: what is dropped together, mean and deviation afterwards, torch's draws."""

from __future__ import annotations

from math import sqrt
from types import ModuleType

import pytest
import torch
from torch import nn

from archlang.laws.calling import called
from archlang.laws.cases import read, rejection
from archlang.ops import registry
from archlang.ops.base import Work
from archlang.ops.regularization import Drop
from archlang.shapes import TensorType, param_type
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of, net_of

STEPS = {
    "dropout 0.3": "6x8x8", "spatial_dropout 0.3": "6x8x8", "alpha_dropout 0.3": "6x8x8",
    "feature_alpha_dropout 0.3": "6x8x8", "stochastic_depth 0.3": "6x8x8", "dropblock 0.3": "6x8x8",
}  # fmt: skip
ALPHA = 1.7580993408473766


def module_of(step: str, input: str) -> nn.Module:
    module = called(read(step, input))
    assert isinstance(module, nn.Module)
    torch.manual_seed(3)
    return module


def test_all_that_drop_are_tried() -> None:
    assert {step.split()[0] for step in STEPS} == {word for word, op in registry().items() if issubclass(op, Drop)}


@pytest.mark.parametrize("step", STEPS)
def test_evaluation_passes_the_input_on(step: str) -> None:
    x = torch.randn(2, 6, 8, 8)
    module = module_of(step, STEPS[step])
    assert module.eval()(x) is x
    assert not torch.equal(module.train()(x), x)
    none = read(step.replace("0.3", "0.0"), STEPS[step])
    assert called(none)(x) is x
    assert none.op.training_work(*none.types) == Work() and none.op.saved(*none.types) == ()


@pytest.mark.parametrize("step", STEPS)
def test_work_is_done_only_in_training(step: str) -> None:
    case = read(step, STEPS[step])
    times = 2 if "alpha" in step else 1
    assert case.op.work(*case.types) == Work()
    assert case.op.training_work(*case.types) == Work(elementwise=times * 6 * 8 * 8)


# ---- whole maps ----------------------------------------------------------------------------------------------------

RANKS = {"200x9": nn.Dropout1d, "200x4x4": nn.Dropout2d, "200x2x3x4": nn.Dropout3d}


@pytest.mark.parametrize("input", RANKS)
def test_maps_are_dropped_as_wholes(input: str) -> None:
    x = torch.rand(2, *map(int, input.split("x"))) + 1
    y = module_of("spatial_dropout 0.25", input)(x)
    share = (y / x).flatten(2)
    assert (share[..., :1] == 0).float().mean().item() == pytest.approx(0.25, abs=0.06)
    assert torch.allclose(share, share[..., :1].expand_as(share))
    assert all(min(abs(value), abs(value - 1 / 0.75)) < 1e-5 for value in share.unique().tolist())
    torch.manual_seed(3)
    assert torch.equal(y, RANKS[input](0.25)(x))


@pytest.mark.parametrize("word", ["spatial_dropout", "feature_alpha_dropout", "dropblock"])
def test_an_input_without_maps_is_reported(word: str) -> None:
    op = read(f"{word} 0.1", "3x4x4").op
    for x in (TensorType((1, 4), ("n", "c")), TensorType((1, 4, 5), ("n", "t", "c")), param_type((3, 4, 5))):
        said = rejection(op, x)
        assert (said.code, said.about) == ("wrong-rank", "input")
        assert said.message == f"{word} needs axes n c t, n c h w or n c d h w, but its input {x} has {x.names}"


# ---- mean and deviation kept ---------------------------------------------------------------------------------------


def test_dropped_values_are_those_of_the_docstring() -> None:
    x = torch.randn(50, 40, 5, 5)
    s = 1 / sqrt(0.7 * (1 + 0.3 * ALPHA**2))
    dropped = s * 0.3 * ALPHA - s * ALPHA
    for step in ("alpha_dropout 0.3", "feature_alpha_dropout 0.3"):
        y = module_of(step, "40x5x5")(x)
        is_dropped = (y - dropped).abs() < 1e-5
        assert is_dropped.float().mean().item() == pytest.approx(0.3, abs=0.03)
        assert torch.allclose(y[~is_dropped], (s * x + s * 0.3 * ALPHA)[~is_dropped], atol=1e-5)
        together = is_dropped.flatten(2).float().mean(2)
        assert (set(together.unique().tolist()) <= {0, 1}) == step.startswith("feature")


@pytest.mark.parametrize("p", ["0.1", "0.3", "0.5"])
def test_mean_and_deviation_stay(p: str) -> None:
    x = torch.randn(100, 1000)
    for step in (f"alpha_dropout {p}", f"dropout {p}"):
        y = module_of(step, "1000")(x)
        assert abs(y.mean().item()) < 0.02
        assert (abs(y.std().item() - 1) < 0.02) == step.startswith("alpha")


# ---- blocks --------------------------------------------------------------------------------------------------------


def dropped_by_hand(starts: torch.Tensor, block: int, shape: torch.Size) -> torch.Tensor:
    dropped = torch.zeros(shape, dtype=torch.bool)
    for n, c, i, j in starts.nonzero().tolist():
        dropped[n, c, i : i + block, j : j + block] = True
    return dropped


@pytest.mark.parametrize("block, p", [(1, 0.3), (2, 0.2), (3, 0.2), (4, 0.1), (7, 0.1), (99, 0.3)])
def test_blocks_are_dropped(block: int, p: float) -> None:
    x = torch.rand(3, 4, 9, 8) + 1
    y = module_of(f"dropblock {p} block_size={block}", "4x9x8")(x)
    size = min(block, 8)
    torch.manual_seed(3)
    odds = p * 9 * 8 / (size**2 * (10 - size) * (9 - size))
    starts = torch.empty(3, 4, 10 - size, 9 - size).bernoulli_(odds)
    dropped = dropped_by_hand(starts, size, x.shape)
    assert dropped.any() and torch.equal(y == 0, dropped)
    scale = dropped.numel() / (~dropped).sum()
    assert torch.allclose(y[~dropped], (x * scale)[~dropped])


def test_blocks_of_lines_and_of_volumes() -> None:
    for input in ("40x50", "40x4x5x6"):
        x = torch.rand(2, *map(int, input.split("x"))) + 1
        y = module_of("dropblock 0.2 block_size=3", input)(x)
        assert (y == 0).float().mean().item() == pytest.approx(0.2, abs=0.05)
        runs = torch.nn.functional.max_pool1d((y != 0).float().flatten(0, -2)[:, None], 3, 1)
        assert (runs == 0).any()  # some run of three is dropped


def test_nothing_left_is_no_division_by_zero() -> None:
    x = torch.ones(1, 1, 3, 3)
    module = module_of("dropblock 0.999 block_size=3", "1x3x3")
    given = torch.stack([module(x) for _ in range(50)])
    assert (given == 0).all((1, 2, 3, 4)).any() and bool(given.isfinite().all())


def test_a_block_is_torchvisions_where_its_size_is_odd(torchvision: ModuleType) -> None:
    ops = torchvision.ops
    for ours, theirs, input in (
        ("dropblock 0.2 block_size=3", ops.DropBlock2d(0.2, 3), "4x9x8"),
        ("dropblock 0.1", ops.DropBlock2d(0.1, 7), "4x9x8"),
        ("dropblock 0.1 block_size=3 eps=0.5", ops.DropBlock3d(0.1, 3, eps=0.5), "2x5x6x7"),
        ("stochastic_depth 0.3", ops.StochasticDepth(0.3, "row"), "4x9x8"),
        ("stochastic_depth 0.3 mode=batch", ops.StochasticDepth(0.3, "batch"), "4x9x8"),
    ):
        x = torch.randn(6, *map(int, input.split("x")))
        y = module_of(ours, input)(x)
        torch.manual_seed(3)
        assert torch.allclose(y, theirs(x), atol=1e-6)


# ---- inside nets ---------------------------------------------------------------------------------------------------

BODY = """\
  conv 3x3 8 pad=1 -> spatial_dropout 0.2 -> relu
  residual { conv 3x3 8 pad=1 -> dropblock 0.1 block_size=3 -> stochastic_depth 0.2 }
  conv 1x1 8 -> selu -> feature_alpha_dropout 0.1
  permute "n h w c" -> linear 8 -> permute "n c h w" -> spatial_dropout 0.1 -> conv 1x1 4
  flatten -> selu -> alpha_dropout 0.1 -> linear 10"""


def test_nets_save_what_is_predicted() -> None:
    assert_exact(graph_of(net_of(BODY, "3x8x8")))
