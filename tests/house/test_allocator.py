"""The measurement of memory itself: known allocations are found, whatever was allocated, freed or left before."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from archlang.laws.allocator import Measured, peaks, recorded
from tests.allocator import inference

KIB = 1024
Step = Callable[[], object]


def floats(kib: int) -> Tensor:
    return torch.empty(kib * KIB // 4)


def measured(step: Step) -> Measured:
    with recorded() as events:
        left = step()
    del left
    return peaks(events, 0)


def steps() -> object:
    """Allocate 3 KiB, 4 more while these live, and 6 more when the 3 are freed: 10 KiB at most."""
    first = floats(3)
    second = floats(4)
    del first
    third = floats(6)
    return second, third


class Knot:
    """A tensor in a cycle of references, which only the garbage collector frees."""

    def __init__(self, kib: int) -> None:
        self.held = floats(kib)
        self.itself = self


@pytest.fixture(autouse=True)
def _by_hand() -> Generator[None]:
    """Let the garbage collector run only when a test says so."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_known_allocations_are_found() -> None:
    assert measured(steps) == Measured(10 * KIB, 10 * KIB)


def test_what_one_call_allocates_and_frees_is_its_scratch() -> None:
    """The logarithm of a sum of exponentials is one number, of as many exponentials as there are values."""
    x = floats(4)
    found = measured(lambda: x.logsumexp(0))
    assert found.peak_bytes == 4
    assert 4 * KIB < found.with_scratch_bytes < 5 * KIB


def test_it_does_not_matter_what_was_allocated_before() -> None:
    held = [floats(kib) for kib in range(1, 50)]
    assert measured(steps) == Measured(10 * KIB, 10 * KIB)
    del held
    assert measured(steps) == Measured(10 * KIB, 10 * KIB)


def test_it_does_not_matter_what_is_freed_meanwhile() -> None:
    with recorded():  # the profiler reports a free only if it saw the allocation
        held = [floats(50), floats(60)]

    def freeing() -> object:
        held.pop()
        first = steps()
        held.pop()
        return first

    assert measured(freeing) == Measured(10 * KIB, 10 * KIB)


def test_garbage_of_before_does_not_matter() -> None:
    """It may stay uncollected, or be collected in the middle of the step."""
    with recorded():
        Knot(50)
    assert measured(steps) == Measured(10 * KIB, 10 * KIB)
    with recorded():
        knots = [Knot(50)]

    def collecting() -> object:
        knots.clear()
        gc.collect()
        return steps()

    assert measured(collecting) == Measured(10 * KIB, 10 * KIB)


def test_garbage_of_the_step_lives_to_its_end() -> None:
    def leaving() -> object:
        Knot(5)
        _ = [[] for _ in range(1_000)]  # enough for the collector to run
        return steps()

    gc.enable()
    gc.set_threshold(1)
    try:
        found = measured(leaving)
        assert gc.isenabled()
    finally:
        gc.set_threshold(700)
    assert found == Measured(15 * KIB, 15 * KIB)


class Wrapped(nn.Module):
    """A module in a cycle of references, as one is whose forward pass is replaced; its second call collects others."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(floats(8))
        self.forward: Any = self.twice
        self.calls = 0

    def twice(self, x: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == 2:
            gc.collect()
        return x * self.weight + x


def test_a_module_left_over_does_not_matter() -> None:
    """The product and the sum live at once, beside the weight and the input. The step's result is left over too."""
    x = floats(8)
    for _ in range(3):
        module = Wrapped()
        assert inference(module, [x]).peak_bytes == 32 * KIB
        with recorded():
            module.left = module(x)
        del module


def test_recomputed_values_are_measured() -> None:
    """A chain of products saves each of its 4 inputs; if it is recomputed, the first alone until then."""
    weights = [floats(8).requires_grad_() for _ in range(4)]

    def chain(x: Tensor) -> Tensor:
        for weight in weights:
            x = x * weight
        return x

    x = floats(8)
    kept = measured(lambda: chain(x))

    def chain_again() -> Tensor:
        result: Tensor = checkpoint(chain, x, use_reentrant=False, preserve_rng_state=False)
        return result

    again = measured(chain_again)
    assert (kept.peak_bytes, again.peak_bytes) == (32 * KIB, 16 * KIB)
