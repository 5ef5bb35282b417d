"""Operators that are composed of others: what holds of them follows from their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archlang.ops.answers import Expression, Module, Reach, Slide, Stored, Wanted, Weight, Work
from archlang.ops.in_parts import InParts, course_of, flowing_back, values_of
from archlang.ops.parts import Course, Part, module_of, own_name
from archlang.shapes import TensorType

__all__ = ["Composed", "Part"]


class Composed(InParts):
    """An operator whose `parts` determine everything: shapes, weights, arithmetic, reach, and how it runs."""

    def _course(self, inputs: tuple[TensorType, ...]) -> Course:
        return course_of(self, self.parts(*inputs), inputs)

    def outputs(self, *inputs: Any, **_: Any) -> tuple[TensorType, ...]:
        return self._course(inputs).stages[-1].outputs

    def knows_formats(self, *inputs: Any, **_: Any) -> bool:
        return all(stage.part.op.knows_formats(*stage.inputs) for stage in self._course(inputs).stages)

    def weights(self, *inputs: Any, **_: Any) -> tuple[Weight, ...]:
        return tuple(
            replace(weight, name=own_name(stage.part, weight.name))
            for stage in self._course(inputs).stages
            for weight in stage.part.op.weights(*stage.inputs)
        )

    def work(self, *inputs: Any, **_: Any) -> Work:
        return sum((stage.part.op.work(*stage.inputs) for stage in self._course(inputs).stages), Work())

    def training_work(self, *inputs: Any, **_: Any) -> Work:
        return sum((stage.part.op.training_work(*stage.inputs) for stage in self._course(inputs).stages), Work())

    def backward(self, wanted: Wanted, *inputs: Any, **_: Any) -> Work:
        course = self._course(inputs)
        values = values_of(course)
        atoms = {at for at, flag in enumerate(wanted.inputs) if flag} | ({-1} if wanted.weights else set[int]())
        works = (
            stage.part.op.backward(
                Wanted(tuple(bool(values[at].atoms & atoms) for at in stage.taken), wanted.weights), *stage.inputs
            )
            for stage, flows in zip(course.stages, flowing_back(course), strict=True)
            if flows
        )
        return sum(works, Work())

    def reach(self, *inputs: Any, **_: Any) -> Reach | None:
        stages = self._course(inputs).stages
        reaches: list[Reach | None] = [stage.part.op.reach(*stage.inputs) for stage in stages]
        if None in reaches:
            return None
        windows = [reach for reach in reaches if reach != Reach()]
        is_chain = all(stage.taken == (at,) for at, stage in enumerate(stages))
        if len(windows) > 1 and not is_chain:
            return None
        return _through([reach for reach in windows if reach is not None])

    def torch(self, *inputs: Any, **_: Any) -> Module | Expression | Stored:
        """Return a class of its own, in which each part with a name is a module of that name."""
        return module_of(type(self).__name__, self._course(inputs).stages, len(inputs))


def _through(reaches: Sequence[Reach]) -> Reach | None:
    """Return what one position sees through a chain of windows; None if an axis changes its name between them."""
    if len(reaches) == 1:
        return reaches[0]
    seen: dict[str, Slide] = {}
    for reach in reaches:
        if reach.inputs or reach.outputs or any(slide.axis for slide in reach.slides.values()):
            return None
        for axis, then in reach.slides.items():
            now = seen.get(axis, Slide())
            is_even = all(isinstance(n, int) for n in (then.extent, then.step, then.before))
            if not is_even or then.phases or then.past:
                return None
            every = then.every if now == Slide() else now.every if then.extent == 1 else 1
            extent = now.extent + (then.extent - 1) * now.step
            seen[axis] = Slide(extent, now.step * then.step, now.before + then.before * now.step, every=every)
    return Reach(seen)
