"""The memory layout of every value of a net, as its inputs and the format of its weights make it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archlang.ir import Graph, Layer
from archlang.ops.layouts import Laid, MemoryFormat, Strides, at_batch, channels_last, contiguous, is_at
from archlang.program.regions import Call, Region
from archlang.shapes import TensorType

BATCH = 2  # images: the stride of a single one would not matter


def strides_of(layer: Layer, types: Sequence[Laid], weights: MemoryFormat | None) -> tuple[Strides, ...] | None:
    """Return the strides of a layer's outputs; None if they are not known.

    `weights` is the memory format of the net's weights with four axes. It is that of a value that the net stores.
    """
    if weights and layer.op.declared:
        return tuple(_entering(type, weights).strides for type in layer.output_types)
    if weights and not layer.op.knows_formats(*layer.input_types):
        return None
    return layer.op.strides(*types)


@dataclass(frozen=True)
class Layouts:
    """The layouts of the values of a net whose inputs enter in the memory format of its weights, or contiguous."""

    graph: Graph
    format: MemoryFormat | None

    def keeps(self, region: Region, call: Call, at: int) -> bool:
        """Return whether the result of a call has the strides of its input `at`, wherever its block is called.

        Where it had others, writing it over that input would give what follows another layout, and so another order of
        sums or of random numbers.
        """
        found = self._joins.get((region.block.id, *call.outputs), ())
        return bool(found) and all(_lies_so(given[at], result) for given, result in found)

    @cached_property
    def _joins(self) -> Mapping[tuple[object, ...], Sequence[tuple[Sequence[Laid | None], Strides | None]]]:
        """The inputs and the strides of the first result of calls of several values, by outputs, of every block."""
        found: dict[tuple[object, ...], dict[tuple[object, ...], tuple[Sequence[Laid | None], Strides | None]]] = {}
        known: dict[tuple[object, ...], Sequence[Laid | None]] = {}  # each operator of a block is asked once a layout
        root = self.graph.root
        held: dict[int, Laid | None] = {
            number: _entering(root.types[port.value], self.format) for number, port in enumerate(root.inputs)
        }
        for layer in self.graph.flat():
            given = [held[value] for value in layer.inputs]
            place = (layer.block.id, *layer.node.outputs)
            key = (place, *(x and x.strides for x in given))
            if key not in known:
                known[key] = self._results(layer, given)
                if len(given) > 1:
                    first = known[key][0]
                    found.setdefault(place, {})[key] = given, None if first is None else first.strides
            held.update(zip(layer.outputs, known[key], strict=True))
        return {place: tuple(several.values()) for place, several in found.items()}

    def _results(self, layer: Layer, given: Sequence[Laid | None]) -> Sequence[Laid | None]:
        types = [x for x in given if x is not None]
        strides = strides_of(layer, types, self.format) if len(types) == len(given) else None
        if strides is None:
            return [None] * len(layer.outputs)
        return [_laid(type, one, self.format) for type, one in zip(layer.output_types, strides, strict=True)]


def _entering(type: TensorType, format: MemoryFormat | None) -> Laid:
    """Return the type of a value that enters in a memory format, which only four axes have."""
    shape = at_batch(type, BATCH).shape
    return _laid(type, channels_last(shape) if format and len(shape) == 4 else contiguous(shape), format)


def _laid(type: TensorType, strides: Strides, format: MemoryFormat | None) -> Laid:
    return Laid(at_batch(type, BATCH).shape, type.axes, type.dtype, strides, weights=format)


def _lies_so(x: Laid | None, strides: Strides | None) -> bool:
    return x is not None and strides is not None and is_at(x, strides)
