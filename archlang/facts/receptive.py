"""Receptive fields: which positions of the input each value of a net sees.

Interval arithmetic along each axis, over every path (Araujo, Norris and Sim 2019, doi:10.23915/distill.00021, for the
arithmetic of one path). Position i of a value sees the positions of the input, which are whole numbers, from

    i*stride - pad    to    i*stride - pad + extent - 1

After a window of extent k, step s and padding p this becomes extent + (k - 1)*stride, stride*s and pad + p*stride.
After an upsampling or a transposed convolution the stride is a fraction, and what is seen differs by phase: the
result is the smallest interval with that stride that holds what each phase sees. `size` is how many positions it holds.

Fields are not clipped at the border: padding counts, and a field may be larger than the input. Channels are not
positions, so the axis `c` is left out.

If an operator does not state its reach, the fields of its outputs, and of all that is computed from them, are unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from archlang.facts.phases import Phases, line, measured, plain, through, union
from archlang.facts.untold import Untold, united, untold
from archlang.ir import Graph, Layer
from archlang.ops.base import Ratio, Slide
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Interval:
    """What a position of a value sees along one axis of the input, as above.

    One that is `whole` is all of the axis, seen from every position. `along` is the value's own axis that it moves
    along, which may have another name than the input's. `phases` holds what each position sees where no line of whole
    numbers does, and `largest` the most that one of them sees.
    """

    extent: Ratio = 1
    stride: Ratio = 1
    pad: Ratio = 0
    whole: bool = field(default=False, compare=False)
    along: str = field(default="", compare=False)
    phases: Phases | None = field(default=None, compare=False, repr=False)
    largest: int | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The largest window of the input that a position sees, counted from the first position to the last."""
        return floor(self.extent) if self.largest is None else self.largest

    @property
    def listed(self) -> Phases | None:
        """What each position sees; None if there are too many phases to list."""
        return self.phases or line(self.extent, self.stride, self.pad)

    def through(self, slide: Slide, passing: Passing) -> Interval:
        """Return the interval after an operator."""
        along = slide.axis or self.along
        steps = (self.extent, self.stride, self.pad, slide.extent, slide.step, slide.before)
        is_plain = not (self.phases or slide.phases or slide.past or self.stride < 0) and all(
            type(n) is int for n in steps
        )
        if not is_plain and (seen := self.listed):
            found = through(seen, slide, passing.before(self.along))
            if found is not None:
                return passing.interval(found, along)
        extent = self.extent + (slide.extent - 1) * self.stride
        stride, pad = self.stride * slide.step, self.pad + slide.before * self.stride
        if is_plain:
            return Interval(extent, stride, pad, along=along, largest=None if stride else passing.cut(extent, pad))
        return _whole_numbers(extent, stride, pad, along)

    def union(self, other: Interval, passing: Passing) -> Interval:
        """Return the smallest interval that holds both, which have one stride."""
        if self.phases or other.phases:
            one, two = self.listed, other.listed
            both = union(one, two, passing.after(self.along)) if one and two else None
            if both:
                return passing.interval(both, self.along)
        pad = max(self.pad, other.pad)
        extent = pad + max(self.extent - self.pad, other.extent - other.pad)
        largest = None if self.stride else passing.cut(extent, pad)
        return Interval(extent, self.stride, pad, along=self.along, largest=largest)


@dataclass(frozen=True, slots=True)
class Passing:
    """A way through an operator: the value before it, the value behind it, the input's size along the axis."""

    given: TensorType
    result: TensorType
    size: int

    def before(self, axis: str) -> int:
        """Return how many positions the value before the operator has along an axis."""
        return self.given[axis] if axis in self.given.axes else 1

    def after(self, axis: str) -> int:
        """Return how many positions the value behind the operator has along an axis."""
        return self.result[axis] if axis in self.result.axes else 1

    def cut(self, extent: Ratio, pad: Ratio) -> int:
        """Return how many positions of the input a window holds that does not move."""
        return max(min(floor(extent - pad), self.size) - max(ceil(-pad), 0), 0)

    def interval(self, phases: Phases, along: str) -> Interval:
        """Return the interval that moves along an axis of the result."""
        found = measured(phases, self.after(along), self.size)
        if found.is_whole:
            return Interval(self.size, 0, 0, whole=True)
        return Interval(found.extent, phases.step, found.pad, False, along, phases, found.size)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What one position of a value sees along each axis of the input.

    `paths` holds the intervals along each axis: one, or several if paths of different strides meet, which move apart.
    The axes of several inputs of different sizes are called by input and axis, `left.h`. The field is unknown, and
    there are no paths, if something is `untold`.
    """

    paths: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict[str, tuple[Interval, ...]])
    untold: tuple[Untold, ...] = ()

    @property
    def axes(self) -> dict[str, Interval | None]:
        """The interval along each axis; None if it is uneven."""
        return {axis: paths[0] if len(paths) == 1 else None for axis, paths in self.paths.items()}

    @property
    def whole_axes(self) -> tuple[str, ...]:
        """The axes that each position sees from end to end."""
        return tuple(axis for axis, paths in self.paths.items() if paths[0].whole)

    @property
    def uneven_axes(self) -> tuple[str, ...]:
        """The axes along which paths of different strides meet."""
        return tuple(axis for axis, paths in self.paths.items() if len(paths) > 1)

    @property
    def whole(self) -> bool:
        """Whether each position sees the whole input."""
        return bool(self.paths) and len(self.whole_axes) == len(self.paths)


def receptive_fields(graph: Graph) -> dict[int, ReceptiveField]:
    """Return the receptive field of each value of the net, numbered as in `graph.flat()`: the inputs first, from 0.

    Inputs of equal size along an axis are assumed to share one grid, as the two images of a pair do.
    """
    ports = [(port.name, graph.root.types[port.value]) for port in graph.root.inputs]
    sizes: dict[str, int] = {}
    seen: dict[int, ReceptiveField] = {}
    for number, (name, type) in enumerate(ports):
        paths: dict[str, tuple[Interval, ...]] = {}
        for axis in _positions(type):
            alike = {other[axis] for _, other in ports if axis in other.axes} == {type[axis]}
            called = axis if alike else f"{name}.{axis}"
            sizes[called], paths[called] = type[axis], (Interval(along=axis),)
        seen[number] = ReceptiveField(paths)
    if not sizes:
        return dict.fromkeys(range(_values(graph)), ReceptiveField())
    known: dict[tuple[str, tuple[int, ...]], _Moves | None] = {}
    for layer in graph.flat():
        key = layer.block.id, layer.node.outputs
        if key not in known:
            known[key] = _moves(layer)
        fields = [seen[value] for value in layer.inputs]
        given = layer.input_types
        moves = known[key]
        unknown = united(*(one.untold for one in fields), untold(layer, reach=moves))
        if moves is None or unknown:
            seen.update(dict.fromkeys(layer.outputs, ReceptiveField(untold=unknown)))
            continue
        for value, each, result in zip(layer.outputs, moves, layer.output_types, strict=True):
            seen[value] = _after(zip(given, fields, each, strict=True), result, sizes)
    return seen


_Moves = tuple[tuple[Mapping[str, Slide], ...], ...]  # for each output: how it slides over each input
_EVERYWHERE = Slide(1, 0)


def _values(graph: Graph) -> int:
    return len(graph.root.inputs) + sum(len(layer.outputs) for layer in graph.flat())


def _positions(type: TensorType) -> list[str]:
    return [axis for axis in type.axes if axis not in ("n", "c")]


def _moves(layer: Layer) -> _Moves | None:
    """Return the operator's reach. A position that is broadcast is seen from everywhere."""
    inputs = layer.input_types
    reach = layer.op.reach(*inputs)
    if reach is None:
        return None
    return tuple(
        tuple({**_broadcast(given, result), **reach.between(at, output)} for at, given in enumerate(inputs))
        for output, result in enumerate(layer.output_types)
    )


def _broadcast(given: TensorType, result: TensorType) -> dict[str, Slide]:
    axes = zip(given.axes, given.shape, strict=True)
    return {axis: _EVERYWHERE for axis, size in axes if size == 1 and axis in result.axes and result[axis] > 1}


def _after(
    ways: Iterable[tuple[TensorType, ReceptiveField, Mapping[str, Slide]]],
    result: TensorType,
    sizes: Mapping[str, int],
) -> ReceptiveField:
    united: dict[str, tuple[Interval, ...]] = {}
    for given, one, slides in ways:
        for axis, paths in one.paths.items():
            if slides and not paths[0].whole:
                passing = Passing(given, result, sizes[axis])
                paths = tuple(
                    _moved(path, slides[path.along], passing) if path.along in slides else path for path in paths
                )
            held = united.get(axis, paths)
            united[axis] = paths if held is paths else (*held, *paths)
    return ReceptiveField(
        {
            axis: _united(paths, Passing(result, result, sizes[axis]))
            if len(paths) != 1 or not paths[0].whole
            else paths
            for axis, paths in united.items()
        }
    )


def _moved(path: Interval, slide: Slide, passing: Passing) -> Interval:
    if not slide.beside:
        return path.through(slide, passing)
    return min((path.through(one, passing) for one in (slide, *slide.beside)), key=lambda way: way.size)


def _united(paths: tuple[Interval, ...], passing: Passing) -> tuple[Interval, ...]:
    """Return one interval for each stride, or the whole axis alone if one path sees it from everywhere."""
    if any(_is_whole(path, passing.size) for path in paths):
        return (Interval(passing.size, 0, 0, whole=True),)
    if len(paths) == 1:
        return paths
    ways: dict[tuple[Ratio, str], Interval] = {}
    for path in paths:
        way = path.stride, path.along if path.stride else ""
        ways[way] = ways[way].union(path, passing) if way in ways else path
    united = tuple(ways.values())
    return tuple(path for path in united if path.whole) or united


def _is_whole(path: Interval, size: int) -> bool:
    is_fixed = path.stride == 0 and not path.phases
    return path.whole or (is_fixed and path.pad >= 0 and path.extent - path.pad >= size)


def _whole_numbers(extent: Ratio, stride: Ratio, pad: Ratio, along: str) -> Interval:
    """Return the interval, cut to the whole positions that it can hold at any of its phases."""
    if not isinstance(extent, Fraction) and not isinstance(stride, Fraction) and not isinstance(pad, Fraction):
        return Interval(extent, stride, pad, along=along)
    phases = Fraction(stride).denominator
    start, end = Fraction(ceil(-pad * phases), phases), Fraction(floor((extent - pad - 1) * phases), phases)
    return Interval(plain(end - start + 1), plain(Fraction(stride)), plain(-start), along=along)
