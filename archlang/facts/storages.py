"""How torch stores the values of a layer: what it saves for backward, and in which memory its outputs are.

The saved tensors of a net and the simulation of its memory both follow these rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archlang.facts.gradients import trains_a_product
from archlang.facts.untold import Untold, untold
from archlang.ir import Layer
from archlang.ops.base import Saved, Wanted
from archlang.ops.layouts import Laid, MemoryFormat, Strides
from archlang.program import layouts


def strides_of(
    layer: Layer, types: Sequence[Laid], weights: MemoryFormat | None
) -> tuple[tuple[Strides, ...] | None, tuple[Untold, ...]]:  # fmt: skip
    """Return the strides of a layer's outputs, and what is not known of them.

    `weights` is the memory format of the net's weights with four axes. It is that of a value that the net stores.
    """
    strides = layouts.strides_of(layer, types, weights)
    if strides is None and weights and not layer.op.knows_formats(*layer.input_types):
        return None, (Untold(layer.path, layer.op.word, "runs.weights"),)
    return strides, untold(layer, strides=strides)


def layout_key(layer: Layer, inputs: Sequence[Laid]) -> object:
    """Return what an operator's answers depend on: its node, its inputs' memory layout, and which of them share memory.

    Inputs share memory if they have the same place. An operator of a block is asked once for each key.
    """
    first: dict[int, int] = {}
    of_each = tuple((x.strides, x.dtype, first.setdefault(x.place, at)) for at, x in enumerate(inputs))
    return layer.block.id, layer.node.outputs, of_each


def view_of(first: Laid, type: Laid, number: int) -> Laid:
    """Return an output that is a view of the first input. It is the same tensor if shape and strides are equal.

    Otherwise it has `number` as its place.
    """
    is_same = (type.shape, type.strides) == (first.shape, first.strides)
    return replace(type, place=first.place if is_same else number)


def is_saved(one: Saved, layer: Layer, wanted: Wanted, *, training: bool = True) -> bool:
    """Return whether a layer saves a tensor for backward if these gradients are computed.

    The gradient of a bias needs nothing. The weight beside it may be tied to one that is frozen.
    """
    if not one.is_of(training=training):
        return False
    if one.when == "weights" and layer.ties:
        wanted = replace(wanted, weights=wanted.weights and trains_a_product(layer))
    return one.is_kept(wanted)
