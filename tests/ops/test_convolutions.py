"""Convolutions against the sum that each is: padding of every kind, no sharing, tiles, LeNet-5's connection table."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archlang.compiler import Net, check, load
from archlang.facts.receptive import receptive_fields
from archlang.facts.work import work
from archlang.laws.calling import called, inputs_of
from archlang.laws.cases import Case, read, rejection
from archlang.laws.seeing import influence
from archlang.ops.convolution import Conv
from archlang.ops.local_convolution import LocallyConnected
from archlang.ops.table_convolution import TableConv
from archlang.ops.tiled_convolution import TiledConv
from archlang.ops.windows import Geometry
from archlang.shapes import input_type
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of, net_of

Place = tuple[int, ...]
Kernel = Callable[[int, Place], tuple[torch.Tensor, torch.Tensor | float]]


def module_of(case: Case) -> nn.Module:
    module = called(case)
    assert isinstance(module, nn.Module)
    return module


def geometry_of(case: Case) -> Geometry:
    """Return the geometry of the window as the formulas of the docstring get it."""
    told = case.op.symbols(*case.types)
    k, stride, dilation, before, after = (told[name] for name in ("k", "stride", "dilation", "before", "after"))
    sides = [value for value in (k, stride, before, dilation, after) if isinstance(value, tuple)]
    return Geometry(sides[0], sides[1], sides[2], sides[3], after=sides[4])


def by_hand(x: torch.Tensor, case: Case, kernel: Kernel) -> torch.Tensor:
    """Return the sum at each position of each output map; `kernel` gives its weights (c, k, k) and bias."""
    geometry = geometry_of(case)
    images = x.movedim(0, -1)  # so that a place has only whole numbers
    y = torch.zeros(*case.op.outputs(*case.types)[0].shape[1:], x.shape[0])
    places = list(product(*map(range, y.shape[:-1])))
    for place in places:
        position = place[1:]
        weight, bias = kernel(place[0], position)
        total = torch.zeros(x.shape[0]) + bias
        inner = list(product(*map(range, weight.shape)))
        for inside in inner:
            moves = zip(position, geometry.stride, geometry.borders, inside[1:], geometry.dilation, strict=True)
            at = [p * s - before + i * d for p, s, (before, _), i, d in moves]
            if all(0 <= a < size for a, size in zip(at, x.shape[2:], strict=True)):
                total += weight[inside] * images[(inside[0], *at)]
        y[place] = total
    return y.movedim(-1, 0)


def assert_is_the_sum(case: Case, kernel: Callable[[nn.Module], Kernel]) -> None:
    module = module_of(case)
    (x,) = (x.detach() for x in inputs_of(case))
    with torch.no_grad():
        assert torch.allclose(module(x), by_hand(x, case, kernel(module)), atol=1e-5)


def own(value: object) -> torch.Tensor:
    assert isinstance(value, torch.Tensor)
    return value


# ---- padding -------------------------------------------------------------------------------------------------------

PADDED = [
    ("conv 3x3/2 4 pad=same_upper", "2x8x9"),
    ("conv 3x3/2 4 pad=same_lower", "2x8x9"),
    ("conv 4x2 4 pad=same_upper", "2x5x6"),
    ("conv [6]/5 1 pad=same_upper", "1x13"),
    ("conv [2] 3 pad=causal dilation=3", "2x9"),
    ("conv 3x2 3 pad=[[2, 0], 1] dilation=2", "2x6x5"),
    ("conv 2x1x3 3 pad=[1, [0, 2], [3, 1]]", "2x2x3x3"),
    ("conv 3x3 3 pad=valid", "2x4x4"),
]


@pytest.mark.parametrize("step, shape", PADDED)
def test_padding_is_the_sum(step: str, shape: str) -> None:
    def kernel(module: nn.Module) -> Kernel:
        return lambda out, _: (own(module.weight)[out], own(module.bias)[out])

    assert_is_the_sum(read(step, shape), kernel)


def borders(step: str, shape: str) -> tuple[tuple[int, int], ...]:
    return geometry_of(read(step, shape)).borders


def test_the_padding_of_each_name() -> None:
    # width 13, filter 6, stride 5: TensorFlow's documentation puts one zero before and two after
    assert borders("conv [6]/5 1 pad=same_upper", "1x13") == ((1, 2),)
    assert borders("conv [6]/5 1 pad=same_lower", "1x13") == ((2, 1),)
    assert borders("conv 3x3/2 1 pad=same_upper", "1x224x225") == ((0, 1), (1, 1))
    assert borders("conv 1x1/2 1 pad=same_upper", "1x8x8") == ((0, 0), (0, 0))
    assert borders("conv 3x3/2 1 pad=same", "1x224x225") == ((1, 1), (1, 1))
    assert borders("conv [2] 1 pad=causal dilation=512", "1x16") == ((512, 0),)
    assert borders("conv 5x5 1 pad=valid", "1x8x8") == ((0, 0), (0, 0))


def test_the_lectures_valid_and_same() -> None:
    assert [
        read(f"conv [6]/5 1 pad={name}", "1x13").op.outputs(input_type((1, 13)))[0]["t"]
        for name in ("valid", "same_upper")
    ] == [2, 3]


@pytest.mark.parametrize("kernel, dilation", list(product((1, 2, 3, 4), (1, 2, 3))))
def test_at_stride_1_same_upper_is_what_torch_calls_same(kernel: int, dilation: int) -> None:
    case = read(f"conv {kernel}x{kernel} 4 pad=same_upper dilation={dilation}", "3x9x8")
    theirs = nn.Conv2d(3, 4, kernel, padding="same", dilation=dilation)
    ours = module_of(case)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    (x,) = inputs_of(case)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")
        assert torch.equal(ours(x), theirs(x))


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_uneven_padding_is_a_border_before_a_convolution(mode: str) -> None:
    given = "" if mode == "zeros" else f"mode={mode}"
    case = read(f"conv 3x2/2 4 pad=[[2, 1], [0, 3]] groups=2 {given and 'padding_'}{given}", "2x7x6")
    border = called(read(f"pad before=[2, 0] after=[1, 3] {given}", "2x7x6"))
    inner = nn.Conv2d(2, 4, (3, 2), stride=2, groups=2)
    module = module_of(case)
    module.load_state_dict(inner.state_dict(), strict=True)
    (x,) = inputs_of(case)
    ours, theirs = module(x), inner(border(x))
    assert torch.equal(ours, theirs)
    gradients = [torch.autograd.grad(y.square().sum(), x)[0] for y in (ours, theirs)]
    assert torch.equal(*gradients)


def test_even_padding_is_torchs_own_module() -> None:
    for step in ("conv 3x3 4 pad=[[1, 1], 1]", "conv 3x3/2 4 pad=same_upper", "conv 3x3 4 pad=valid"):
        case = read(step, "3x9x9")
        assert type(called(case)) is nn.Conv2d
    assert type(called(read("conv [2] 4 pad=causal", "3x9"))).__name__ == "PaddedConv1d"


def test_a_causal_convolution_sees_nothing_ahead() -> None:
    case = read("conv [2] 3 pad=causal dilation=2", "2x8")
    assert influence(case, 0, "t") == [{at - 2, at} & set(range(8)) for at in range(8)]
    stack = graph_of(net_of("\n".join(f"conv [2] 2 pad=causal dilation={2**i}" for i in range(4)), "2x40"))
    (path,) = list(receptive_fields(stack).values())[-1].paths["t"]
    assert (path.size, path.stride, path.pad) == (16, 1, 15)


def said(op: Conv | LocallyConnected | TiledConv | TableConv, *shape: int) -> tuple[str, str, str | None]:
    found = rejection(op, input_type(shape))
    return found.code, found.message, found.help


def test_padding_that_is_refused() -> None:
    three = Conv(kernel=(3, 3), out=2, pad=((1, 2, 3), 1))
    message = "along one axis `pad` must be one number or two, before and after, not [1, 2, 3]"
    assert said(three, 1, 8, 8) == ("sides-differ", message, None)
    causal = Conv(kernel=(3, 3), out=2, pad="causal")
    assert said(causal, 1, 8, 8) == ("window-rank", "pad=causal is for sequences, but the window has 2 sides", None)
    wide = Conv(kernel=(3, 3), out=2, pad=((0, 4), 1), padding_mode="reflect")
    assert said(wide, 1, 4, 4)[1] == "reflect padding of 1x4x4 must be at most 3 along h, not 4"
    large = Conv(kernel=(9, 1), out=2, pad=((1, 2), 0))
    message = "the kernel covers 9 positions along h, but the input 1x4x4 has 4 + 3 of padding"
    help = "a kernel of 7x1 fits this input; pad=[3, 0] makes room for this one"
    assert said(large, 1, 4, 4) == ("kernel-too-large", message, help)


def test_an_open_size_keeps_one_module_where_the_border_stays(tmp_path: Path) -> None:
    """At stride 2 the border is uneven only at even sizes, which need another module."""
    path = tmp_path / "net.arch"
    path.write_text("net n { input x: [1, W=8]; conv [3]/2 2 pad=same_upper; output }")
    width = load(str(path)).sizes({"W": range(1, 17)})["W"]
    assert width.right == [2, 4, 6, 8, 10, 12, 14, 16]
    path.write_text("net n { input x: [1, W=8]; locally_connected [3] 2; output }")
    assert load(str(path)).sizes({"W": range(1, 17)})["W"].right == [8]


# ---- weights that are not shared, or in turns ----------------------------------------------------------------------

LOCAL = [
    ("locally_connected 3x2 3", "2x5x4"),
    ("locally_connected 3x2/2x1 3 pad=[[0, 1], 1] dilation=2 bias=false", "2x7x4"),
    ("locally_connected [3]/2 4 pad=same", "3x8"),
    ("locally_connected 2x1x2 2 pad=1", "2x2x2x3"),
]


@pytest.mark.parametrize("step, shape", LOCAL)
def test_a_locally_connected_layer_is_the_sum(step: str, shape: str) -> None:
    def kernel(module: nn.Module) -> Kernel:
        weight, bias = own(module.weight), module.bias
        return lambda out, at: (weight[(*at, out)], bias[(out, *at)] if isinstance(bias, torch.Tensor) else 0.0)

    assert_is_the_sum(read(step, shape), kernel)


TILED = [
    ("tiled_conv 3x2 3 tile=2", "2x6x5"),
    ("tiled_conv 2x2/2x1 3 tile=[2, 3] pad=[[0, 1], 1] bias=false", "2x7x6"),
    ("tiled_conv [3]/2 4 tile=3 pad=same dilation=2", "3x11"),
    ("tiled_conv 2x1x2 2 tile=2 pad=1", "2x2x2x3"),
]


@pytest.mark.parametrize("step, shape", TILED)
def test_a_tiled_convolution_is_the_sum(step: str, shape: str) -> None:
    case = read(step, shape)
    tile = case.op.symbols(*case.types)["tile"]
    assert isinstance(tile, tuple)

    def kernel(module: nn.Module) -> Kernel:
        def of(out: int, at: Place) -> tuple[torch.Tensor, torch.Tensor | float]:
            turn = tuple(position % count for position, count in zip(at, tile, strict=True))
            bias = module.bias
            return own(module.weight)[(*turn, out)], bias[(*turn, out)] if isinstance(bias, torch.Tensor) else 0.0

        return of

    assert_is_the_sum(case, kernel)


def test_shared_weights_make_a_convolution_of_both() -> None:
    conv = nn.Conv2d(2, 3, 3, stride=2, padding=1)
    x = torch.randn(2, 2, 7, 9)
    for step in (
        "locally_connected 3x3/2 3 pad=1",
        "tiled_conv 3x3/2 3 tile=1 pad=1",
        "tiled_conv 3x3/2 3 tile=4 pad=1",
    ):
        module = module_of(read(step, "2x7x9"))
        with torch.no_grad():
            own(module.weight).copy_(conv.weight)
            shared = conv.bias if "tiled" in step else own(conv.bias)[:, None, None]
            own(module.bias).copy_(own(shared))
        assert torch.allclose(module(x), conv(x), atol=1e-6)


def test_a_tile_of_all_positions_shares_nothing() -> None:
    local = read("locally_connected 3x3 4", "2x5x6")
    tiled = read("tiled_conv 3x3 4 tile=[3, 4]", "2x5x6")
    one, other = module_of(local), module_of(tiled)
    with torch.no_grad():
        own(other.weight).copy_(own(one.weight))
        own(other.bias).copy_(own(one.bias).permute(1, 2, 0))
    x = torch.randn(2, 2, 5, 6)
    assert torch.allclose(one(x), other(x), atol=1e-6)
    assert local.op.params(*local.types) == tiled.op.params(*tiled.types)


def test_a_tile_has_a_turn_for_each_kernel() -> None:
    message = "`tile` 4 needs 4 positions along w, but there are 3"
    assert said(TiledConv(kernel=(3, 3), out=2, tile=4), 1, 6, 5) == ("out-of-range", message, None)


def test_the_lectures_locally_connected_layer() -> None:
    """200x200, 40,000 hidden units with fields of 10x10: 4,000,000 weights; shared by 100 maps, 10,000."""
    local = read("locally_connected 10x10 1 pad=same_upper bias=false", "1x200x200")
    assert local.op.outputs(*local.types)[0].values == 40_000
    assert local.op.params(*local.types) == local.op.work(*local.types).macs == 4_000_000
    shared = read("conv 10x10 100 pad=same_upper bias=false", "1x200x200")
    assert shared.op.params(*shared.types) == 10_000


# ---- LeNet-5's C3 --------------------------------------------------------------------------------------------------

C3 = """
let threes = [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 0], [5, 0, 1]]
let fours = [[0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 0], [4, 5, 0, 1], [5, 0, 1, 2]]
let gapped = [[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5]]

net lenet_c3 {
  input s2: 6x14x14
  c3: table_conv 5x5 connections=(threes + fours + gapped + [[0, 1, 2, 3, 4, 5]])
  output
  expect c3 == 16x10x10
  expect c3.params == 1_516
  expect macs == 150_000
  expect bias_adds == 1_600
}
"""


def test_c3_is_as_the_paper_has_it(tmp_path: Path) -> None:
    (tmp_path / "c3.arch").write_text(C3)
    found = check(str(tmp_path / "c3.arch"))
    assert found.graphs and not found.diagnostics, found.rendered()
    told = work(found.graphs[0])
    assert told.macs + told.bias_adds == 151_600  # connections


def c3() -> tuple[TableConv, nn.Module]:
    (layer,) = graph_of(C3).flat()
    assert isinstance(layer.op, TableConv)
    return layer.op, Net(graph_of(C3)).module(seed=0)


def test_c3_is_a_full_convolution_with_zeros_in_its_gaps() -> None:
    op, module = c3()
    full = nn.Conv2d(6, 16, 5)
    kernels = iter(own(module.state_dict()["c3.weight"]))
    with torch.no_grad():
        full.weight.zero_()
        own(full.bias).copy_(module.state_dict()["c3.bias"])
        for out, seen in enumerate(op.connections):
            for number in seen:
                full.weight[out, number] = next(kernels)
    assert next(kernels, None) is None
    x = torch.randn(2, 6, 14, 14)
    assert torch.allclose(module(x), full(x), atol=1e-5)
    weight = dict(module.named_parameters())["c3.weight"]
    module(x).square().sum().backward()
    full(x).square().sum().backward()
    there = [(out, number) for out, seen in enumerate(op.connections) for number in seen]
    expected = torch.stack([own(full.weight.grad)[pair] for pair in there])
    assert torch.allclose(own(weight.grad), expected, rtol=1e-4, atol=1e-3)


def test_c3_counts_what_is_connected_in_both_passes() -> None:
    """torch's counter is right here: the module convolves what is connected, and nothing else."""
    _, module = c3()
    x = torch.randn(1, 6, 14, 14, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        module(x).sum().backward()
    assert counter.get_total_flops() == 2 * 3 * 150_000


def test_weights_are_drawn_by_what_a_unit_sees() -> None:
    op, module = c3()
    kernels = own(module.state_dict()["c3.weight"]).split([len(seen) for seen in op.connections])
    for seen, drawn in zip(op.connections, kernels, strict=True):
        bound = (len(seen) * 25) ** -0.5
        assert 0.8 * bound < drawn.abs().max() <= bound
    assert not own(module.state_dict()["c3.bias"]).eq(0).any()
    for step in ("locally_connected 5x5 4", "tiled_conv 5x5 8 tile=4"):
        for drawn in module_of(read(step, "6x14x14")).state_dict().values():
            assert 0.9 * 150**-0.5 < drawn.abs().max() <= 150**-0.5


def test_tables_that_are_refused() -> None:
    def table(*connections: tuple[int, ...]) -> TableConv:
        return TableConv(kernel=(3, 3), connections=connections)

    empty = "each output map of table_conv sees one input map at least, but `connections` has an empty list"
    assert said(table((0, 1), ()), 3, 8, 8) == ("empty-output", empty, None)
    assert said(table(), 3, 8, 8)[0] == "empty-output"
    beyond = "3x8x8 has 3 maps, counted from 0, but `connections` names map 3"
    assert said(table((0, 1), (2, 3)), 3, 8, 8) == ("no-such-position", beyond, None)


# ---- inside nets ---------------------------------------------------------------------------------------------------

NETS = [
    (
        """conv 3x3/2 8 pad=same_upper -> relu -> locally_connected 3x3 4 pad=1 -> tiled_conv 3x3 6 tile=2
        relu -> table_conv 2x2 connections=[[0, 1, 2], [3, 4], [5]] bias=false -> flatten -> linear 3""",
        "3x12x12",
    ),
    ("conv [2] 4 pad=causal -> locally_connected [1] 4 -> tiled_conv [2] 4 tile=2 pad=causal -> relu", "3x9"),
    (
        "conv 2x2x2 4 pad=same_lower -> table_conv 2x1x1 connections=[[0, 3], [1]] -> locally_connected 1x2x2 2",
        "2x4x4x4",
    ),
    ('permute "n t c" -> permute "n c t" -> locally_connected [2]/2 4 -> locally_connected [1] 2', "3x8"),
]


@pytest.mark.parametrize("body, input", NETS)
def test_nets_save_what_is_predicted(body: str, input: str) -> None:
    assert_exact(graph_of(net_of(body, input)))


def test_the_keys_are_those_of_a_convolution() -> None:
    module = Net(graph_of(net_of(NETS[0][0], NETS[0][1]))).module(seed=0)
    state = module.state_dict()
    assert {key: tuple(value.shape) for key, value in state.items() if key[0] in "0235"} == {
        "0.weight": (8, 3, 3, 3), "0.bias": (8,),
        "2.weight": (6, 6, 4, 8, 3, 3), "2.bias": (4, 6, 6),
        "3.weight": (2, 2, 6, 4, 3, 3), "3.bias": (2, 2, 6),
        "5.weight": (6, 2, 2),
    }  # fmt: skip


def test_blocks_with_other_borders_share_a_class(tmp_path: Path) -> None:
    text = """
    block down(width) { conv 3x3/2 width pad=same_upper -> relu -> tiled_conv 3x3 width tile=2 pad=same }
    net n { input x: 3x32x32; down 4; down 8; down 6; output }
    """
    (tmp_path / "net.arch").write_text(text)
    net = load(str(tmp_path / "net.arch"))
    assert net.source().count("class Down") == 1
    assert net.module()(torch.randn(2, 3, 32, 32)).shape == (2, 6, 4, 4)
