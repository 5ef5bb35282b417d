"""Finds the first layer that differs: the earliest after which the net's values stay different from the reference's.

A value of the net is *known* if the reference computes it too, in whatever module or function. The search starts at an
output that differs and follows unknown values back to operations whose inputs are all known. The earliest of these
operations is the first difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlang.verify.tensors import differs, gap, shape
from archlang.verify.tracing import Call, Reference, Step, Trace
from archlang.verify.verdict import Difference

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Parting:
    """The recorded runs of the net and the reference.

    `paths` gives the reference's modules by the net's, `weighted` the net's modules that have weights, and `containers`
    those that hold steps of the spec.
    """

    ours: Trace
    theirs: Reference
    paths: Mapping[str, str]
    weighted: Collection[str]
    containers: Collection[str]
    tolerance: float

    def first(self) -> Difference | None:
        """Return the first layer that differs; None if no output does."""
        mine, outputs = self.ours.outputs, self.theirs.outputs
        if len(mine) != len(outputs):
            return Difference(_WHOLE, f"{len(mine)} tensors, in the reference {len(outputs)}")
        told = {value: self._differs(value, other) for value, other in zip(mine, outputs, strict=True)}
        wrong = {value: how for value, how in told.items() if how is not None}
        if not wrong:
            return None
        roots = sorted({root for value in wrong if value in self.ours.unknown for root in self._roots(value)})
        return self._told(roots[0]) if roots else Difference(_WHOLE, next(iter(wrong.values())))

    # ---- where the two differ

    def _roots(self, value: int) -> Iterator[int]:
        """Yield the steps that an unknown value depends on and whose own inputs are all known."""
        waiting, seen = [value], {value}
        while waiting:
            step = self.ours.made_by[waiting.pop()]
            unknown = self.ours.unknown.intersection(self.ours.steps[step].inputs)
            if not unknown:
                yield step
            waiting += unknown - seen
            seen |= unknown

    # ---- how it is reported

    def _told(self, at: int) -> Difference:
        step = self.ours.steps[at]
        if step.call.path not in self.containers:
            return self._layer(step)
        follower = self._follower(at)
        before = self._last_layer(step.inputs)
        if follower is None:
            return Difference(_WHOLE, f"what it gives differs, after {before}: {self._new(step.outputs[0])}")
        how = self._entry_differs(follower) or self._new(step.outputs[0])
        return Difference(self._name(follower.call), f"what flows into it differs, after {before}: {how}")

    def _layer(self, step: Step) -> Difference:
        """Return the difference at an operation within a layer: in the layer's input or in its result."""
        name = self._name(step.call)
        entry = next(one for one in self.ours.steps if one.is_entry and one.call == step.call)
        how = self._entry_differs(entry)
        if how is not None:
            return Difference(name, f"what flows into it differs, after {self._last_layer(entry.inputs)}: {how}")
        partner = self._partner(step.call)
        value = self.ours.values[step.outputs[0]]
        if partner is None:
            return Difference(name, self._new(step.outputs[0]))
        if partner not in self.theirs.taken:
            mine, other = self.ours.calls[step.call.path], self.theirs.calls[partner.path]
            return Difference(
                name, f"{self._new(step.outputs[0])}; it is called {mine} times, in the reference {other}"
            )
        near = self._nearest(value, partner)
        if near is None:
            near = next(iter(self.theirs.given.get(partner, ())), None)
        return Difference(
            name, (near is not None and differs(value, near, self.tolerance)) or self._new(step.outputs[0])
        )

    def _nearest(self, value: Tensor, partner: Call) -> Tensor | None:
        """Return the value nearest to this one among those that the reference computes in the same layer."""
        within = [tensor for around, tensor in self.theirs.computed if partner in around]
        alike = [tensor for tensor in within if (tensor.shape, tensor.dtype) == (value.shape, value.dtype)]
        return min(alike, key=lambda tensor: gap(value, tensor), default=None)

    def _entry_differs(self, entry: Step) -> str | None:
        """Return how the input of a layer differs; None if it does not, or if the reference has no such call."""
        return self.ours.entries[entry.call] if self._partner(entry.call) is not None else None

    def _partner(self, call: Call) -> Call | None:
        """Return the same call in the reference; None if there is no sure one.

        A module without weights must be called equally often in both, since one activation may serve several places.
        """
        path = self.paths.get(call.path)
        if path is None or (call.path not in self.weighted and self.ours.calls[call.path] != self.theirs.calls[path]):
            return None
        return Call(path, call.number)

    def _follower(self, at: int) -> Step | None:
        """Return the first layer whose input depends on a step outside of layers."""
        flowing = set(self.ours.steps[at].outputs)
        for step in self.ours.steps[at + 1 :]:
            if flowing.intersection(step.inputs):
                if step.call.path not in self.containers:
                    return step
                flowing.update(step.outputs)
        return None

    def _last_layer(self, values: Collection[int]) -> str:
        """Return the name of the last layer that these values depend on."""
        waiting = [self.ours.made_by[value] for value in values if value in self.ours.made_by]
        while waiting:
            latest = waiting.pop(waiting.index(max(waiting)))
            step = self.ours.steps[latest]
            if step.call.path not in self.containers:
                return self._name(step.call)
            waiting += [self.ours.made_by[value] for value in step.inputs if value in self.ours.made_by]
        return "the input"

    def _name(self, call: Call) -> str:
        return f"`{call.path}`" + (f", call {call.number}" if self.ours.calls[call.path] > 1 else "")

    def _new(self, value: int) -> str:
        return f"{shape(self.ours.values[value])}, with values that the reference does not compute"

    def _differs(self, value: int, other: Tensor) -> str | None:
        return differs(self.ours.values[value], other, self.tolerance)


_WHOLE = "the whole net"


def entry_differs(
    theirs: Reference, paths: Mapping[str, str], tolerance: float, call: Call, inputs: Sequence[Tensor]
) -> str | None:  # fmt: skip
    """Return how the inputs of a call differ from those in the reference; None if they do not or there is no such call.

    `paths` gives the reference's modules by the net's.
    """
    taken = theirs.taken.get(Call(paths[call.path], call.number)) if call.path in paths else None
    if taken is None or len(taken) != len(inputs):  # attention may take its input once or three times
        return None
    told = (differs(value, other, tolerance) for value, other in zip(inputs, taken, strict=True))
    return next((how for how in told if how is not None), None)


class Pool:
    """A collection of tensors to search for the same values, in the same order, or in any order in another shape.

    Only tensors with the same minimum and maximum are compared in full.
    """

    def __init__(self, tensors: list[Tensor], tolerance: float) -> None:
        self.tolerance = tolerance
        self.alike: dict[tuple[object, int], list[tuple[Tensor, Tensor]]] = {}
        for tensor in tensors:
            if tensor.numel():
                self.alike.setdefault((tensor.dtype, tensor.numel()), []).append((_ends(tensor), tensor))

    def holds(self, value: Tensor) -> bool:
        if not value.numel():
            return True
        ends = _ends(value)
        near = [
            tensor for other, tensor in self.alike.get((value.dtype, value.numel()), ()) if self._equal(ends, other)
        ]
        flat = value.flatten()
        if any(self._equal(flat, tensor.flatten()) for tensor in near):
            return True
        others = [tensor for tensor in near if tensor.shape != value.shape]
        return bool(others) and any(self._equal(flat.sort()[0], tensor.flatten().sort()[0]) for tensor in others)

    def _equal(self, value: Tensor, other: Tensor) -> bool:
        import torch

        return torch.allclose(value, other, rtol=self.tolerance, atol=self.tolerance, equal_nan=True)


def _ends(tensor: Tensor) -> Tensor:
    import torch

    wide = tensor.flatten()
    wide = wide.to(torch.uint8) if wide.dtype == torch.bool else wide
    return torch.stack((wide.min(), wide.max()))
