"""The rules by which pools pad, against torch's pools over a border that is made before."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archlang.compiler import Net
from archlang.diagnostics import Diagnostic
from tests.specs import graph_of, net_of, wrong

SIZES = [(8, 9), (5, 6), (7, 4)]


def image(height: int = 8, width: int = 9) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def pooled(lines: str, x: Tensor) -> Tensor:
    module = Net(graph_of(net_of(lines, "x".join(map(str, x.shape[1:]))))).module()
    y: Any = module(x)
    assert isinstance(y, Tensor)
    return y


def bordered(x: Tensor, kernel: int, stride: int, upper: bool, value: float) -> Tensor:
    """Return the map with the least border that gives a window at every stride, an odd rest after or before."""
    borders: list[int] = []
    for size in (x.shape[3], x.shape[2]):
        missing = (-(-size // stride) - 1) * stride + kernel - size
        sides = [missing // 2, missing - missing // 2] if missing > 0 else [0, missing]
        borders += sides if upper or missing < 0 else sides[::-1]
    return nn.functional.pad(x, borders, value=value)


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("kernel, stride", [(3, 2), (2, 2), (5, 3), (4, 3), (3, 4), (4, 2)])
def test_a_window_stands_at_every_stride(kernel: int, stride: int, upper: bool) -> None:
    rule = f"{kernel}x{kernel}/{stride} pad=same_{'upper' if upper else 'lower'}"
    for height, width in SIZES:
        x = image(height, width)
        largest = nn.functional.max_pool2d(bordered(x, kernel, stride, upper, -torch.inf), kernel, stride)
        assert torch.equal(pooled(f"maxpool {rule}", x), largest)
        sums, shares = (
            nn.functional.avg_pool2d(bordered(y, kernel, stride, upper, 0), kernel, stride)
            for y in (x, torch.ones_like(x))
        )
        torch.testing.assert_close(pooled(f"avgpool {rule} count_include_pad=false", x), sums / shares)
        if not upper:
            torch.testing.assert_close(pooled(f"avgpool {rule}", x), sums)


def test_half_the_window_and_nothing() -> None:
    x = image()
    assert torch.equal(pooled("maxpool 3x5/2 pad=same", x), nn.functional.max_pool2d(x, (3, 5), 2, (1, 2)))
    assert torch.equal(pooled("avgpool 3x3/2 pad=valid", x), nn.functional.avg_pool2d(x, 3, 2))


def refusal(step: str) -> Diagnostic:
    (diagnostic,) = wrong(net_of(step, "3x8x9"))
    assert diagnostic.code == "pool-padding"
    return diagnostic


def cure(step: str) -> str:
    help = refusal(step).help
    assert help is not None
    return help.split("`")[1]


@pytest.mark.parametrize("kernel", [2, 4])
@pytest.mark.parametrize("rule", ["upper", "lower"])
def test_what_torch_cannot_pad_is_refused_with_a_cure(kernel: int, rule: str) -> None:
    x, step = image(), f"{kernel}x{kernel}/1 pad=same_{rule}"
    wanted = nn.functional.max_pool2d(bordered(x, kernel, 1, rule == "upper", -torch.inf), kernel, 1)
    assert torch.equal(pooled(cure(f"maxpool {step}"), x), wanted)
    sums = nn.functional.avg_pool2d(bordered(x, kernel, 1, rule == "upper", 0), kernel, 1)
    assert torch.equal(pooled(cure(f"avgpool {step}"), x), sums)


def test_zeros_at_the_end_are_not_counted_by_torch() -> None:
    x = image()
    wanted = nn.functional.avg_pool2d(bordered(x, 3, 2, True, 0), 3, 2)
    assert torch.equal(pooled(cure("avgpool 3x3/2 pad=same_upper"), x), wanted)


def test_ceil_adds_nothing_beside_a_rule() -> None:
    assert "`ceil=true` can add none" in refusal("maxpool 3x3/2 pad=same_upper ceil=true").message


def test_one_module_serves_the_sizes_at_which_it_pads_alike() -> None:
    """The border of an even map is another than that of an odd one, and torch is called in another way."""
    text = "net n {\n input x: [3, H=8, W=9]\n maxpool 3x3/2 pad=same_upper\n output\n}"
    module = Net(graph_of(text)).module()
    x = image(12, 5)
    assert torch.equal(module(x), nn.functional.max_pool2d(bordered(x, 3, 2, True, -torch.inf), 3, 2))
    with pytest.raises(ValueError, match="% 2 == 0"):
        module(image(9, 9))
