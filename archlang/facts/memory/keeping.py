"""What autograd saves of an operation for its backward pass: own tensors, values, copies of what is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archlang.facts.memory.casts import Held
from archlang.facts.memory.heap import Heap
from archlang.facts.memory.normalised import Activated, Made, Normalised, Product
from archlang.facts.memory.setup import Setup
from archlang.facts.memory.values import Told
from archlang.facts.storages import is_saved
from archlang.ir import Layer
from archlang.ops.base import Wanted
from archlang.program.slim import Slim
from archlang.shapes import bytes_of

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
                size = bytes_of(one.shape, one.dtype) if one.full else self.setup.bytes(one.shape, one.dtype)
                kept.setdefault(one.outputs, []).append(self.heap.take(size, "kept by operators", layer.path))
        return kept

    def values(
        self, layer: Layer, told: Told, wanted: Wanted, values: Values, over: int | None, slim: Slim | None
    ) -> list[int]:
        """Return the storages of the inputs and results that are saved for backward, each with a reference.

        Of an input that is overwritten, a copy is saved. A `slim` layer keeps neither the input that is made again, nor
        a result by which its gradient is computed.
        """
        kept: list[int] = []
        for one in told.saved:
            if one.what != "own" and (one.what, one.index) != ("input", over) and is_saved(one, layer, wanted):
                value = values[one.what == "output"][one.index]
                if not value.lasting and (slim is None or one.index != slim.at):
                    self.heap.hold(value.storage)
                    kept.append(value.storage)
        return kept

    def slim(self, layer: Layer, slim: Slim | None, result: Held, made: Made | None) -> tuple[Held, list[int]]:
        """Return the result of a slim layer, which says how it is made again, and the storages kept for that.

        `made` is how the input is made again that the layer does not keep.
        """
        size = self.setup.bytes(result.type.shape, result.type.dtype)
        if slim is not None and slim.is_norm and not self.setup.autocast:  # under autocast the module keeps everything
            weights = (one for one in layer.op.weights(*layer.input_types) if not one.buffer)
            sizes = (self.setup.weight_bytes(one) for one in weights)
            parts = [self.heap.take(size, "kept by operators", layer.path) for size in sizes]
            return replace(result, made_of=Normalised(size, layer.path)), parts
        if slim is not None and slim.again is not None and isinstance(made, Normalised):
            return replace(result, made_of=Activated(made, slim.again)), []
        if slim is not None and slim.is_product and isinstance(made, (Normalised, Activated)):
            return replace(result, made_of=Product(made, size, layer.path)), []
        return result, []

    @staticmethod
    def reads(layer: Layer, told: Told, wanted: Wanted) -> bool:
        """Return whether the gradients of a layer take a value that it would keep."""
        return any(one.what != "own" and is_saved(one, layer, wanted) for one in told.saved)
