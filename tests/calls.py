"""What torch allocates while it runs one operator: the bytes alive from call to call, by its profiler.

A call is an operator of ATen, or in the backward pass a node of autograd's graph. What one call allocates and frees by
itself is its scratch, which is left out, and so are tensors of one number, which torch makes of Python's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from archlang.ops.base import GradientPlace
from tests.allocator import peaks, recorded
from tests.cases import Case
from tests.laws import called, tensors

BATCH = 3
ONE_NUMBER = 8  # bytes at most


def counted(size: int) -> int:
    """The bytes of a tensor, 0 where it may be one number."""
    return size if size > ONE_NUMBER else 0


def most_alive(run: Callable[[], object]) -> int:
    """The most bytes alive at once of what a function allocates. It is run once before, so that all is loaded."""
    run()
    with recorded() as events:
        given = run()
    del given
    return peaks((event for event in events if counted(abs(event.bytes))), before=0).peak_bytes


def inputs_of(case: Case) -> list[torch.Tensor]:
    """Random inputs of three images, which require no gradient."""
    return [x.detach() for x in tensors(case.types, BATCH, case.below)]


def forward_bytes(case: Case, inputs: Sequence[torch.Tensor], training: bool) -> int:
    """The most bytes alive during a forward pass, besides the inputs."""
    module = called(case)
    if isinstance(module, torch.nn.Module):
        module.train(training)
    given = [x.clone().requires_grad_(training and x.is_floating_point()) for x in inputs]

    def run() -> object:
        with torch.set_grad_enabled(training):
            return module(*given)

    return most_alive(run)


class Backward:
    """A backward pass through one operator, from a gradient of ones of its first output that has one."""

    def __init__(self, case: Case, inputs: Sequence[torch.Tensor]) -> None:
        self.module = called(case)
        self.weights: list[torch.Tensor] = []
        if isinstance(self.module, torch.nn.Module):
            self.weights = [x for x in self.module.train().parameters() if x.requires_grad]
        self.inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
        self.wanted = [x for x in self.inputs if x.requires_grad]
        self.exists = self._result() is not None

    def _result(self) -> torch.Tensor | None:
        given = self.module(*self.inputs)
        several: Sequence[torch.Tensor] = (given,) if isinstance(given, torch.Tensor) else given
        return next((y for y in several if y.requires_grad), None)

    def places(self) -> list[GradientPlace]:
        """Where the gradient of each float input is allocated; `new` of one that is summed up first as well."""
        y = self._result()
        if not self.wanted:
            return []
        assert y is not None
        entering = torch.ones_like(y)
        found: Sequence[torch.Tensor | None] = torch.autograd.grad(y, self.wanted, entering, allow_unused=True)
        storages = [None if x is None else x.untyped_storage().data_ptr() for x in found]
        held = entering.untyped_storage().data_ptr()
        return [
            "new" if x is None
            else ("whole" if _is_dense(x) and x.numel() == entering.numel() else "part") if storage == held
            else "shared" if storages.count(storage) > 1
            else "new"
            for x, storage in zip(found, storages, strict=True)
        ]  # fmt: skip

    def bytes(self) -> int:
        """The most bytes alive during the pass, besides what was alive before."""
        results = [self._result(), self._result()]
        assert results[0] is not None
        entering = torch.ones_like(results[0])

        def run() -> object:
            y = results.pop()
            assert y is not None
            return torch.autograd.grad(y, [*self.wanted, *self.weights], entering, allow_unused=True)

        return most_alive(run)


def _is_dense(x: torch.Tensor) -> bool:
    """Whether the values leave no gap in memory, in whatever order of the axes."""
    order = sorted(range(x.ndim), key=lambda axis: (x.stride(axis), x.shape[axis]), reverse=True)
    return x.permute(order).is_contiguous()
