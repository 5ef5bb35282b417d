"""The tensors that autograd saves for backward, eager on the CPU.

Bytes are those of storages. A storage counts once, at the first layer that saves it, however many tensors share it; the
storage of a parameter or buffer does not count, since it is allocated anyway. An operator states what it saves
(`Operator.saved`), whether its outputs are views of its input (`Operator.view`), and their strides
(`Operator.strides`): torch copies some inputs that are not contiguous, and saves the copy.

Exact except for one case: a convolution over three axes, of one image in channels-last layout, returns a contiguous
result. A later layer that copies inputs of another layout may then save other bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from archlang.facts.gradients import gradients
from archlang.facts.storages import is_saved, layout_key, strides_of, view_of
from archlang.facts.untold import Untold, united, untold
from archlang.ir import Graph, Layer
from archlang.ops.base import Saved, Wanted
from archlang.ops.layouts import Laid, MemoryFormat, Strides, at_batch, contiguous, converted
from archlang.program import Program, program_of
from archlang.program.passes import in_memory_format
from archlang.shapes import FLOAT_DTYPES, TensorType, bytes_of, in_dtype


@dataclass(frozen=True, slots=True)
class Storage:
    """A piece of memory: its number, its bytes, the path of the layer that allocated it (or the input's name).

    The storage of a parameter or buffer is `lasting`.
    """

    number: int
    bytes: int
    path: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A tensor that a layer saves.

    `path` is the layer that computed it, or the name of the net's input. `value` is its number as in `Graph.flat`; a
    layer's own tensor has None and a `name`: indices, mask, statistics. `bytes` is the size of its storage, which may
    hold more than the tensor. `new_bytes` is 0 if the storage was saved before or is lasting. `keeper` is the path of
    the layer that saves the storage first; None if it is lasting.
    """

    path: str
    value: int | None
    name: str
    shape: tuple[int, ...]
    dtype: str
    storage: int
    bytes: int
    new_bytes: int
    keeper: str | None


@dataclass(frozen=True, slots=True)
class KeptAt:
    """A layer, the gradients that its backward pass computes, and the tensors that it saves.

    If something is `untold`, their bytes are unknown.
    """

    layer: Layer
    wanted: Wanted
    tensors: tuple[Kept, ...]
    untold: tuple[Untold, ...] = ()

    @property
    def new_bytes(self) -> int:
        """Bytes that no earlier layer keeps."""
        return sum(tensor.new_bytes for tensor in self.tensors)


@dataclass(frozen=True, slots=True)
class SavedTensors:
    """The layers that run, in order, and the bytes of all storages that they save.

    The bytes are unknown if something is `untold`.
    """

    layers: tuple[KeptAt, ...]
    bytes: int

    @property
    def untold(self) -> tuple[Untold, ...]:
        return united(*(layer.untold for layer in self.layers))


@dataclass(frozen=True, slots=True)
class _Held:
    """A value with its memory layout and storage; both are unknown if something is `untold`."""

    type: Laid
    storage: Storage
    untold: tuple[Untold, ...] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """The answers of an operator for inputs with this memory layout: whether its outputs are views, and so on.

    `spare` says how many values of memory each output has beyond its size; `unknown` why there are no strides.
    """

    view: bool | None
    strides: tuple[Strides, ...] | None
    unknown: tuple[Untold, ...]
    spare: tuple[int, ...]
    saved: tuple[Saved, ...] | None


@dataclass(frozen=True, slots=True)
class _Run:
    """How the net runs: the batch, the dtype that replaces the float dtypes, the mode.

    `weights` is the memory format of the weights with four axes. `numbers` gives new numbers of storages. `known` holds
    the answers of operators: each operator of a block is asked once for each memory layout of its inputs.
    """

    batch: int
    dtype: str | None
    training: bool
    weights: MemoryFormat | None = None
    numbers: Iterator[int] = field(default_factory=count)
    known: dict[object, _Told] = field(default_factory=dict[object, _Told])

    def ask(self, layer: Layer, inputs: list[Laid]) -> _Told:
        """Return the answers of the layer's operator for these inputs."""
        key = layout_key(layer, inputs)
        if key not in self.known:
            op, types = layer.op, [replace(x, weights=self.weights) for x in inputs]
            view = op.view(*types) if types else False
            strides, unknown = strides_of(layer, types, self.weights)
            self.known[key] = _Told(view, strides, unknown, op.spare_values(*types), op.saved(*types))
        return self.known[key]

    def bytes(self, shape: tuple[int, ...], dtype: str) -> int:
        """Return bytes of a tensor; `shape` holds the batch."""
        return bytes_of(shape, in_dtype(dtype, self.dtype))

    def fresh(
        self, type: TensorType, strides: tuple[int, ...], path: str, lasting: bool = False, spare: int = 0
    ) -> _Held:  # fmt: skip
        """Return a value in new memory, which has room for `spare` values more."""
        size = self.bytes(type.shape, type.dtype) + self.bytes((spare,), type.dtype)
        storage = Storage(next(self.numbers), size, path, lasting)
        return _Held(Laid(type.shape, type.axes, type.dtype, strides, storage.number), storage)


def saved(
    graph: Graph,
    batch: int = 1,
    dtype: str | None = None,
    training: bool = True,
    memory_format: MemoryFormat | None = None,
) -> SavedTensors:
    """Return what the layers save for the backward pass over `batch` images, in training mode or in evaluation.

    Exact for float32; `dtype` replaces the float dtypes. In evaluation, too, gradients are computed. The net runs in
    `memory_format` if one is given. Raises ValueError if `batch` is below 1, `dtype` is no float dtype, or the net
    cannot run in the memory format.
    """
    if batch < 1:
        raise ValueError(f"a batch has at least 1 image, not {batch}")
    if dtype is not None and dtype not in FLOAT_DTYPES:
        raise ValueError(f"dtype is one of {', '.join(FLOAT_DTYPES)}, not {dtype}")
    run = _Run(batch, dtype, training, memory_format)
    held = dict(enumerate(_inputs(in_memory_format(program_of(graph), memory_format), run)))
    keepers: dict[int, str] = {}  # storage -> path of the layer that keeps it first
    layers: list[KeptAt] = []
    for layer, wanted in gradients(graph, training):
        inputs = [held[value].type for value in layer.inputs]
        held.update(zip(layer.outputs, _results(layer, inputs, held, run), strict=True))
        told = () if _is_idle(layer, run) else run.ask(layer, inputs).saved
        kept = (one for one in told or () if is_saved(one, layer, wanted, training=run.training))
        tensors = tuple(_kept(one, layer, held, keepers, run) for one in kept)
        missing = untold(layer, saved=told) if wanted.any else ()
        format = run.ask(layer, inputs).unknown if run.weights else ()
        unknown = united(missing, _unknown(layer, tensors, held), format)
        layers.append(KeptAt(layer, wanted, tensors, unknown))
    return SavedTensors(tuple(layers), sum(layer.new_bytes for layer in layers))


def _inputs(program: Program, run: _Run) -> Iterator[_Held]:
    """Yield the inputs of a net, after their conversion to its memory format if it has one."""
    for port in program.graph.root.inputs:
        type = at_batch(program.graph.root.types[port.value], run.batch)
        given = run.fresh(type, contiguous(type.shape), port.name)
        is_converted = any(port.value in entry.outputs for entry in program.root.entries)
        strides = converted(given.type) if is_converted else given.type.strides
        yield given if strides == given.type.strides else run.fresh(type, strides, port.name)


def _is_idle(layer: Layer, run: _Run) -> bool:
    return layer.op.idle and not run.training


def _results(layer: Layer, inputs: list[Laid], held: Mapping[int, _Held], run: _Run) -> list[_Held]:
    """Return the outputs of a layer, in new memory or as views of its first input."""
    if _is_idle(layer, run):
        return [held[layer.inputs[0]]]
    types = [at_batch(type, run.batch) for type in layer.output_types]
    told = run.ask(layer, inputs)
    unknown = united(*(held[value].untold for value in layer.inputs), untold(layer, view=told.view), told.unknown)
    laid = list(zip(types, told.strides or [contiguous(type.shape) for type in types], strict=True))
    if not told.view:
        spare = told.spare or (0,) * len(laid)
        return [
            replace(run.fresh(type, strides, layer.path, layer.op.declared, more), untold=unknown)
            for (type, strides), more in zip(laid, spare, strict=True)
        ]
    source, first = held[layer.inputs[0]].storage, inputs[0]
    outputs = (Laid(type.shape, type.axes, type.dtype, strides) for type, strides in laid)
    return [_Held(view_of(first, output, next(run.numbers)), source, unknown) for output in outputs]


def _unknown(layer: Layer, tensors: tuple[Kept, ...], held: Mapping[int, _Held]) -> tuple[Untold, ...]:
    """Return what is unknown of the layer's inputs and of the values that it saves."""
    kept = (tensor.value for tensor in tensors if tensor.value is not None)
    return united(*(held[value].untold for value in (*layer.inputs, *kept)))


def _kept(one: Saved, layer: Layer, held: Mapping[int, _Held], keepers: dict[int, str], run: _Run) -> Kept:
    """Return a saved tensor. The layer becomes the keeper of its storage unless the storage has one."""
    if one.what == "own":
        value, shape, dtype = None, one.shape, one.dtype
        storage = Storage(next(run.numbers), run.bytes(shape, dtype), layer.path)
    else:
        value = (layer.inputs if one.what == "input" else layer.outputs)[one.index]
        shape, dtype, storage = held[value].type.shape, held[value].type.dtype, held[value].storage
    is_new = not storage.lasting and storage.number not in keepers
    if is_new:
        keepers[storage.number] = layer.path
    keeper = keepers.get(storage.number)
    new_bytes = storage.bytes if is_new else 0
    told = in_dtype(dtype, run.dtype)
    return Kept(storage.path, value, one.name, shape, told, storage.number, storage.bytes, new_bytes, keeper)
