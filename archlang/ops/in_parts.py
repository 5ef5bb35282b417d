"""Operators that torch computes in parts, each of them an operator: how they run follows from the parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from archlang.ops.answers import Autocast, GradientPlace, Saved
from archlang.ops.base import Operator, Temporaries
from archlang.ops.flowing import autocast_of
from archlang.ops.layouts import Laid, MemoryFormat, Strides, channels_last, contiguous
from archlang.ops.parts import Course, Own, Part, Stage, freeing
from archlang.shapes import TensorType, param_type

OWN_PLACE = 1_000_000  # from here on, the places of values within a composition


@dataclass(frozen=True, slots=True)
class Value:
    """A value: its type, the value whose memory it is, the atoms of the gradients for which it needs one, its name.

    An atom is the number of an input, or -1 for the weights. A weight is `lasting`: it is alive anyway.
    """

    type: TensorType
    root: int
    atoms: frozenset[int]
    name: str = ""
    lasting: bool = False


class InParts(Operator):
    """An operator that tells its `parts`; the last part gives the result. Without parts, torch computes it as one.

    Saved bytes, memory layout, temporaries, both passes, gradient places and autocast are derived from them. What is
    true on paper it says itself, unless it is `Composed`.
    """

    def parts(self, *inputs: Any, **_: Any) -> tuple[Part, ...]:
        """Return the parts, in the order in which they are computed."""
        raise TypeError(f"{type(self).__name__} does not say its parts")

    def course(self, *inputs: Any, training: bool = True, **_: Any) -> Course | None:
        parts = self.parts(*inputs)
        return course_of(self, parts, inputs) if parts else None

    def view(self, *inputs: Any, **_: Any) -> bool | None:
        course = self.course(*inputs)
        if course is None:
            return super().view(*inputs)
        views = [stage.part.op.view(*stage.inputs) for stage in course.stages]
        return None if None in views else values_of(course)[-1].root == 0

    def strides(self, *inputs: Any, **_: Any) -> tuple[Strides, ...] | None:
        course = self.course(*inputs)
        if course is None:
            return super().strides(*inputs)
        each = [stage.part.op.strides(*stage.inputs) for stage in course.stages]
        return None if None in each else each[-1]

    def is_fresh(self, *inputs: Any, **_: Any) -> bool:
        return super().is_fresh(*inputs) and self.course(*inputs) is None

    def saved(self, *inputs: Any, **_: Any) -> tuple[Saved, ...] | None:
        course = self.course(*inputs)
        if course is None:
            return super().saved(*inputs)
        values = values_of(course)
        found: dict[object, Saved] = {}
        wanted: dict[object, frozenset[int]] = {}
        for stage, flows in zip(course.stages, flowing_back(course), strict=True):
            numbers = {"input": stage.taken, "output": stage.given}
            saved = stage.part.op.saved(*stage.inputs)
            if saved is None:
                return None
            for one in saved if flows else ():
                root = None if one.what == "own" else values[numbers[one.what][one.index]].root
                if root is not None and values[root].lasting:
                    continue
                key: object = (stage.given, one.name) if root is None else root
                wanted[key] = wanted.get(key, frozenset()) | _atoms(one, stage, values)
                found[key] = one if root is None else _kept(root, one, values, len(inputs))
        kept = ((one, wanted[key]) for key, one in found.items() if wanted[key])
        return tuple(replace(one, when=_when(atoms, inputs)) for one, atoms in kept)

    def gradient_places(self, *inputs: Any, **_: Any) -> tuple[GradientPlace, ...] | None:
        course = self.course(*inputs)
        if course is None:
            return super().gradient_places(*inputs)
        uses: dict[int, list[tuple[int, GradientPlace]]] = {}  # of each value: the results that use it, and the places
        stages = course.stages
        for stage in stages:
            places = stage.part.op.gradient_places(*stage.inputs)
            if places is None:
                return None
            for at, place in zip(stage.taken, places, strict=True):
                uses.setdefault(at, []).append((stage.given[0], place))

        def place_of(at: int) -> GradientPlace:
            """Handed on from the result where each step to it hands it on; gradients that meet are added anew."""
            if at == stages[-1].given[-1]:
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
        course = self.course(*inputs)
        if course is None:
            return super().temporaries(*inputs)
        values, last_use = values_of(course), _last_uses(course)
        alive: dict[int, TensorType] = {}
        found: list[tuple[TensorType, ...]] = []
        for number, stage in enumerate(course.stages):
            within = stage.part.op.temporaries(*stage.inputs)
            if within is None:
                return None
            found += [(*alive.values(), *call) for call in within]
            if number == len(course.stages) - 1:
                others = tuple(x for root, x in alive.items() if root != values[-1].root)  # it is the result itself
                found += [] if within else [others]
                break
            beside = within[-1] if within else ()
            alive |= {at: values[at].type for at in stage.given if values[at].root == at}
            found.append((*alive.values(), *beside))
            alive = {root: x for root, x in alive.items() if last_use.get(root, number) > number}
        return tuple(found)

    def temporaries_beside_saved(self, *inputs: Any, **_: Any) -> Temporaries | None:
        """Return the temporaries if they are exact: those that are saved later must have the saved tensors' sizes."""
        course = self.course(*inputs)
        if course is None:
            return super().temporaries_beside_saved(*inputs)
        values, last_use = values_of(course), _last_uses(course)
        saved = self.saved(*inputs)
        if saved is None:
            return None
        to_come = [one for one in saved if one.what == "own"]
        names = {one.name for one in to_come}
        alive: dict[int, TensorType] = {}
        found: list[tuple[TensorType, ...]] = []
        for number, stage in enumerate(course.stages):
            here = [at for at in stage.given if values[at].root == at]
            if number < len(course.stages) - 1:
                alive |= {at: values[at].type for at in here if values[at].name not in names}
            to_come = [one for one in to_come if one.name not in {values[at].name for at in here}]
            others = _without([*alive.values()], to_come)
            if others is None:
                return None
            found.append(others)
            alive = {root: x for root, x in alive.items() if last_use.get(root, number) > number}
        return tuple(found)

    def backward_in_one_call(self, *inputs: Any, **_: Any) -> bool | None:
        course = self.course(*inputs)
        if course is None:
            return super().backward_in_one_call(*inputs)
        (first, *others) = course.stages
        return None if others else first.part.op.backward_in_one_call(*first.inputs)

    def autocast(self, *inputs: Any, **_: Any) -> Autocast | None:
        course = self.course(*inputs)
        return super().autocast(*inputs) if course is None else autocast_of(course)


def course_of(op: Operator, parts: Sequence[Part], inputs: tuple[TensorType, ...]) -> Course:
    """Return the parts of an operator with the types of their values, which have memory layouts if the inputs do."""
    owns = tuple(dict.fromkeys(one for part in parts for one in part.inputs if isinstance(one, Own)))
    values = [*inputs, *_owned(op, owns, inputs)]
    first = len(values)
    stages: list[Stage] = []
    for part in parts:
        taken, holds = (
            tuple(
                len(inputs) + owns.index(one) if isinstance(one, Own) else one + len(owns) * (one >= len(inputs))
                for one in several
            )
            for several in (part.inputs, part.holds)
        )
        given = tuple(values[at] for at in taken)
        outputs = _laid(part.op, given, len(values))
        numbers = tuple(range(len(values), len(values) + len(outputs)))
        stages.append(Stage(part, taken, given, numbers, outputs, holds=holds))
        values += outputs
    return Course(inputs, tuple(zip(owns, values[len(inputs) : first], strict=True)), freeing(stages, first))


def _owned(op: Operator, owns: Sequence[Own], inputs: Sequence[TensorType]) -> Iterator[TensorType]:
    """Yield the types of the weights that are values, with memory layouts if the inputs have them."""
    weights = {weight.name: weight for weight in op.weights(*inputs)} if owns else {}
    for at, own in enumerate(owns):
        weight = weights[own.name]
        x = param_type(own.shape or weight.shape, weight.dtype)
        first = inputs[0]
        if isinstance(first, Laid):
            strides = channels_last(x.shape) if first.weights and len(weight.shape) == 4 else contiguous(x.shape)
            yield Laid(x.shape, x.axes, x.dtype, strides, OWN_PLACE - 1 - at, first.weights)
        else:
            yield x


def _laid(op: Operator, given: Sequence[TensorType], place: int) -> tuple[TensorType, ...]:
    """Return the outputs of a part, with memory layouts if its inputs have them."""
    outputs: tuple[TensorType, ...] = op.outputs(*given)
    formats: list[MemoryFormat | None] = [x.weights for x in given if isinstance(x, Laid)]
    if not formats:
        return outputs
    strides = op.strides(*given) or [contiguous(y.shape) for y in outputs]
    return tuple(
        Laid(y.shape, y.axes, y.dtype, each, OWN_PLACE + place + at, formats[0])
        for at, (y, each) in enumerate(zip(outputs, strides, strict=True))
    )


def values_of(course: Course) -> list[Value]:
    """Return the values of a course, by number: its inputs, its weights, the results of its parts."""
    values = [Value(x, at, frozenset({at} if x.is_float else ())) for at, x in enumerate(course.inputs)]
    values += [
        Value(x, len(course.inputs) + at, frozenset({-1} if own.trained else ()), lasting=True)
        for at, (own, x) in enumerate(course.weights)
    ]
    for stage in course.stages:
        part = stage.part
        atoms = frozenset[int]().union(*(values[at].atoms for at in stage.taken))
        atoms |= frozenset({-1} if part.op.params(*stage.inputs) else ())
        is_view = part.op.view(*stage.inputs)
        for y in stage.outputs:
            root = values[stage.taken[0]].root if is_view else len(values)
            needs = atoms if y.is_float and not part.op.detached else frozenset[int]()
            values.append(Value(y, root, needs, part.name or f"value {len(values)}"))
    return values


def flowing_back(course: Course) -> list[bool]:
    """Return for each part whether a gradient of the result flows through it."""
    reached, found = {*course.stages[-1].given}, [False] * len(course.stages)
    for at in reversed(range(len(course.stages))):
        stage = course.stages[at]
        found[at] = not (stage.part.op.detached or reached.isdisjoint(stage.given))
        reached.update(stage.taken if found[at] else ())
    return found


def _last_uses(course: Course) -> dict[int, int]:
    """Return the number of the part that uses each memory last; after the last one where a variable holds it."""
    values = values_of(course)
    uses = {values[at].root: number for number, stage in enumerate(course.stages) for at in stage.taken}
    held = (at for stage in course.stages if stage.part.held for at in stage.given)
    return uses | {values[at].root: len(course.stages) for at in held}


def _without(alive: Sequence[TensorType], to_come: Sequence[Saved]) -> tuple[TensorType, ...] | None:
    """Return the allocated tensors without those that are saved later and counted there; None if sizes differ."""
    left = list(alive)
    for one in to_come:
        same = next((x for x in left if (x.shape, x.dtype) == (one.shape, one.dtype)), None)
        if same is None and left:
            return None
        left = [x for x in left if x is not same]
    return tuple(left)


def _kept(root: int, one: Saved, values: Sequence[Value], inputs: int) -> Saved:
    """Return a saved value of a part as an answer of the composition: an input, the result, or a tensor of its own."""
    if root < inputs:
        return replace(one, what="input", index=root)
    if root == values[-1].root:
        return replace(one, what="output", index=0)
    x = values[root].type
    per_image = "n" in x.axes
    return replace(one, what="own", index=0, shape=x.shape, dtype=x.dtype, per_image=per_image, name=values[root].name)


def _atoms(one: Saved, stage: Stage, values: Sequence[Value]) -> frozenset[int]:
    """Return the gradients of the composition for which a part's tensor is saved."""
    places = one.when if isinstance(one.when, tuple) else range(len(stage.taken)) if one.when != "weights" else ()
    atoms = frozenset[int]().union(*(values[stage.taken[at]].atoms for at in places))
    return atoms | {-1} if one.when in ("any", "weights") else atoms


def _when(atoms: frozenset[int], inputs: Sequence[TensorType]) -> Literal["any", "weights", "inputs"] | tuple[int, ...]:
    """Return these gradients in the form of `Saved.when`."""
    floats = {at for at, x in enumerate(inputs) if x.is_float}
    if -1 in atoms:
        return "weights" if atoms == frozenset({-1}) else "any"
    return "inputs" if atoms >= floats else tuple(sorted(atoms))
