"""Holding a compiled module against a reference: state dict, outputs in eval mode, gradients in train mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def scramble(module: nn.Module, seed: int = 3) -> None:
    """Give every weight and statistic that begins as a constant values of its own.

    A fresh net hides what it computes: a class token of zeros, a layer scale of 1e-6, running statistics of 0 and 1.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.min() == parameter.max():
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        for buffer in module.buffers():
            if buffer.is_floating_point() and buffer.min() == buffer.max():
                buffer.add_(torch.rand(buffer.shape, generator=generator) * 0.5)


def computes_the_same(ours: nn.Module, theirs: nn.Module, x: Tensor, *, outputs: float, gradients: float) -> None:
    """Give ours the scrambled weights of theirs, under equal keys, and compare outputs and gradients.

    `outputs` is the tolerance of the outputs, absolute and relative; `gradients` the absolute one of the gradients.
    """
    scramble(theirs)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    results = [_outputs(module(x)) for module in (ours, theirs)]
    torch.testing.assert_close(*results, rtol=outputs, atol=outputs)
    for result in results:
        torch.stack([output.square().sum() for output in result]).sum().backward()
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], rtol=1e-8, atol=gradients)


def assert_equal_modules(ours: nn.Module, theirs: nn.Module, images: Tensor) -> None:
    """Strict load of their weights; then `torch.equal`, output by output and gradient by gradient."""
    ours.load_state_dict(theirs.state_dict(), strict=True)
    assert_equal_in_eval(ours, theirs, images)
    assert_equal_in_train(ours, theirs, images)


def assert_equal_in_eval(ours: nn.Module, theirs: nn.Module, images: Tensor) -> None:
    """Compare every output."""
    ours.eval()
    theirs.eval()
    with torch.no_grad():
        for mine, other in zip(_outputs(ours(images)), _outputs(theirs(images)), strict=True):
            assert other.isfinite().all()
            assert torch.equal(mine, other), "the outputs differ in eval mode"


def assert_equal_in_train(ours: nn.Module, theirs: nn.Module, images: Tensor) -> None:
    """Dropout is seeded alike; every output, parameter's gradient and running statistic is compared."""
    given: list[Sequence[Tensor]] = []
    for module in (ours, theirs):
        module.train()
        module.zero_grad()
        torch.manual_seed(7)
        given.append(_outputs(module(images)))
        torch.stack([output.square().sum() for output in given[-1]]).sum().backward()
    for mine, other in zip(*given, strict=True):
        assert torch.equal(mine, other), "the outputs differ in train mode"
    gradients = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        expected = gradients[name].grad
        assert parameter.grad is not None and expected is not None, name
        assert torch.equal(parameter.grad, expected), f"the gradients of {name} differ"
    buffers = dict(theirs.named_buffers())
    for name, buffer in ours.named_buffers():
        assert torch.equal(buffer, buffers[name]), f"{name} differs after a step in train mode"


def _outputs(result: Any) -> Sequence[Tensor]:
    """Return what a module gives, as a sequence: torchvision's named tuples may hold None."""
    outputs = result if isinstance(result, tuple) else (result,)
    return [output for output in outputs if output is not None]
