"""Receptive fields: which positions of the input each value of a net sees.

Interval arithmetic along each axis, over every path (Araujo, Norris and Sim 2019, doi:10.23915/distill.00021, for the
arithmetic of one path). Fields are not clipped at the border: one may be larger than the input, and its padding counts.
Channels are no positions, and so the axis `c` is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from archlang.ir import Graph, Layer
from archlang.ops.base import Reach, Slide
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Interval:
    """Along one axis, position i of a value sees positions i*stride - pad to i*stride - pad + size - 1 of the input."""

    size: int = 1
    stride: int = 1
    pad: int = 0

    def through(self, slide: Slide) -> Interval:
        """The interval after a window: extent k adds (k - 1) strides, padding p moves the start by p strides."""
        return Interval(
            self.size + (slide.extent - 1) * self.stride,
            self.stride * slide.step,
            self.pad + slide.before * self.stride,
        )

    def union(self, other: Interval) -> Interval | None:
        """The smallest interval that holds both; None where they move apart, as then no one size describes them."""
        if self.stride != other.stride:
            return None
        pad = max(self.pad, other.pad)
        return Interval(pad + max(self.size - self.pad, other.size - other.pad), self.stride, pad)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What one position of a value sees: an interval of the input along each axis, or the whole input.

    An axis is None where paths of different strides meet and no one interval describes it.
    """

    axes: Mapping[str, Interval | None] = field(default_factory=dict[str, Interval | None])
    whole: bool = False


WHOLE = ReceptiveField(whole=True)


def receptive_fields(graph: Graph) -> dict[int, ReceptiveField]:
    """The receptive field of each value of the net, numbered as in `graph.flat()`: the inputs first, from 0.

    Several inputs are taken to lie on one grid, as the two images of a pair do.
    """
    ports = (graph.root.types[port.value] for port in graph.root.inputs)
    seen = {number: ReceptiveField(dict.fromkeys(_positions(type), Interval())) for number, type in enumerate(ports)}
    for layer in graph.flat():
        result = _after(layer, [seen[value] for value in layer.inputs])
        seen.update(dict.fromkeys(layer.outputs, result))
    return seen


def _positions(type: TensorType) -> list[str]:
    return [axis for axis in type.axes if axis not in ("n", "c")]


def _after(layer: Layer, fields: Sequence[ReceptiveField]) -> ReceptiveField:
    inputs = layer.input_types
    reach = layer.op.reach(*inputs)
    if reach.whole or any(one.whole for one in fields):
        return WHOLE
    united: dict[str, Interval | None] = {}
    for one, type in zip(fields, inputs, strict=True):
        for axis, interval in one.axes.items():
            moved = interval and _moved(interval, axis, reach, type, layer.output_types[0])
            before = united.get(axis, moved)
            united[axis] = before.union(moved) if before and moved else None
    return ReceptiveField(united)


def _moved(interval: Interval, axis: str, reach: Reach, given: TensorType, result: TensorType) -> Interval:
    if axis in reach.slides:
        return interval.through(reach.slides[axis])
    broadcast = axis in given.axes and axis in result.axes and given[axis] == 1 < result[axis]
    # every position of the result sees the one position that is broadcast
    return Interval(interval.size, 0, interval.pad) if broadcast else interval
