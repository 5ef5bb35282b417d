"""The state that optimisers of torch.optim keep, and the temporaries of their steps, one parameter at a time.

This holds on the CPU (torch 2: `foreach` and `fused` are for other devices unless asked for).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Optimizer:
    """The state of a parameter: `kept` tensors of its size, and a count of steps (4 bytes) if `counts`.

    A step allocates `taken` temporaries of that size. The last one `stays` until the next parameter's are allocated.
    """

    kept: int
    counts: bool = False
    taken: int = 0
    stays: bool = True

    def state_bytes(self, size: int) -> int:
        """Return the bytes of state for a parameter of this many bytes."""
        return self.kept * size + 4 * self.counts

    def temporary_bytes(self, sizes: Sequence[int]) -> int:
        """Return the most bytes of temporaries in a step, for parameters of these sizes in order."""
        if not self.taken:
            return 0
        most = last = 0
        for size in sizes:
            most = max(most, last + self.taken * size)
            last = size if self.stays else 0
        return most


OPTIMIZERS = {
    "sgd": Optimizer(0),
    "momentum": Optimizer(1),  # SGD with momentum
    "nesterov": Optimizer(1, taken=1, stays=False),
    "adam": Optimizer(2, counts=True, taken=2),
    "adamw": Optimizer(2, counts=True, taken=2),
    "rmsprop": Optimizer(1, counts=True, taken=1),
    "adagrad": Optimizer(1, counts=True, taken=1),
}
