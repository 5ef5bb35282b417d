"""torch chooses between kernels that differ in layout or saved memory: each is named and has its law here.

Which of them runs hangs on the processor, on how torch was built, and on the sizes. The laws of the operators hold for
the kernels that are named here as told; for the other ones, what differs is held here.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn

from archlang.laws.calling import called
from archlang.laws.cases import read
from archlang.laws.keeping import storages, told_bytes
from archlang.ops.layouts import Laid

needs_onednn = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")


@pytest.fixture(params=[pytest.param(True, marks=needs_onednn), False], ids=["oneDNN", "without oneDNN"])
def onednn(request: pytest.FixtureRequest) -> Generator[bool]:
    """Yield whether oneDNN may compute."""
    wanted: bool = request.param
    was, *_ = torch.backends.mkldnn.set_flags(wanted)
    yield wanted
    torch.backends.mkldnn.set_flags(was)


def kernel_of(module: nn.Conv2d | nn.Conv3d, x: torch.Tensor) -> str:
    sides = x.ndim - 2
    select: Any = vars(torch)["_C"]._select_conv_backend  # it is private
    chosen = select(
        x, module.weight, module.bias, module.stride, [1] * sides, module.dilation, False, [0] * sides, module.groups
    )
    return str(chosen.name)


@pytest.mark.parametrize(("sides", "batch", "groups"), [*product((2, 3), (1, 2), (1, 2))])
def test_a_convolution_keeps_channels_innermost_except_in_torchs_own_over_three_sides(
    sides: int, batch: int, groups: int, onednn: bool
) -> None:
    """`Slow3d` lays out its result in order. It computes one image of one group, and all where there is no oneDNN."""
    case = read(f"conv [{', '.join('3' * sides)}] 4 pad=1 groups={groups}", "x".join(["4", *"6" * sides]))
    module = called(case)
    assert isinstance(module, nn.Conv2d | nn.Conv3d)
    last = torch.channels_last if sides == 2 else torch.channels_last_3d
    x = torch.rand(batch, 4, *[6] * sides).to(memory_format=last)
    kernel = kernel_of(module, x)
    assert kernel in (("Mkldnn", f"Slow{sides}d") if onednn else (f"Slow{sides}d",))
    y = module(x)
    assert y.is_contiguous(memory_format=torch.contiguous_format if kernel == "Slow3d" else last)
    told = case.op.strides(Laid(tuple(x.shape), case.types[0].axes, "float32", tuple(x.stride())))
    assert told is not None and (y.stride() == told[0]) == (kernel != "Slow3d")


def test_an_lstm_keeps_what_torchs_loop_keeps_and_onednn_a_workspace_of_its_own(onednn: bool) -> None:
    """Instead of the gates of each step, oneDNN saves one tensor, whose size is up to oneDNN."""
    case = read("lstm 5 layers=2", "4x3 n t c")
    module = nn.LSTM(3, 5, num_layers=2, batch_first=True)
    kept = storages(module, [torch.rand(2, 4, 3)])
    if onednn:
        assert kept
    else:
        assert sum(kept.values()) == told_bytes(case)
