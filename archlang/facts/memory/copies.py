"""What torch.autocast casts before an operation: inputs and weights. It caches the cast weights until it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from archlang.facts.memory.casts import AutocastUnknown, Held
from archlang.facts.memory.heap import Heap
from archlang.facts.memory.tape import Step, Wanting, Wish
from archlang.facts.memory.values import Operators, Told
from archlang.facts.storages import is_saved
from archlang.ir import Layer
from archlang.ops.base import Wanted


@dataclass(frozen=True, slots=True)
class Copy:
    """A cast copy of a weight: its value's number, its storage, and how many equal layers have one."""

    value: int
    storage: int
    times: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """The operands of an operation after autocast has cast them.

    `inputs` replace the operation's inputs. `wishes` are the wanted gradients of the weights' copies, `kept` the
    storages of copies that are saved for backward, `steps` the casts, in order. `passing` are the bytes of cast inputs
    that live during the call alone.
    """

    inputs: tuple[Held, ...]
    wishes: tuple[Wish, ...] = ()
    kept: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()
    passing: int = 0


@dataclass(frozen=True, slots=True)
class Copies:
    """The cached copies of weights, by key. A cast tensor that is not saved for backward lives only during the call."""

    heap: Heap
    operators: Operators
    cache: dict[str, Copy] = field(default_factory=dict[str, Copy])

    def prepare(
        self, layer: Layer, told: Told, inputs: Sequence[Held], wanted: Wanted, keys: Mapping[str, str], times: int
    ) -> Prepared:  # fmt: skip
        """Cast the operands of an operation. `keys` are those of its weights; `times` is the number of equal layers."""
        wishes: list[Wish] = []
        kept: list[int] = []
        steps: list[Step] = []
        how = layer.op.autocast(*layer.input_types)
        keeps, trained = dict(how.keeps if how else ()), dict(self.operators.weights(layer))
        weights = layer.op.weights(*layer.input_types) if how and how.dtype == "lower" else ()
        for weight in reversed(weights):
            setup, name = self.operators.setup, weight.name
            size = setup.bytes(weight.shape, told.computed or weight.dtype)
            is_wanted = name in keeps and (wanted.any if keeps[name] == "any" else any(wanted.inputs))
            if name not in trained:  # not cached
                kept += [self.heap.take(size, "kept by operators", layer.path)] if is_wanted else []
                continue
            if keys[name] not in self.cache:
                storage = self.heap.take(size, "kept by operators", layer.path)
                copy = self.cache[keys[name]] = Copy(next(self.operators.numbers), storage, times)
                steps.append(_cast(layer, copy.value, size, weights=(Wanting(keys[name], trained[name]),)))
            copy = self.cache[keys[name]]
            wishes.append(Wish(copy.value, size, layer.path, "new", name in told.viewed))
            if is_wanted:
                self.heap.hold(copy.storage)
                kept.append(copy.storage)
        cast = tuple(self._input(layer, told, at, x, wanted) for at, x in enumerate(inputs))
        for x, y in reversed(list(zip(inputs, cast, strict=True))):
            if x is not y and x.needs:
                wish = Wish(x.number, self._bytes(x), x.path, "new")
                steps.append(_cast(layer, y.number, self._bytes(y), wishes=(wish,)))
        passing = sum(self._bytes(y) for x, y in zip(inputs, cast, strict=True) if x is not y and y.lasting)
        return Prepared(cast, tuple(reversed(wishes)), tuple(kept), tuple(steps), passing)

    def _input(self, layer: Layer, told: Told, at: int, x: Held, wanted: Wanted) -> Held:
        """Return an input, cast to the dtype of the computation. The copy has a storage if it is saved for backward."""
        if not x.type.is_float or x.type.dtype == told.computed:
            return x
        if x.lasting:
            raise AutocastUnknown(layer, ", given a parameter")
        kept = wanted.any and any(
            (one.what, one.index) == ("input", at) and is_saved(one, layer, wanted) for one in told.saved
        )
        type = replace(x.type, dtype=told.computed or x.type.dtype)
        cast = Held(next(self.operators.numbers), type, -1, layer.path, x.needs, lasting=True)
        if not kept:
            return cast
        return replace(cast, storage=self.heap.take(self._bytes(cast), "activations", layer.path), lasting=False)

    def _bytes(self, value: Held) -> int:
        return self.operators.setup.bytes(value.type.shape, value.type.dtype)

    def end(self) -> None:
        """Free the copies that nothing else references, as autocast does at its end."""
        for times in dict.fromkeys(copy.times for copy in self.cache.values()):
            storages = [copy.storage for copy in self.cache.values() if copy.times == times]
            with self.heap.repeated(times):
                for storage in storages:
                    self.heap.drop(storage)
        self.cache.clear()


def _cast(
    layer: Layer, value: int, size: int, wishes: tuple[Wish, ...] = (), weights: tuple[Wanting, ...] = ()
) -> Step:  # fmt: skip
    return Step(layer.path, layer.op.word, (value,), wishes, weights, (), size)
