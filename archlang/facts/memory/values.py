"""What operators report about their values in memory, for inputs with given strides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from archlang.facts.gradients import trained_weights
from archlang.facts.memory.casts import Held, cast_places, computed_in, result_dtype
from archlang.facts.memory.composition import Composition, composition
from archlang.facts.memory.setup import Setup
from archlang.facts.storages import layout_key, strides_of
from archlang.facts.untold import UnknownFact, Untold, untold
from archlang.ir import Layer
from archlang.ops.base import GradientPlace, Operator, Saved, Temporaries, Wanted, is_view
from archlang.ops.layouts import Laid, MemoryFormat, at_batch
from archlang.shapes import TensorType, in_dtype

Weights = tuple[tuple[str, int], ...]  # names and bytes


@dataclass(frozen=True, slots=True)
class Told:
    """An operator's answers for inputs with one memory layout. `temporaries` are bytes, for each internal call."""

    view: bool
    types: tuple[Laid, ...]
    saved: tuple[Saved, ...]
    places: tuple[GradientPlace, ...]
    temporaries: tuple[int, ...]
    beside_saved: tuple[int, ...]  # the same, for a call that saves tensors of its own
    spare: tuple[int, ...]  # bytes by which the storage of each output exceeds it
    viewed: frozenset[int | str]  # inputs and weights whose gradients are views
    computed: str | None  # the dtype that autocast computes in
    one_call: bool  # whether the backward pass is known to be one call
    scratch: int  # bytes that its kernels allocate and free by themselves
    cast_back: frozenset[int]  # inputs whose gradients are computed in a wider dtype and then cast to theirs


@dataclass(slots=True)
class Operators:
    """The operators' answers, cached: each operator of a block is asked once for each memory layout of its inputs."""

    setup: Setup
    weights_format: MemoryFormat | None = None  # of the weights with four axes
    numbers: Iterator[int] = field(default_factory=count)
    known: dict[object, Told] = field(default_factory=dict[object, Told])
    trained: dict[object, Weights] = field(default_factory=dict[object, Weights])
    composed: dict[object, Composition | None] = field(default_factory=dict[object, "Composition | None"])
    backward: dict[object, int] = field(default_factory=dict[object, int])  # scratch, by operator and gradients
    unscratched: list[Untold] = field(default_factory=list["Untold"])  # scratch that is not declared
    untold: list[Untold] = field(
        default_factory=list["Untold"]
    )  # facts not declared, so that the figures are a lower bound

    def ask(self, layer: Layer, inputs: Sequence[Held]) -> Told:
        """Return the operator's answers for these inputs."""
        key = layout_key(layer, [x.type for x in inputs])
        if key not in self.known:
            self.known[key] = self._told(layer, inputs)
        return self.known[key]

    def composition(self, layer: Layer, inputs: Sequence[Held]) -> Composition | None:
        """Return the parts in which torch computes the layer; None if it is computed as one."""
        if self.setup.autocast:
            return None
        key = layout_key(layer, [x.type for x in inputs])
        if key not in self.composed:
            self.composed[key] = composition(layer, self._asked(layer, inputs), key, training=self.setup.training)
        return self.composed[key]

    def _asked(self, layer: Layer, inputs: Sequence[Held], computed: str | None = None) -> list[Laid]:
        """Return the types with which an operator is asked: with the dtypes of the spec, which autocast replaces.

        They say in which dtype it is `computed`.
        """
        told = computed or self.setup.dtype
        return [
            replace(x.type, dtype=type.dtype, weights=self.weights_format, computed=told)
            for x, type in zip(inputs, layer.input_types, strict=True)
        ]

    def _told(self, layer: Layer, inputs: Sequence[Held]) -> Told:
        op, computed = layer.op, computed_in(layer, inputs, self.setup)
        types = self._asked(layer, inputs, computed)
        view, training = op.view(*types) if inputs else False, self.setup.training
        strides, unknown = strides_of(layer, types, self.weights_format)
        places, kept = (op.gradient_places(*types), op.saved(*types)) if training else ((), ())
        if view is None or strides is None or places is None or kept is None:
            others = untold(layer, view=view, saved=kept, gradient_places=places)
            raise UnknownFact("memory", (*others, *unknown))
        result = result_dtype(layer, inputs, self.setup, computed)
        laid = tuple(
            Laid(type.shape, type.axes, in_dtype(type.dtype, result), strides)
            for type, strides in zip(self._outputs(layer), strides, strict=True)
        )
        saved = tuple(one if one.wide else replace(one, dtype=in_dtype(one.dtype, computed)) for one in kept)
        sizes, beside = (
            tuple(sum(self.setup.bytes(x.shape, in_dtype(x.dtype, computed)) for x in call) for call in calls)
            for calls in self._temporaries(layer, types)
        )
        spare = tuple(
            self.setup.bytes((values,), y.dtype)
            for values, y in zip(op.spare_values(*types) or (0,) * len(laid), laid, strict=True)
        )
        places, cast_back = cast_places(layer, inputs, places, computed)
        views = _views(op, types, places)
        one_call = not training or op.declared or bool(op.backward_in_one_call(*types))
        scratch = self._scratch(layer, op.scratch(training, *types), computed)
        return Told(view, laid, saved, places, sizes, beside, spare, views, computed, one_call, scratch, cast_back)

    def _scratch(self, layer: Layer, taken: Sequence[TensorType] | None, computed: str | None) -> int:
        """Return the bytes of scratch; unknown scratch goes to `unscratched`."""
        self.unscratched += untold(layer, scratch=taken)
        return sum(self.setup.bytes(x.shape, in_dtype(x.dtype, computed)) for x in taken or ())

    def scratch_backward(self, layer: Layer, inputs: Sequence[Held], wanted: Wanted) -> int:
        """Return the bytes that the kernels of the backward pass allocate and free by themselves."""
        key = layout_key(layer, [x.type for x in inputs]), wanted
        if key not in self.backward:
            computed = computed_in(layer, inputs, self.setup)
            taken = layer.op.scratch_backward(wanted, *self._asked(layer, inputs, computed))
            self.backward[key] = self._scratch(layer, taken, computed)
        return self.backward[key]

    def _temporaries(self, layer: Layer, types: Sequence[Laid]) -> tuple[Temporaries, Temporaries]:
        """Return the temporaries of the forward pass, without and with saved tensors. Unknown ones go to `untold`."""
        found = layer.op.temporaries(*types)
        beside = layer.op.temporaries_beside_saved(*types) if self.setup.training else ()
        back: bool | None = True
        if self.setup.training and not layer.op.declared:
            back = layer.op.backward_in_one_call(*types)
        self.untold += untold(layer, temporaries=found, temporaries_beside_saved=beside, backward_in_one_call=back)
        return found or (), beside or ()

    def name_untold(self, known: tuple[int, int], layer: Layer) -> None:
        """Name what is not declared by the operator that a user wrote, not by its part, from so many entries on."""
        for found, first in zip((self.untold, self.unscratched), known, strict=True):
            found[first:] = [replace(one, word=layer.op.word) for one in found[first:]]

    def _outputs(self, layer: Layer) -> list[Laid]:
        types = (at_batch(type, self.setup.batch) for type in layer.output_types)
        return [Laid(type.shape, type.axes, type.dtype) for type in types]

    def weights(self, layer: Layer) -> Weights:
        """Return the names of the layer's weights that training changes, and their bytes."""
        key = layer.block.id, layer.node.outputs, layer.frozen
        if key not in self.trained:
            names = set(trained_weights(layer))
            weights = (one for one in layer.op.weights(*layer.input_types) if one.name in names)
            self.trained[key] = tuple((one.name, self.setup.weight_bytes(one)) for one in weights)
        return self.trained[key]


def _views(op: Operator, types: Sequence[Laid], places: Sequence[GradientPlace]) -> frozenset[int | str]:
    """Return the inputs and weights whose gradients are views, because of their places or as the operator says."""
    rank = len(op.outputs(*types)[0].shape)
    placed = (
        at for at, (x, place) in enumerate(zip(types, places, strict=False)) if is_view(place, len(x.shape), rank)
    )
    return frozenset((*placed, *op.viewed_gradients(*types))) if places else frozenset()
