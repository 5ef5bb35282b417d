"""What is allocated at each moment, by kind: the log of a heap is read once for all moments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from archlang.facts.memory.heap import Heap, Kind, Section

Sizes = Counter[Kind]


def kinds_over_time(heap: Heap, lasting: Sizes) -> tuple[dict[Kind, int], ...]:
    """Return for each row the bytes of each kind when it is at its highest; `lasting` is allocated throughout.

    In a row of equal calls it is the highest of them, as in `Heap.alive`.
    """
    reading = _Reading(heap)
    base = reading.rows()
    found: list[dict[Kind, int]] = []
    for row, sizes in enumerate(base):
        here = sizes + lasting
        for section in heap.around(row):
            if section.growth > 0:
                here = _plus(here, reading.grown[id(section)], section.times - 1)
        found.append({kind: size for kind, size in here.items() if size})
    return tuple(found)


class _Reading:
    """A reading of the log from its beginning to its end. `grown` is what one repetition of each section leaves."""

    def __init__(self, heap: Heap) -> None:
        self.heap = heap
        self.grown: dict[int, Sizes] = {}

    def rows(self) -> list[Sizes]:
        """Return for each row what is allocated at its highest, in the first repetition of the sections around it."""
        heap = self.heap
        wanted: defaultdict[int, list[int]] = defaultdict(list)
        for row, one in enumerate(heap.rows):
            wanted[one.top_at].append(row)
        opened: dict[int, Sizes] = {}
        found: dict[int, Sizes] = {}
        now: Sizes = Counter()
        for place in range(len(heap.log) + 1):
            now = self._closed(place, now, opened, wanted[place], found)
            opened.update({id(section): now.copy() for section in heap.sections if section.log[0] == place})
            for row in wanted[place]:
                found.setdefault(row, now.copy())
            if place < len(heap.log):
                number, sign = heap.log[place]
                now[heap.kinds[number]] += sign * heap.bytes[number]
        return [found[row] for row in range(len(heap.rows))]

    def _closed(
        self, place: int, now: Sizes, opened: dict[int, Sizes], rows: list[int], found: dict[int, Sizes]
    ) -> Sizes:
        """Return what is allocated after the sections that end here, inner ones first; note the rows within them."""
        for section in self._ending(place):
            for row in rows:
                if section.rows[0] <= row < section.rows[1]:
                    found.setdefault(row, now.copy())
            grown = _plus(now, opened[id(section)], -1)
            self.grown[id(section)] = grown
            now = _plus(now, grown, section.times - 1)
        return now

    def _ending(self, place: int) -> Iterator[Section]:
        return (section for section in self.heap.sections if section.log[1] == place)


def _plus(sizes: Sizes, more: Sizes, times: int) -> Sizes:
    """Return sizes with some more of them, so many times."""
    found = sizes.copy()
    for kind, size in more.items():
        found[kind] += size * times
    return found
