"""Taps: what a part of a module computed and the gradient that came back, against torch's own autograd."""

from __future__ import annotations

import pytest
import torch

import archlang

SPEC = """
net tapped {
  input image: 2x8x8
  stem: { conv 3x3 4 pad=1 -> relu }
  body: residual { conv 3x3 4 pad=1 } shortcut { }
  twin: conv 1x1 4 -> reuse twin
  pooled: globalavgpool -> flatten
  fc: linear 3
  output
}
"""


def image() -> torch.Tensor:
    return torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(4))


def test_activation_and_gradient() -> None:
    module = archlang.loads(SPEC).module(seed=0)
    source = archlang.loads(SPEC).source()
    with archlang.tap(module, "pooled") as pooled, archlang.tap(module, "stem") as stem:
        assert (pooled.activation, pooled.gradient) == (None, None)
        result = module(image())
        assert pooled.gradients == [None]
        result[:, 1].sum().backward()
    weight = module.get_parameter("fc.weight")
    assert torch.equal(pooled.activation.flatten(1) @ weight.T + module.get_parameter("fc.bias"), result)
    assert torch.equal(pooled.gradient.flatten(1), weight[1].expand(2, 4))
    kernel, bias = module.get_parameter("stem.0.weight"), module.get_parameter("stem.0.bias")
    given = torch.nn.functional.conv2d(image(), kernel, bias, padding=1)
    assert torch.equal(stem.activation, given.relu())
    module(image())
    assert len(pooled.activations) == 1, "the tap is closed"
    assert archlang.loads(SPEC).source() == source


def test_each_call_of_a_part_that_is_applied_again() -> None:
    module = archlang.loads(SPEC).module(seed=0)
    seen = archlang.tap(module, "twin")
    module(image()).sum().backward()
    seen.remove()
    first, second = seen.activations
    assert torch.equal(module.get_submodule("twin")(first), second) and seen.activation is second
    weight = module.get_parameter("twin.weight")[:, :, 0, 0]
    before = torch.einsum("nohw,oi->nihw", seen.gradients[1], weight)
    assert torch.allclose(seen.gradients[0], before, atol=1e-7)


def test_a_later_step_in_place_does_not_change_what_was_seen() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.ReLU(inplace=True))
    with archlang.tap(module, "0") as seen:
        module(image()).sum().backward()
    given = module[0](image())
    assert torch.equal(seen.activation, given) and (seen.activation < 0).any()
    assert torch.equal(seen.gradient, (given > 0).float())


def test_a_part_with_several_results() -> None:
    module = torch.nn.Sequential(torch.nn.LSTM(3, 4))
    steps = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(4))
    with archlang.tap(module, "0") as seen:
        output, (hidden, _) = module(steps)
        hidden.sum().backward()
    assert torch.equal(seen.activation[0], output) and torch.equal(seen.activation[1], hidden)
    assert seen.gradient[0] is None and torch.equal(seen.gradient[1], torch.ones_like(hidden))


def test_no_such_part() -> None:
    module = archlang.loads(SPEC).module(seed=0)
    with pytest.raises(archlang.CallError, match=r"Tapped has no part 'stem\.O'; did you mean 'stem\.[01]'"):
        archlang.tap(module, "stem.O")
    with pytest.raises(archlang.CallError, match="has no part 'globalpool'"):
        archlang.tap(module, "globalpool")
