"""Operators that torch computes in parts, each of them an operator: how they run follows from the parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from archlang.ops.answers import Autocast, GradientPlace, Saved
from archlang.ops.base import Operator, Temporaries
from archlang.ops.flowing import Flow, autocast_of
from archlang.ops.layouts import Laid, MemoryFormat, Strides, contiguous
from archlang.ops.parts import Part
from archlang.shapes import TensorType

OWN_PLACE = 1_000_000  # from here on, the places of values within a composition


@dataclass(frozen=True, slots=True)
class _Value:
    """A value: its type, the value whose memory it shares, the gradients that its own gradient serves, its name.

    These gradients are `atoms`: the number of an input, or -1 for the weights of the parts.
    """

    type: TensorType
    root: int
    atoms: frozenset[int]
    name: str = ""


class InParts(Operator):
    """An operator that lists its `parts`; the last part gives the result.

    Saved bytes, memory layout, temporaries, gradient places and autocast are derived from them. It declares what is
    true on paper itself, unless it is `Composed`.
    """

    def parts(self, *inputs: Any, **_: Any) -> tuple[Part, ...]:
        """Return the parts, in the order in which they are computed."""
        raise TypeError(f"{type(self).__name__} does not say its parts")

    def _steps(self, inputs: Sequence[TensorType]) -> Iterator[tuple[Part, list[TensorType], tuple[TensorType, ...]]]:
        """Yield each part, its inputs and its outputs, with memory layouts if those of the inputs are known."""
        values = list(inputs)
        is_laid = any(isinstance(x, Laid) for x in inputs)
        formats: list[MemoryFormat | None] = [x.weights for x in inputs if isinstance(x, Laid)]
        weights = formats[0] if formats else None
        for part in self.parts(*inputs):
            given = [values[at] for at in part.inputs]
            outputs = part.op.outputs(*given)
            if is_laid:
                strides = part.op.strides(*given) or [contiguous(y.shape) for y in outputs]
                outputs = tuple(
                    Laid(y.shape, y.axes, y.dtype, each, OWN_PLACE + len(values) + at, weights)
                    for at, (y, each) in enumerate(zip(outputs, strides, strict=True))
                )
            yield part, given, outputs
            values += outputs

    def _values(self, inputs: Sequence[TensorType]) -> list[_Value]:
        values = [_Value(x, at, frozenset({at} if x.is_float else ())) for at, x in enumerate(inputs)]
        for part, given, outputs in self._steps(inputs):
            atoms = frozenset[int]().union(*(values[at].atoms for at in part.inputs))
            atoms |= frozenset({-1} if part.op.params(*given) else ())
            is_view = part.op.view(*given)
            for y in outputs:
                root = values[part.inputs[0]].root if is_view else len(values)
                values.append(
                    _Value(
                        y,
                        root,
                        atoms if y.is_float and not part.op.detached else frozenset(),
                        part.name or f"value {len(values)}",
                    )
                )
        return values

    def _last_uses(self, inputs: Sequence[TensorType]) -> dict[int, int]:
        """Return the number of the part that uses each value last; one past the end if a variable holds the value."""
        values, steps, first = self._values(inputs), list(self._steps(inputs)), len(inputs)
        uses: dict[int, int] = {}
        held: dict[int, int] = {}
        for number, (part, _given, outputs) in enumerate(steps):
            uses |= {values[at].root: number for at in part.inputs}
            held |= {values[first + at].root: len(steps) for at in range(len(outputs)) if part.held}
            first += len(outputs)
        return uses | held

    def _backward(self, inputs: Sequence[TensorType]) -> list[bool]:
        """Return for each part whether a gradient of the result flows through it."""
        steps, first = list(self._steps(inputs)), len(inputs)
        numbers: list[range] = []
        for _part, _given, outputs in steps:
            numbers.append(range(first, first + len(outputs)))
            first += len(outputs)
        reached, found = {*numbers[-1]}, [False] * len(steps)
        for at in reversed(range(len(steps))):
            part = steps[at][0]
            found[at] = not (part.op.detached or reached.isdisjoint(numbers[at]))
            reached.update(part.inputs if found[at] else ())
        return found

    def view(self, *inputs: Any, **_: Any) -> bool | None:
        views = [part.op.view(*given) for part, given, _ in self._steps(inputs)]
        return None if None in views else self._values(inputs)[-1].root == 0

    def strides(self, *inputs: Any, **_: Any) -> tuple[Strides, ...] | None:
        last: tuple[Strides, ...] | None = None
        for part, given, _outputs in self._steps(inputs):
            last = part.op.strides(*given)
            if last is None:
                return None
        return last

    def saved(self, *inputs: Any, **_: Any) -> tuple[Saved, ...] | None:
        values, first = self._values(inputs), len(inputs)
        found: dict[object, Saved] = {}
        wanted: dict[object, frozenset[int]] = {}
        for (part, given, outputs), flows in zip(self._steps(inputs), self._backward(inputs), strict=True):
            numbers = {"input": part.inputs, "output": tuple(range(first, first + len(outputs)))}
            saved = part.op.saved(*given)
            if saved is None:
                return None
            for one in saved if flows else ():
                root = None if one.what == "own" else values[numbers[one.what][one.index]].root
                key: object = (first, one.name) if root is None else root
                wanted[key] = wanted.get(key, frozenset()) | _atoms(one, part, values)
                found[key] = one if root is None else _kept(root, one, values, len(inputs))
            first += len(outputs)
        kept = ((one, wanted[key]) for key, one in found.items() if wanted[key])
        return tuple(replace(one, when=_when(atoms, inputs)) for one, atoms in kept)

    def gradient_places(self, *inputs: Any, **_: Any) -> tuple[GradientPlace, ...] | None:
        uses: dict[int, list[tuple[int, GradientPlace]]] = {}  # of each value: the results that use it, and the places
        first = len(inputs)
        for part, given, outputs in self._steps(inputs):
            places = part.op.gradient_places(*given)
            if places is None:
                return None
            for at, place in zip(part.inputs, places, strict=True):
                uses.setdefault(at, []).append((first, place))
            first += len(outputs)

        def place_of(at: int) -> GradientPlace:
            """Return the place: that of the result's gradient if every step passes it on. A sum of gradients is new."""
            if at == first - 1:
                return "whole"
            if len(uses.get(at, ())) != 1:
                return "new"
            ((result, place),) = uses[at]
            after = place_of(result)
            if "part" in (place, after) and {place, after} <= {"part", "whole"}:
                return "part"
            return "whole" if place == after == "whole" else "new"

        return tuple(place_of(at) for at in range(len(inputs)))

    def temporaries(self, *inputs: Any, **_: Any) -> Temporaries | None:
        values, first = self._values(inputs), len(inputs)
        last_use = self._last_uses(inputs)
        alive: dict[int, TensorType] = {}
        found: list[tuple[TensorType, ...]] = []
        steps = list(self._steps(inputs))
        for number, (part, given, outputs) in enumerate(steps):
            within = part.op.temporaries(*given)
            if within is None:
                return None
            found += [(*alive.values(), *call) for call in within]
            if number == len(steps) - 1:
                others = tuple(x for root, x in alive.items() if root != values[-1].root)  # it is the result itself
                found += [] if within else [others]
                break
            beside = within[-1] if within else ()
            alive |= {at: values[at].type for at in range(first, first + len(outputs)) if values[at].root == at}
            found.append((*alive.values(), *beside))
            alive = {root: x for root, x in alive.items() if last_use.get(root, number) > number}
            first += len(outputs)
        return tuple(found)

    def temporaries_beside_saved(self, *inputs: Any, **_: Any) -> Temporaries | None:
        """Return the temporaries if they are exact: tensors that are saved later must have the saved sizes."""
        values, first, steps = self._values(inputs), len(inputs), list(self._steps(inputs))
        last_use = self._last_uses(inputs)
        saved = self.saved(*inputs)
        if saved is None:
            return None
        to_come = [one for one in saved if one.what == "own"]
        names = {one.name for one in to_come}
        alive: dict[int, TensorType] = {}
        found: list[tuple[TensorType, ...]] = []
        for number, (_part, _given, outputs) in enumerate(steps):
            here = [at for at in range(first, first + len(outputs)) if values[at].root == at]
            if number < len(steps) - 1:
                alive |= {at: values[at].type for at in here if values[at].name not in names}
            to_come = [one for one in to_come if one.name not in {values[at].name for at in here}]
            others = _without([*alive.values()], to_come)
            if others is None:
                return None
            found.append(others)
            alive = {root: x for root, x in alive.items() if last_use.get(root, number) > number}
            first += len(outputs)
        return tuple(found)

    def backward_in_one_call(self, *inputs: Any, **_: Any) -> bool | None:
        steps = list(self._steps(inputs))
        return steps[0][0].op.backward_in_one_call(*steps[0][1]) if len(steps) == 1 else None

    def autocast(self, *inputs: Any, **_: Any) -> Autocast | None:
        flows = [Flow(part, given, len(outputs)) for part, given, outputs in self._steps(inputs)]
        return autocast_of(flows, len(inputs))


def _without(alive: Sequence[TensorType], to_come: Sequence[Saved]) -> tuple[TensorType, ...] | None:
    """Return the allocated tensors without those that are saved later and counted there; None if sizes differ."""
    left = list(alive)
    for one in to_come:
        same = next((x for x in left if (x.shape, x.dtype) == (one.shape, one.dtype)), None)
        if same is None and left:
            return None
        left = [x for x in left if x is not same]
    return tuple(left)


def _kept(root: int, one: Saved, values: Sequence[_Value], inputs: int) -> Saved:
    """Return a saved value of a part as an answer of the composition: an input, the result, or a tensor of its own."""
    if root < inputs:
        return replace(one, what="input", index=root)
    if root == values[-1].root:
        return replace(one, what="output", index=0)
    x = values[root].type
    per_image = "n" in x.axes
    return replace(one, what="own", index=0, shape=x.shape, dtype=x.dtype, per_image=per_image, name=values[root].name)


def _atoms(one: Saved, part: Part, values: Sequence[_Value]) -> frozenset[int]:
    """Return the gradients of the composition for which a part's tensor is saved."""
    places = one.when if isinstance(one.when, tuple) else range(len(part.inputs)) if one.when != "weights" else ()
    atoms = frozenset[int]().union(*(values[part.inputs[at]].atoms for at in places))
    return atoms | {-1} if one.when in ("any", "weights") else atoms


def _when(atoms: frozenset[int], inputs: Sequence[TensorType]) -> Literal["any", "weights", "inputs"] | tuple[int, ...]:
    """Return these gradients in the form of `Saved.when`."""
    floats = {at for at, x in enumerate(inputs) if x.is_float}
    if -1 in atoms:
        return "weights" if atoms == frozenset({-1}) else "any"
    return "inputs" if atoms >= floats else tuple(sorted(atoms))
