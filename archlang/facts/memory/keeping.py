"""What autograd saves of an operation for its backward pass: own tensors, values, copies of what is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archlang.facts.memory.casts import Held
from archlang.facts.memory.heap import Heap
from archlang.facts.memory.setup import Setup
from archlang.facts.memory.values import Told
from archlang.facts.storages import is_saved
from archlang.ir import Layer
from archlang.ops.base import Wanted

Values = tuple[tuple[Held, ...], tuple[Held, ...]]  # the inputs and the outputs of an operation


@dataclass(frozen=True, slots=True)
class Keeping:
    """The storages that operations save on a heap, each with a reference."""

    setup: Setup
    heap: Heap

    def copies(
        self, layer: Layer, told: Told, wanted: Wanted, inputs: Sequence[Held], over: int | None
    ) -> list[int]:  # fmt: skip
        """Return the storages of the copies that autograd saves of an input that is overwritten."""
        saved = (one for one in told.saved if over is not None and (one.what, one.index) == ("input", over))
        sizes = (
            self.setup.bytes(inputs[one.index].type.shape, inputs[one.index].type.dtype)
            for one in saved
            if is_saved(one, layer, wanted)
        )
        return [self.heap.take(size, "kept by operators", layer.path) for size in sizes]

    def own(self, layer: Layer, told: Told, wanted: Wanted) -> dict[tuple[int, ...], list[int]]:
        """Return the storages of the operator's own saved tensors, by the outputs that need them."""
        kept: dict[tuple[int, ...], list[int]] = {}
        for one in told.saved:
            if one.what == "own" and is_saved(one, layer, wanted):
                size = self.setup.bytes(one.shape, one.dtype)
                kept.setdefault(one.outputs, []).append(self.heap.take(size, "kept by operators", layer.path))
        return kept

    def values(
        self, layer: Layer, told: Told, wanted: Wanted, values: Values, over: int | None
    ) -> list[int]:  # fmt: skip
        """Return the storages of the inputs and results that are saved for backward, each with a reference.

        Of an input that is overwritten, a copy is saved.
        """
        kept: list[int] = []
        for one in told.saved:
            if one.what != "own" and (one.what, one.index) != ("input", over) and is_saved(one, layer, wanted):
                value = values[one.what == "output"][one.index]
                if not value.lasting:
                    self.heap.hold(value.storage)
                    kept.append(value.storage)
        return kept
