"""What a position sees through a pattern such as `n c h w -> n (h w) c`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import gcd, prod

from archlang.ops.answers import Slide
from archlang.ops.patterns import Plan
from archlang.ops.phases import table


def slides(found: Plan) -> Iterator[tuple[str, Slide]]:
    """Yield what a position of the result sees of each axis that is split, renamed or made one with others.

    A position of the result fixes the parts that are in its axis. Other parts, which are now channels or in another
    axis, are seen as a whole. If parts went into several axes, what is seen lies within the slides along all of them.
    """
    axes = dict(zip(found.axes(), found.right, strict=True))
    for group in found.left:
        source = found.atoms[group[0]].source
        if source in ("n", "c", "_"):
            continue
        places = {name: prod(found.atoms[other].size for other in group[at + 1 :]) for at, name in enumerate(group)}
        long = {name: place for name, place in places.items() if found.atoms[name].size > 1}
        going = [axis for axis, parts in axes.items() if axis not in ("n", "c") and not long.keys().isdisjoint(parts)]
        rows = [_along(found, axis, axes[axis], long) for axis in going]
        rows.sort(key=lambda slide: slide.extent)
        slide = replace(rows[0], beside=tuple(rows[1:])) if rows else _fixed(found, long)
        if slide != Slide(axis=source):
            yield source, slide


def _along(found: Plan, axis: str, parts: tuple[str, ...], places: Mapping[str, int]) -> Slide:
    """Return the slide along an axis of the result over an axis of the input, whose parts have these places in it."""
    free = _fixed(found, {name: place for name, place in places.items() if name not in parts})
    spans: list[tuple[int, int]] = []
    for at in product(*(range(found.atoms[name].size) for name in parts)):
        first = sum(places.get(name, 0) * number for name, number in zip(parts, at, strict=True))
        spans.append((first, first + int(free.extent) - 1))
    return table(spans, every=free.every, axis=axis)


def _fixed(found: Plan, places: Mapping[str, int]) -> Slide:
    """Return what is seen of these parts of an axis wherever the position is."""
    extent = 1 + sum((found.atoms[name].size - 1) * place for name, place in places.items())
    return Slide(extent, 0, every=gcd(*places.values()) or 1)
