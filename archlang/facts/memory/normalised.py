"""Values that are not kept for the backward pass, which makes them again: what that allocates, and until when.

Each class stands for that of the emitted source with its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlang.facts.memory.heap import Heap
from archlang.program.slim import Again, Slim

if TYPE_CHECKING:
    from archlang.facts.memory.casts import Held


@dataclass(slots=True)
class Normalised:
    """The result of a normalisation; `known` is its storage once a product has had it made."""

    bytes: int
    path: str
    known: int | None = None

    def take(self, heap: Heap) -> int:
        """Return a storage for the value, made again."""
        return heap.take(self.bytes, "activations", self.path)

    def operand(self, heap: Heap) -> None:
        """Make the value for a product, whose gradient takes it next."""
        if self.known is None:
            self.known = self.take(heap)

    def value(self, heap: Heap) -> list[int]:
        """Make the value for a convolution; return what is freed after its gradients."""
        known, self.known = self.known, None
        return [self.take(heap) if known is None else known]


@dataclass(slots=True)
class Activated:
    """A normalised value that is activated.

    `known` is the storage of what the gradient of the activation takes, once a convolution has had it made; `result`
    that of the value, once a product has.
    """

    norm: Normalised
    activation: Again
    known: int | None = None
    result: int | None = None

    def taken(self, heap: Heap) -> list[int]:
        """Make what the gradient of the activation takes; return what is freed after it."""
        storage = self._before(heap)
        self.known = None
        return [storage]

    def operand(self, heap: Heap) -> None:
        """Make the value for a product, whose gradient takes it next."""
        self._before(heap)
        if not self.activation.by_result and self.result is None:
            self.result = self.norm.take(heap)

    def value(self, heap: Heap) -> list[int]:
        """Make the value for a convolution; return what is freed after its gradients."""
        self.operand(heap)
        result, self.result = self.result, None
        return [] if result is None else [result]

    def _before(self, heap: Heap) -> int:
        if self.known is None:
            self.known = self.norm.take(heap)
        return self.known


@dataclass(frozen=True, slots=True)
class Product:
    """A product with a normalised value, which is made of that again."""

    made: Normalised | Activated
    bytes: int
    path: str

    def value(self, heap: Heap) -> list[int]:
        """Make the product for a convolution; return what is freed after its gradients."""
        self.made.operand(heap)
        return [heap.take(self.bytes, "activations", self.path)]


Made = Normalised | Activated | Product


def served(slim: Slim | None, inputs: Sequence[Held]) -> Made | None:
    """Return what an input of a call is made of, if the call can have it made again; else None."""
    if slim is None or slim.is_norm:
        return None
    made = inputs[slim.at].made_of
    if slim.again is not None:
        return made if isinstance(made, Normalised) else None
    return None if slim.is_product and isinstance(made, Product) else made


def needed(made: Made | None, result: Made | None) -> Callable[[Heap], list[int]] | None:
    """Return what makes the value again that the gradient of a call takes, of what its input and result are made of."""
    if made is None:
        return None
    return result.taken if isinstance(result, Activated) else made.value
