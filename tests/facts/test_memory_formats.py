"""A net in channels_last: outputs of the emitted module, strides, saved tensors and peaks, compared with torch."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archlang.compiler import Net, load
from archlang.facts.memory import Setup, memory
from archlang.facts.memory.forward import Forward
from archlang.facts.memory.heap import Heap
from archlang.facts.memory.operations import Operations
from archlang.facts.memory.setup import MODES
from archlang.facts.memory.values import Operators
from archlang.facts.saved import saved
from archlang.ir import Graph
from archlang.laws.keeping import storages
from archlang.ops.layouts import MemoryFormat, Strides
from archlang.program import program_of
from archlang.program.passes import in_memory_format
from tests.allocator import images, inference, training
from tests.facts.test_memory import BATCH, BODIES, SCALARS
from tests.specs import graph_of, net_of

FORMAT: MemoryFormat = "channels_last"
MORE = {
    "a map made of a vector": "flatten -> linear 64 -> reshape 4x4x4 -> deconv 4x4/2 8 pad=1 -> batchnorm -> relu\n"
    "deconv 4x4/2 3 pad=1 -> tanh",
    "a parameter that is a map": "param place: [1, 8, 16, 16] init=normal\n conv 1x1 8 -> x: it\n"
    "(x, place) -> add -> relu -> conv 3x3 8 pad=1 -> flatten -> linear 3",
    "a buffer that is a map": "buffer mask: [1, 1, 16, 16] init=ones\n conv 1x1 8 -> x: it\n (x, mask) -> mul -> relu",
    "single channels": "conv 3x3 1 pad=1 -> relu -> conv 3x3 8 pad=1 groups=1 -> conv 1x1 8 groups=8 -> flatten",
    "depthwise": "conv 1x1 8 -> conv 3x3 8 pad=1 groups=8 -> batchnorm -> relu6 -> conv 1x1 4 -> flatten -> linear 3",
    "own weights everywhere": "locally_connected 3x3 4 -> tiled_conv 3x3 4 tile=2 -> relu",
    "tied and frozen": "a: conv 3x3 4 pad=1 -> relu -> b: conv 3x3 4 pad=1 weight=a.weight -> flatten -> linear 2\n"
    "freeze a",
    "windows": 'conv 4x4/4 16 -> permute "n h w c" -> layernorm -> cosine_window_attention 2x2 4 shift=1\n'
    'layernorm -> permute "n c h w" -> globalavgpool -> flatten -> linear 3',
    "tokens": 'conv 4x4/4 16 -> reshape 16x16 -> permute "n t c" -> attention 4 -> layernorm -> linear 3',
    "the input itself": "conv 1x1 4 -> x: it\n (image, x) -> add",
}
ALL = BODIES | MORE


def by_hand(plain: nn.Module, inputs: list[Tensor]) -> tuple[nn.Module, list[Tensor]]:
    """Return the module and the inputs in the format, as a user of torch converts them."""
    module: Any = copy.deepcopy(plain)  # torch does not annotate the argument
    module.to(memory_format=torch.channels_last)
    return module, [x.to(memory_format=torch.channels_last) if x.ndim == 4 else x for x in inputs]


def several(given: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (given,) if isinstance(given, Tensor) else given


def told_strides(graph: Graph, batch: int, mode: str) -> list[Strides]:
    setup = Setup(batch, mode="inference" if mode == "inference" else "training")
    program = in_memory_format(program_of(graph), FORMAT)
    operations = Operations(setup, Heap(), Operators(setup, FORMAT))
    operations.heap.begin("forward", "", "input")
    return [one.type.strides for one in Forward(program, operations).run()]


def lying(shape: tuple[int, ...], strides: Strides) -> list[int | None]:
    """Return the strides without those of axes of size 1, which say nothing."""
    return [None if size == 1 else stride for size, stride in zip(shape, strides, strict=True)]


def assert_as_torch(graph: Graph, mode: str, batch: int = BATCH) -> None:
    """Check that values and strides are those of the plain module, converted by hand."""
    plain, made = Net(graph).module(0), Net(graph).module(0, memory_format=FORMAT)
    theirs, given = by_hand(plain.train(mode == "training"), images(graph, batch))
    torch.manual_seed(0)
    wanted = several(theirs(*given))
    torch.manual_seed(0)
    found = several(made.train(mode == "training")(*images_like(given)))
    assert all(map(torch.equal, found, wanted))
    assert [x.stride() for x in found] == [x.stride() for x in wanted]
    for y, strides in zip(found, told_strides(graph, batch, mode), strict=True):
        assert lying(y.shape, y.stride()) == lying(y.shape, strides)


def images_like(given: list[Tensor]) -> list[Tensor]:
    return [x.contiguous() for x in given]


def assert_peak(graph: Graph, mode: str, batch: int = BATCH) -> None:
    module, inputs = Net(graph).module(0, memory_format=FORMAT), images(graph, batch)
    measured = inference(module, inputs) if mode == "inference" else training(graph, module, inputs, "momentum")
    told = memory(graph, Setup(batch, mode="inference" if mode == "inference" else "training", memory_format=FORMAT))
    assert told.peak_bytes <= measured.peak_bytes + SCALARS
    assert told.untold or told.peak_bytes >= measured.peak_bytes - SCALARS


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ALL)
def test_values_and_strides_are_torchs(name: str, mode: str) -> None:
    assert_as_torch(graph_of(net_of(ALL[name], "4x16x16")), mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ALL)
def test_the_peak_is_torchs(name: str, mode: str) -> None:
    assert_peak(graph_of(net_of(ALL[name], "4x16x16")), mode)


@pytest.mark.parametrize("name", ALL)
def test_the_saved_bytes_are_torchs(name: str) -> None:
    graph = graph_of(net_of(ALL[name], "4x16x16"))
    module = Net(graph).module(0, memory_format=FORMAT)
    found = storages(module.train(), images(graph, BATCH))
    told = saved(graph, BATCH, memory_format=FORMAT)
    assert told.bytes == sum(found.values())


@pytest.mark.parametrize("name", ALL)
def test_in_float64_the_result_is_that_of_the_plain_module(name: str) -> None:
    graph = graph_of(net_of(ALL[name], "4x16x16"))
    inputs = [x.double() for x in images(graph, 2)]
    plain, made = Net(graph).module(0), Net(graph).module(0, memory_format=FORMAT)
    for one, other in zip(*(several(net.double().eval()(*inputs)) for net in (plain, made)), strict=True):
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.sweep
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "net", ["resnet18", "densenet121", "mobilenet_v3_small", "shufflenet_v2_x0_5", "convnext_tiny"]
)
def test_a_shipped_net(net: str, mode: str) -> None:
    assert_as_torch(load(net).graph, mode, 2)
    assert_peak(load(net).graph, mode, 2)
