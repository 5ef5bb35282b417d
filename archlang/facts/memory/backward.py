"""The backward pass as torch's engine runs it: the operations in the reverse of their order in the forward pass.

While the backward of an operation runs, the gradient of its result and its saved tensors stay allocated. A second
gradient of a value or weight is added to the first in place, unless something else references the first's memory, as a
view references that of its base. Then the sum is a new tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archlang.facts.memory.heap import Heap
from archlang.facts.memory.tape import Entry, Recomputed, Repeated, Step, Wanting, Wish


@dataclass(frozen=True, slots=True)
class Gradients:
    """The gradients of values (by number) and of weights (by key): storage, and whether it can be added to in place.

    The weights' are accumulated, unless they are only `computed`.
    """

    heap: Heap
    computed: bool = False
    values: dict[int, tuple[int, bool]] = field(default_factory=dict[int, tuple[int, bool]])
    weights: dict[str, tuple[int, bool]] = field(default_factory=dict[str, tuple[int, bool]])
    declared: dict[int, Step] = field(default_factory=dict[int, "Step"])  # the parameters of the net, by value

    def run_back(self, steps: Sequence[Entry]) -> None:
        """Run the backward pass of these steps, the last first."""
        self.declared.update({one.outputs[0]: one for one in steps if isinstance(one, Step) and one.declared})
        for step in reversed(steps):
            if isinstance(step, Repeated):
                with self.heap.repeated(step.times):
                    self.run_back(step.steps)
            elif any(value in self.values for value in step.outputs):
                if isinstance(step, Recomputed):
                    self._recomputed(step)
                else:
                    self._back(step)

    def _recomputed(self, step: Recomputed) -> None:
        steps, outputs = step.again()
        for before, after in zip(step.outputs, outputs, strict=True):
            if before in self.values:
                self.values[after] = self.values.pop(before)
        self.run_back(steps)
        for storage in step.kept:
            self.heap.drop(storage)

    def _back(self, step: Step) -> None:
        heap = self.heap
        if step.declared:
            self._add_value_of(step, *self.values.pop(step.outputs[0]))
            return
        heap.begin("backward", step.path, step.word, step.unit)
        kept = step.kept_for(self.values)
        if step.again is not None:
            kept += step.again(heap)
        entering = [self.values.pop(value) for value in step.outputs if value in self.values]
        over: Sequence[int] = [*(storage for storage, _ in entering), *kept]
        if not step.one_call:  # several calls free these one by one, in an unknown order
            over = self._freed(step, over)
        given = self._gradients(step, entering[0])
        new = [heap.take(weight.bytes, "gradients of parameters", step.path) for weight in step.weights]
        heap.brush(step.scratch)
        for storage in over:
            heap.drop(storage)
        for wish, (storage, in_place) in zip(step.wishes, given, strict=True):
            self._add(wish, storage, in_place)
        # torch makes the last weight's gradient, the bias's, first
        for weight, storage in reversed(list(zip(step.weights, new, strict=True))):
            self._add_weight(step, weight, storage)

    def _freed(self, step: Step, over: Sequence[int]) -> Sequence[int]:
        """Free what a step uses, except for the incoming gradient, which it returns: a gradient may be a view of it."""
        handed_on = any(wish.place in ("whole", "part") for wish in step.wishes)
        left = over[:1] if handed_on else ()
        for storage in over[len(left) :]:
            self.heap.drop(storage)
        return left

    def _add_weight(self, step: Step, weight: Wanting, storage: int) -> None:
        if weight.key not in self.weights:
            self.weights[weight.key] = storage, not weight.view
            return
        first, in_place = self.weights[weight.key]
        if not in_place:
            both = self.heap.take(weight.bytes, "gradients of parameters", step.path)
            self.weights[weight.key] = both, True
            self.heap.drop(first)
        self.heap.drop(storage)

    def _gradients(self, step: Step, entering: tuple[int, bool]) -> list[tuple[int, bool]]:
        """Return the gradients of the inputs: a storage with a reference, and whether it can be added to in place."""
        heap, (storage, in_place) = self.heap, entering
        found: list[tuple[int, bool]] = []
        shared: int | None = None
        for wish in step.wishes:
            if wish.place in ("whole", "part"):
                heap.hold(storage)
                found.append((storage, in_place and not wish.view))
            elif wish.place == "shared" and shared is not None:
                heap.hold(shared)
                found.append((shared, True))
            else:
                size = step.bytes if wish.place == "summed" else wish.wide or wish.bytes
                if wish.place == "resized":
                    size = max(step.bytes, wish.bytes)
                shared = self._take(wish, size)
                found.append((shared, not wish.view))
        for at, wish in enumerate(step.wishes):
            sizes = [wish.wide or wish.bytes] * (wish.place == "summed") + [wish.bytes] * bool(wish.wide)
            for size in sizes:  # torch sums and casts one gradient after another, when all are computed
                before, found[at] = found[at][0], (self._take(wish, size), not wish.view or bool(wish.wide))
                heap.drop(before)
        return found

    def _take(self, wish: Wish, size: int) -> int:
        return self.heap.take(size, "gradients of activations", wish.path)

    def _add_value_of(self, step: Step, storage: int, in_place: bool) -> None:
        """Add the gradient of the value of a parameter to that of the weights that are tied to it."""
        heap = self.heap
        if not step.weights:
            heap.drop(storage)
            return
        (weight,) = step.weights
        in_place = in_place and not weight.view
        if weight.relaid and not self.computed:
            before, storage = storage, heap.take(weight.bytes, "gradients of parameters", step.path)
            heap.drop(before)
        if weight.key not in self.weights:
            self.weights[weight.key] = storage, in_place
            heap.kinds[storage] = "gradients of parameters"
            return
        first, adds_in_place = self.weights[weight.key]
        if not (adds_in_place and heap.references[first] == 1):
            self.weights[weight.key] = heap.take(weight.bytes, "gradients of parameters", step.path), True
            heap.drop(first)
        heap.drop(storage)

    def _add(self, wish: Wish, storage: int, in_place: bool) -> None:
        if wish.value in self.declared:
            self._add_value_of(self.declared[wish.value], storage, in_place)
            return
        if wish.value not in self.values:
            self.values[wish.value] = storage, in_place
            return
        first, adds_in_place = self.values[wish.value]
        if not (adds_in_place and self.heap.references[first] == 1):
            both = self.heap.take(wish.bytes, "gradients of activations", wish.path)
            self.values[wish.value] = both, True
            self.heap.drop(first)
        self.heap.drop(storage)
