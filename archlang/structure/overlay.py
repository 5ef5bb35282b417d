"""Lays sequences over each other, so that what corresponds has one place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from difflib import SequenceMatcher
from typing import TypeVar

T = TypeVar("T")


def overlaid(things: Sequence[Sequence[T]], key: Callable[[T], Hashable]) -> list[tuple[T | None, ...]]:
    """Return each place with what stands there in each sequence, None if nothing; items with equal keys share one.

    The places are in the order of every sequence.
    """
    keys = [tuple(map(key, thing)) for thing in things]
    kinds = list(dict.fromkeys(keys))
    if len(kinds) == 1:
        return list(zip(*things, strict=True))
    order: list[Hashable] = []
    for kind in sorted(kinds, key=len, reverse=True):
        order = _merged(order, kind)
    places = {kind: _places(order, kind) for kind in kinds}
    found: list[list[T | None]] = [[None] * len(things) for _ in order]
    for at, thing in enumerate(things):
        for place, item in zip(places[keys[at]], thing, strict=True):
            found[place][at] = item
    return [tuple(place) for place in found if any(item is not None for item in place)]


def _merged(order: Sequence[Hashable], more: Sequence[Hashable]) -> list[Hashable]:
    """Return a sequence that holds both."""
    found: list[Hashable] = []
    for _, a, a_end, b, b_end in SequenceMatcher(None, order, more, autojunk=False).get_opcodes():
        found += order[a:a_end]
        found += more[b:b_end] if order[a:a_end] != more[b:b_end] else ()
    return found


def _places(order: Sequence[Hashable], kind: Sequence[Hashable]) -> list[int]:
    """Return the place of each item of a sequence in one that holds it."""
    places: list[int] = []
    at = -1
    for item in kind:
        at = order.index(item, at + 1)
        places.append(at)
    return places
