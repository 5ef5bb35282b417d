"""LeNet-5's own units against the formulas of the paper, and the net that they make."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn

from archlang.compiler import Net
from archlang.facts.work import totals
from archlang.ir import Layer
from archlang.laws.calling import called
from archlang.laws.cases import read, rejection
from archlang.ops.base import Wanted, Work
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of

# LeCun et al. 1998, table I: the maps of S2 that each map of C3 sees
TABLE = [
    *([(at + step) % 6 for step in range(3)] for at in range(6)),
    *([(at + step) % 6 for step in range(4)] for at in range(6)),
    [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5],
]  # fmt: skip
LENET = f"""\
net lenet5(classes=10) {{
  input image: 1x32x32
  c1: conv 5x5 6 -> scaled_tanh
  s2: subsampling 2x2 -> scaled_tanh
  c3: table_conv 5x5 connections={TABLE} -> scaled_tanh
  s4: subsampling 2x2 -> scaled_tanh
  c5: conv 5x5 120 -> scaled_tanh
  flatten -> f6: linear 84 -> scaled_tanh
  rbf: radial_basis classes fixed=true
  output
  expect params == 60_000
}}
"""


def unit(step: str, input: str) -> nn.Module:
    module = called(read(step, input))
    assert isinstance(module, nn.Module)
    return module


# ---- subsampling ---------------------------------------------------------------------------------------------------


def seeded(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights, which are drawn at random first."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(-1, 1, generator=generator)
    return module.state_dict()


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_subsampling_is_a_sum_times_a_coefficient_plus_a_bias(mode: str) -> None:
    module = unit(f"subsampling 3x2/2x1 mode={mode}", "2x7x5")
    state = seeded(module)
    x = torch.randn(2, 2, 7, 5)
    y = module(x)
    assert y.shape == (2, 2, 3, 4)
    for n, c, i, j in product(range(2), range(2), range(3), range(4)):
        total = sum(float(x[n, c, 2 * i + p, j + q]) for p, q in product(range(3), range(2)))
        value = total / (6 if mode == "mean" else 1) * state["weight"][c] + state["bias"][c]
        assert y[n, c, i, j].item() == pytest.approx(value.item(), abs=1e-5)


@pytest.mark.parametrize("step, input", [("[2]", "3x9"), ("2x3x2", "2x4x6x5")])
def test_subsampling_slides_over_one_axis_and_over_three(step: str, input: str) -> None:
    module = unit(f"subsampling {step}", input)
    state = seeded(module)
    sizes = [int(size) for size in input.split("x")]
    x = torch.randn(2, *sizes)
    kernel = [2] if step == "[2]" else [2, 3, 2]
    folded = x
    for axis, k in enumerate(kernel, start=2):
        folded = folded.unfold(axis, k, k)
    summed = folded.sum(tuple(range(-len(kernel), 0)))
    shape = (-1, *[1] * len(kernel))
    assert torch.allclose(module(x), summed * state["weight"].view(shape) + state["bias"].view(shape), atol=1e-6)


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_subsampling_starts_as_the_mean(mode: str) -> None:
    x = torch.randn(2, 6, 8, 8)
    assert torch.allclose(unit(f"subsampling 2x2 mode={mode}", "6x8x8")(x), nn.AvgPool2d(2)(x), atol=1e-6)


def test_subsampling_learns_its_coefficients() -> None:
    module = unit("subsampling 2x2", "3x4x4")
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    module(x).sum().backward()
    gradients = {name: weight.grad for name, weight in module.named_parameters()}
    assert x.grad is not None and gradients["weight"] is not None and gradients["bias"] is not None
    assert torch.allclose(gradients["weight"], x.detach().sum((0, 2, 3)), atol=1e-5)
    assert gradients["bias"].tolist() == [8, 8, 8]
    assert torch.allclose(x.grad, torch.full_like(x, 0.25))


def test_the_backward_work_of_subsampling() -> None:
    case = read("subsampling 2x2", "6x8x8")
    values = 6 * 4 * 4
    assert case.op.backward(Wanted((True,), True), *case.types) == Work(elementwise=5 * values, bias_adds=values)
    assert case.op.backward(Wanted((True,), False), *case.types) == Work(elementwise=4 * values)
    assert case.op.backward(Wanted((False,), True), *case.types) == Work(elementwise=values, bias_adds=values)
    assert case.op.backward(Wanted((False,), False), *case.types) == Work()


def test_a_window_that_is_too_large_is_reported() -> None:
    case = read("subsampling 2x2", "6x8x8")
    said = rejection(case.op, case.types[0].resized(h=1))
    assert (said.code, said.about) == ("kernel-too-large", "kernel")
    assert said.message == "the kernel covers 2 positions along h, but the input 6x1x8 has 1"


# ---- radial basis --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixed", ["false", "true"])
def test_a_radial_basis_is_a_squared_distance(fixed: str) -> None:
    module = unit(f"radial_basis 3 fixed={fixed}", "2x4 n t c")
    codes = module.state_dict()["weight"]
    assert codes.shape == (3, 4) and set(codes.unique().tolist()) <= {-1, 1}
    x = torch.randn(2, 2, 4)
    y = module(x)
    for n, t, i in product(range(2), range(2), range(3)):
        distance = sum(float(x[n, t, j] - codes[i, j]) ** 2 for j in range(4))
        assert y[n, t, i].item() == pytest.approx(distance, rel=1e-5)
    assert not module(codes.view(1, 3, 4)).diagonal(dim1=1, dim2=2).any()


def test_fixed_codes_are_never_trained() -> None:
    fixed, learned = unit("radial_basis 9 fixed=true", "84"), unit("radial_basis 9", "84")
    assert [name for name, _ in fixed.named_parameters()] == []
    assert [name for name, _ in learned.named_parameters()] == ["weight"]
    codes = fixed.state_dict()["weight"]
    assert 0.4 < (codes == 1).float().mean() < 0.6  # either sign is as likely
    fixed.load_state_dict(learned.state_dict(), strict=True)


def test_the_backward_work_of_a_radial_basis() -> None:
    case = read("radial_basis 10", "84")
    work = Work(elementwise=10 * (3 * 84 - 1))
    assert case.op.work(*case.types) == work
    for wanted, told in (
        (Wanted((False,), True), work),
        (Wanted((True,), False), work),
        (Wanted((False,), False), Work()),
    ):
        assert case.op.backward(wanted, *case.types) == told


def test_channels_that_are_not_last_are_reported() -> None:
    case = read("radial_basis 10", "84")
    said = rejection(case.op, read("relu", "3x4x5").types[0])
    assert said.message == "radial_basis needs the channels as the last axis, but its input 3x4x5 has n c h w"
    assert said.help == "write `flatten` before it, which gives it 60 values"


# ---- the net -------------------------------------------------------------------------------------------------------

# layer, output, trainable parameters, connections, as the paper counts them in section II.B; figures.md
ROWS = [
    ("c1", "6x28x28", 156, 122_304),
    ("s2", "6x14x14", 12, 5_880),
    ("c3", "16x10x10", 1_516, 151_600),
    ("s4", "16x5x5", 32, 2_000),
    ("c5", "120x1x1", 48_120, 48_120),
    ("f6", "84", 10_164, 10_164),
]


def layer(path: str) -> Layer:
    (found,) = [one for one in graph_of(LENET).flat() if one.path == path]
    return found


@pytest.mark.parametrize("path, output, params, connections", ROWS)
def test_the_layers_are_those_of_the_paper(path: str, output: str, params: int, connections: int) -> None:
    found = layer(path)
    work = found.op.work(*found.input_types)
    assert (str(found.output_types[0]), found.op.params(*found.input_types)) == (output, params)
    # a subsampling of k values takes k - 1 additions and one multiplication
    assert work.macs + work.bias_adds + (work.elementwise if path in ("s2", "s4") else 0) == connections


def test_the_output_is_that_of_the_paper() -> None:
    found = layer("rbf")
    (codes,) = found.op.weights(*found.input_types)
    assert (str(found.output_types[0]), codes.shape, codes.buffer) == ("10", (10, 84), True)
    counted = totals(graph_of(LENET))
    assert (counted.params, counted.trainable_params, counted.buffers) == (60_000, 60_000, 840)


def test_the_net_runs_and_learns() -> None:
    net = Net(graph_of(LENET))
    module = net.module(seed=0)
    x = torch.randn(4, 1, 32, 32)
    y = module(x)
    assert y.shape == (4, 10) and bool((y > 0).all())
    target = torch.tensor([3, 1, 4, 1])
    before = dict(module.state_dict())["rbf.weight"].clone()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)
    losses: list[float] = []
    for _ in range(20):
        loss = (
            module(x).gather(1, target[:, None]).mean()
        )  # the paper's first criterion: the distance of the right code
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert torch.equal(dict(module.state_dict())["rbf.weight"], before)


def test_the_net_saves_what_is_predicted() -> None:
    assert_exact(graph_of(LENET))
    assert_exact(graph_of(LENET.replace("fixed=true", "").replace("2x2", "2x2 mode=mean")))
    assert_exact(
        graph_of(LENET.replace("  output", "  freeze c1, s2, f6\n  output").replace("  expect params == 60_000", ""))
    )
