"""Values that are not kept for the backward pass, which makes them again: what that allocates, and until when."""

from __future__ import annotations

from dataclasses import dataclass

from archlang.facts.memory.heap import Heap
from archlang.program.slim import Again


@dataclass(slots=True)
class Normalised:
    """The result of a normalisation, perhaps activated, as the emitted class of this name makes it again.

    `known` is the storage of what the gradient of the activation takes, once a convolution has had it made.
    """

    bytes: int
    path: str
    activation: Again | None = None
    known: int | None = None

    def taken(self, heap: Heap) -> list[int]:
        """Make what the gradient of the activation takes; return what is freed after it."""
        storage = self._before(heap)
        self.known = None
        return [storage]

    def value(self, heap: Heap) -> list[int]:
        """Make the value for a convolution; return what is freed after its gradients."""
        if self.activation is None:
            return self.taken(heap)
        self._before(heap)
        return [] if self.activation.by_result else [self._take(heap)]

    def _before(self, heap: Heap) -> int:
        if self.known is None:
            self.known = self._take(heap)
        return self.known

    def _take(self, heap: Heap) -> int:
        return heap.take(self.bytes, "activations", self.path)
