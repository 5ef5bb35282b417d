"""The backward pass as torch's engine runs it: the operations in the reverse of the order in which they were done.

The gradient of an operation's result lives while its backward runs, and so does what was kept for it. A gradient that
reaches a value for the second time is added in place to the first, or to a new tensor where something else holds that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archlang.facts.memory.heap import Heap
from archlang.facts.memory.tape import Entry, Recomputed, Repeated, Step, Wish


@dataclass(frozen=True, slots=True)
class Gradients:
    """The gradients that there are: of values, storage and whether it is dense; of weights, by key."""

    heap: Heap
    values: dict[int, tuple[int, bool]] = field(default_factory=dict[int, tuple[int, bool]])
    weights: set[str] = field(default_factory=set[str])

    def run_back(self, steps: Sequence[Entry]) -> None:
        """The gradients of all that is wanted of these steps, the last first."""
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
        heap.begin("backward", step.path, step.word)
        if step.declared:
            self.weights.update(key for key, _ in step.weights)
            heap.kinds[self.values.pop(step.outputs[0])[0]] = "gradients of parameters"
            return
        kept = step.kept_for(self.values)
        entering = [self.values.pop(value) for value in step.outputs if value in self.values]
        given = self._gradients(step, entering[0])
        new = [(key, heap.take(size, "gradients of parameters", step.path)) for key, size in step.weights]
        for storage in (*(storage for storage, _ in entering), *kept):
            heap.drop(storage)
        for wish, (storage, dense) in zip(step.wishes, given, strict=True):
            self._add(wish, storage, dense)
        for key, storage in new:
            if key in self.weights:
                heap.drop(storage)  # added in place to the one that there is
            self.weights.add(key)

    def _gradients(self, step: Step, entering: tuple[int, bool]) -> list[tuple[int, bool]]:
        """The gradients of the inputs: of each its storage, of which a reference is held, and whether it is dense."""
        heap, (storage, dense) = self.heap, entering
        found: list[tuple[int, bool]] = []
        shared: int | None = None
        for wish in step.wishes:
            if wish.place in ("whole", "part"):
                heap.hold(storage)
                found.append((storage, dense and wish.place == "whole"))
            elif wish.place == "shared" and shared is not None:
                heap.hold(shared)
                found.append((shared, True))
            else:
                size = step.bytes if wish.place == "summed" else wish.bytes
                if wish.place == "resized":
                    size = max(step.bytes, wish.bytes)
                shared = heap.take(size, "gradients of activations", wish.path)
                found.append((shared, True))
        for at, wish in enumerate(step.wishes):
            if wish.place == "summed":
                before, found[at] = found[at][0], (heap.take(wish.bytes, "gradients of activations", wish.path), True)
                heap.drop(before)
        return found

    def _add(self, wish: Wish, storage: int, dense: bool) -> None:
        if wish.value not in self.values:
            self.values[wish.value] = storage, dense
            return
        first, was_dense = self.values[wish.value]
        if not (was_dense and self.heap.references[first] == 1):
            both = self.heap.take(wish.bytes, "gradients of activations", wish.path)
            self.values[wish.value] = both, True
            self.heap.drop(first)
        self.heap.drop(storage)
