"""Operators that are composed of others: what holds of them follows from their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from archlang.ops.answers import Expression, Module, Reach, Slide, Stored, Wanted, Weight, Work
from archlang.ops.in_parts import InParts
from archlang.ops.parts import Part, module_of
from archlang.shapes import TensorType

__all__ = ["Composed", "Part"]


class Composed(InParts):
    """An operator whose `parts` determine everything: shapes, weights, arithmetic, reach, and how it runs."""

    def outputs(self, *inputs: Any, **_: Any) -> tuple[TensorType, ...]:
        return list(self._steps(inputs))[-1][2]

    def knows_formats(self, *inputs: Any, **_: Any) -> bool:
        return all(part.op.knows_formats(*given) for part, given, _ in self._steps(inputs))

    def weights(self, *inputs: Any, **_: Any) -> tuple[Weight, ...]:
        return tuple(
            replace(weight, name=f"{part.name}.{weight.name}")
            for part, given, _ in self._steps(inputs)
            for weight in part.op.weights(*given)
        )

    def work(self, *inputs: Any, **_: Any) -> Work:
        return sum((part.op.work(*given) for part, given, _ in self._steps(inputs)), Work())

    def training_work(self, *inputs: Any, **_: Any) -> Work:
        return sum((part.op.training_work(*given) for part, given, _ in self._steps(inputs)), Work())

    def backward(self, wanted: Wanted, *inputs: Any, **_: Any) -> Work:
        values = self._values(inputs)
        atoms = {at for at, flag in enumerate(wanted.inputs) if flag} | ({-1} if wanted.weights else set[int]())
        works = (
            part.op.backward(
                Wanted(tuple(bool(values[at].atoms & atoms) for at in part.inputs), wanted.weights), *given
            )
            for (part, given, _), flows in zip(self._steps(inputs), self._backward(inputs), strict=True)
            if flows
        )
        return sum(works, Work())

    def reach(self, *inputs: Any, **_: Any) -> Reach | None:
        reaches: list[Reach | None] = [part.op.reach(*given) for part, given, _ in self._steps(inputs)]
        if None in reaches:
            return None
        windows = [reach for reach in reaches if reach != Reach()]
        is_chain = all(part.inputs == (at,) for at, part in enumerate(self.parts(*inputs)))
        if len(windows) > 1 and not is_chain:
            return None
        return _through([reach for reach in windows if reach is not None])

    def torch(self, *inputs: Any, **_: Any) -> Module | Expression | Stored:
        """Return a class of its own, in which each part with a name is a module of that name."""
        return module_of(type(self).__name__, list(self._steps(inputs)), len(inputs))


def _through(reaches: Sequence[Reach]) -> Reach | None:
    """Return what one position sees through a chain of windows; None if an axis changes its name between them."""
    seen: dict[str, Slide] = {}
    for reach in reaches:
        if reach.inputs or reach.outputs or any(slide.axis for slide in reach.slides.values()):
            return reach if len(reaches) == 1 else None
        for axis, then in reach.slides.items():
            now = seen.get(axis, Slide())
            if len(reaches) > 1 and not all(isinstance(n, int) for n in (then.extent, then.step, then.before)):
                return None
            extent = now.extent + (then.extent - 1) * now.step
            seen[axis] = Slide(extent, now.step * then.step, now.before + then.before * now.step)
    return Reach(seen)
