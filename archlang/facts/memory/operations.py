"""One operation of the forward pass: what it allocates, what is saved for backward, its step on the tape."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from archlang.facts.memory.casts import Held
from archlang.facts.memory.composition import Composition
from archlang.facts.memory.copies import Copies, Prepared
from archlang.facts.memory.heap import Heap, Phase
from archlang.facts.memory.history import History
from archlang.facts.memory.keeping import Keeping
from archlang.facts.memory.normalised import needed, served
from archlang.facts.memory.setup import Setup
from archlang.facts.memory.tape import Entry, Owned, Recomputed, Repeated, Step, Unit, Wanting, Wish
from archlang.facts.memory.values import Operators, Told
from archlang.facts.storages import view_of
from archlang.ir import Layer, join_path
from archlang.ops.base import Wanted
from archlang.ops.layouts import Laid, at_batch, contiguous
from archlang.ops.parts import Own
from archlang.program.slim import Slim
from archlang.shapes import TensorType


@dataclass(slots=True)
class Operations:
    """The state of the simulation: the heap, the tape for the backward pass, and the weights seen so far."""

    setup: Setup
    heap: Heap
    operators: Operators
    tape: list[Entry] = field(default_factory=list["Entry"])
    owned: list[Owned] = field(default_factory=list[Owned])
    times: int = 1
    phase: Phase = "forward"
    recording: bool = True  # whether operations are recorded for the backward pass
    unit: Unit | None = None  # the operator of which a part runs
    targets: int = 0  # bytes of the targets of the loss, which are allocated before the step
    copies: Copies = field(init=False)
    keeping: Keeping = field(init=False)
    history: History = field(init=False)

    def __post_init__(self) -> None:
        self.copies = Copies(self.heap, self.operators)
        self.keeping = Keeping(self.setup, self.heap)
        self.history = History(self.heap)

    @contextmanager
    def repeated(self, times: int) -> Generator[None]:
        """Repeat the operations within the context this number of times."""
        if times == 1:
            yield
            return
        tape, many = self.tape, Repeated(times)
        self.tape, self.times = many.steps, self.times * times
        with self.heap.repeated(times):
            yield
        self.tape, self.times = tape, self.times // times
        self.tape.append(many)

    @contextmanager
    def forgetting(self) -> Generator[None]:
        """Run the operations within without recording them for the backward pass."""
        self.recording = False
        yield
        self.recording = True

    @contextmanager
    def again(self) -> Generator[list[Entry]]:
        """Run the operations within for the second time, recorded on a tape of their own."""
        before = self.tape, self.phase
        self.tape, self.phase = [], "recompute"
        yield self.tape
        self.tape, self.phase = before

    def hold(self, value: Held | None) -> None:
        """Add a reference to the value and to its storage."""
        if value is not None:
            self.history.hold(value.number)
            self.hold_storage(value)

    def drop(self, value: Held | None) -> None:
        """Remove a reference to the value and to its storage."""
        if value is not None:
            self.history.drop(value.number, self.tape)
            self.drop_storage(value)

    def hold_storage(self, value: Held) -> None:
        """Add a reference to the value's storage only: autograd saves it, or another value shares it."""
        if not value.lasting:
            self.heap.hold(value.storage)

    def drop_storage(self, value: Held) -> None:
        """Remove a reference to the value's storage only."""
        if not value.lasting:
            self.heap.drop(value.storage)

    def input(self, name: str, type: TensorType) -> Held:
        """Return an input of the net, which its caller holds."""
        type = at_batch(type, self.setup.batch)
        number = next(self.operators.numbers)
        storage = self.heap.take(self.setup.bytes(type.shape, type.dtype), "inputs", name)
        laid = Laid(type.shape, type.axes, type.dtype, contiguous(type.shape), number)
        return Held(number, laid, storage, name, needs=False)

    def own(self, layer: Layer) -> None:
        """Count the layer's weights if they are its own."""
        if layer.reused or self.phase == "recompute":
            return
        weights = [one for one in layer.op.weights(*layer.input_types) if one.name not in layer.ties]
        if not weights:
            return
        sizes = {one.name: self.setup.weight_bytes(one) for one in weights}
        buffers = sum(sizes[one.name] for one in weights if one.buffer)
        names = (name for name, _ in self.operators.weights(layer) if name in sizes)
        trained = tuple((join_path(layer.path, name), sizes[name]) for name in names)
        self.owned.append(Owned(layer.path, trained, tuple(sizes.values()), buffers, self.times))

    def run(
        self, layer: Layer, scope: str, inputs: Sequence[Held], over: int | None = None, slim: Slim | None = None
    ) -> list[Held]:
        """Run a layer and return its outputs, each with a reference; `scope` is the path of its block.

        The result is written `over` the input with this number. A `slim` layer keeps less.
        """
        self.own(layer)
        if layer.op.idle and not self.setup.training:
            self.hold(inputs[0])
            return [inputs[0]]
        made_of = self.operators.composition(layer, inputs)
        if made_of is None:
            return self._one(layer, scope, inputs, over, slim)
        return self._parts(layer, scope, inputs, made_of)

    def _parts(self, layer: Layer, scope: str, inputs: Sequence[Held], made_of: Composition) -> list[Held]:
        """Run the parts of a layer one after another, and free what no later part uses."""
        outer, unit = self.unit, next(self.operators.numbers)
        self.unit = outer or Unit(unit, layer.path, layer.op.word)
        owned = [self._owned(layer, scope, *one) for one in made_of.course.weights]
        values, known = [*inputs, *owned], (len(self.operators.untold), len(self.operators.unscratched))
        for stage, part in made_of.at(layer):
            values += self.run(part, scope, [values[at] for at in stage.taken])
            for at in stage.freed:
                self.drop(values[at])
        for value in owned:
            self.drop(value)
        self.operators.name_untold(known, layer)
        self.unit = outer
        results = (values[at] for at in made_of.course.stages[-1].given)
        return [
            replace(y, type=replace(y.type, axes=type.axes))
            for y, type in zip(results, layer.output_types, strict=True)
        ]

    def _owned(self, layer: Layer, scope: str, own: Own, type: TensorType) -> Held:
        """Return a weight that a part takes as a value, and record where its gradient goes."""
        number, trained = next(self.operators.numbers), dict(self.operators.weights(layer))
        needs = self.setup.training and own.name in trained
        laid = Laid(type.shape, type.axes, type.dtype, contiguous(type.shape), number)
        if needs and self.recording and (unit := self.unit):
            wanting = Wanting(self._keys(layer, scope)[own.name], trained[own.name], bool(own.shape), own.relaid)
            self.record(Step(layer.path, unit.word, (number,), (), (wanting,), (), 0, True, unit=unit.number))
        return Held(number, laid, -1, layer.path, needs, lasting=True)

    def _one(
        self, layer: Layer, scope: str, inputs: Sequence[Held], over: int | None, slim: Slim | None
    ) -> list[Held]:  # fmt: skip
        """Run a layer that torch computes as one."""
        told = self.operators.ask(layer, inputs)
        weights = self.operators.weights(layer) if self.setup.training else ()
        wanted = Wanted(tuple(x.needs for x in inputs), bool(weights))
        unit = self.unit or Unit(None, layer.path, layer.op.word)
        self.heap.begin(self.phase, unit.path, unit.word, unit.number)
        made = self._prepared(layer, scope, told, inputs, wanted)
        own = self.keeping.own(layer, told, wanted) if self.recording else {}
        copied = self.keeping.copies(layer, told, wanted, made.inputs, over) if self.recording else []
        passing = self._temporaries(layer, told.beside_saved if own else told.temporaries)
        wants = wanted.any and not layer.op.detached
        results = [
            self._result(layer, told, type, spare, made.inputs, wants)
            if over is None
            else self._over(layer, made.inputs[over], wants)
            for type, spare in zip(told.types, told.spare, strict=True)
        ]
        self.heap.brush(told.scratch + made.passing)
        if passing is not None:
            self.heap.drop(passing)
        if self.recording and any(y.needs for y in results):
            made_of = served(slim, inputs)
            saved = self.keeping.values(
                layer, told, wanted, (made.inputs, tuple(results)), over, slim if made_of else None
            )
            results[0], parts = self.keeping.slim(layer, slim, results[0], made_of)
            kept = (*own.pop((), ()), *copied, *saved, *parts, *made.kept)
            step = self._step(layer, scope, told, made, results, kept)
            again = needed(made_of, results[0].made_of) if self.keeping.reads(layer, told, wanted) else None
            scratch = self.operators.scratch_backward(layer, inputs, wanted)
            partial = ((tuple(results[at].number for at in of), tuple(some)) for of, some in own.items())
            step = replace(step, scratch=scratch, partial=tuple(partial), again=again)
            for one in (*made.steps, step):
                self.record(one)
        for x, cast in zip(inputs, made.inputs, strict=True):
            if x is not cast:
                self.drop(cast)
        return results

    def record(self, entry: Step | Recomputed, inputs: Sequence[Held] = ()) -> None:
        """Record an operation for backward. It uses the values that get gradients from it, and the `inputs`."""
        wishes = entry.wishes if isinstance(entry, Step) else ()
        uses = (*(wish.value for wish in wishes), *(x.number for x in inputs))
        taken = {x.number for x in inputs}  # a value that a call returns unchanged has its node already
        partial = entry.partial if isinstance(entry, Step) else ()
        serving = {value for values, _ in partial for value in values}
        first = [y for y in entry.outputs if y not in taken and y not in serving]
        self.history.record(first, uses, entry.kept, self.tape)
        for values, storages in partial:
            self.history.record(values, first, storages, self.tape)
        self.tape.append(entry)

    def _prepared(self, layer: Layer, scope: str, told: Told, inputs: Sequence[Held], wanted: Wanted) -> Prepared:
        """Return the operands of a layer: its inputs and weights, cast where autocast casts them."""
        how = layer.op.autocast(*layer.input_types) if told.computed else None
        if how is None or how.dtype not in ("lower", "float32"):
            return Prepared(tuple(inputs))
        return self.copies.prepare(layer, told, inputs, wanted, self._keys(layer, scope), self.times)

    def _keys(self, layer: Layer, scope: str) -> dict[str, str]:
        """Return the key of each trained weight, by name: its own, or that of the weight to which it is tied."""
        own, ties = layer.path[len(scope) + 1 :] if scope else layer.path, layer.ties
        names = (name for name, _ in self.operators.weights(layer))
        return {name: join_path(scope, ties.get(name) or join_path(own, name)) for name in names}

    def _temporaries(self, layer: Layer, sizes: Sequence[int]) -> int | None:
        """Allocate the temporaries of each internal call in turn; return the storage of the last call's."""
        last: int | None = None
        for size in sizes:
            if last is not None:
                self.heap.drop(last)
            last = self.heap.take(size, "activations", layer.path)
        return last

    def _step(
        self, layer: Layer, scope: str, told: Told, made: Prepared, results: Sequence[Held], kept: tuple[int, ...]
    ) -> Step:  # fmt: skip
        """Return the step of the backward pass for this layer."""
        wishes = tuple(
            Wish(x.number, self._bytes(x), x.path, place, at in told.viewed, self._wide(at, x, told))
            for at, (x, place) in enumerate(zip(made.inputs, told.places, strict=True))
            if x.needs
        )
        keys = self._keys(layer, scope)
        sizes = tuple(
            Wanting(keys[name], size, name in told.viewed)
            for name, size in self.operators.weights(layer)
            if not made.wishes
        )
        numbers, size, wishes = tuple(y.number for y in results), self._bytes(results[0]), (*wishes, *made.wishes)
        unit = self.unit or Unit(None, layer.path, layer.op.word)
        return Step(
            unit.path, unit.word, numbers, wishes, sizes, kept, size, layer.op.declared, one_call=told.one_call,
            unit=unit.number,
        )  # fmt: skip

    def _wide(self, at: int, x: Held, told: Told) -> int:
        """Return the bytes of an input's gradient in the wider dtype in which it is computed; 0 if it is not."""
        return self.setup.bytes(x.type.shape, told.computed or "") if at in told.cast_back else 0

    def _bytes(self, value: Held) -> int:
        return self.setup.bytes(value.type.shape, value.type.dtype)

    def _result(
        self, layer: Layer, told: Told, type: Laid, spare: int, inputs: Sequence[Held], wanted: bool
    ) -> Held:  # fmt: skip
        """Return an output: in new memory of its size and `spare` bytes, or a view of the first input."""
        number = next(self.operators.numbers)
        needs = wanted and type.is_float
        if layer.op.declared:
            return Held(number, _placed(type, number), -1, layer.path, needs, lasting=True)
        if not told.view:
            size = self.setup.bytes(type.shape, type.dtype) + spare
            storage = self.heap.take(size, "activations", layer.path)
            return Held(number, _placed(type, number), storage, layer.path, needs)
        first = inputs[0]
        self.hold_storage(first)
        return Held(number, view_of(first.type, type, number), first.storage, layer.path, needs, first.lasting)

    def _over(self, layer: Layer, given: Held, wanted: bool) -> Held:
        """Return an output that is written over an input."""
        number = next(self.operators.numbers)
        self.hold_storage(given)
        return Held(number, _placed(given.type, number), given.storage, layer.path, wanted, given.lasting)


def _placed(type: Laid, place: int) -> Laid:
    return Laid(type.shape, type.axes, type.dtype, type.strides, place)
