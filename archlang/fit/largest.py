"""The largest batch and the largest input whose peak stays within a memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import count, pairwise

from archlang.facts.memory import Setup, memory
from archlang.ir import Graph

MOST = 2**40  # images
SECOND = 64  # images: the peaks of 1 and 2 differ by too little to tell what an image takes
SIMULATIONS = 4  # of a net that a search makes at least
LARGEST = 2**16  # of the sizes beyond those asked for


Peak = Callable[[int], int]  # of a batch, in bytes


def largest_batch(graph: Graph, setup: Setup, budget_bytes: int) -> int:
    """Return the most images that fit; 0 if not even one does. The batch of the setup is ignored.

    A peak grows with the batch, nearly by the same bytes for each image. So the line through two known peaks leads to
    the next batch that is tried.
    """

    @cache
    def peak(batch: int) -> int:
        found = memory(graph, replace(setup, batch=batch))
        graph.refuse_walk(times=SIMULATIONS, folded=found.visited)
        return found.needed_bytes

    if peak(1) > budget_bytes:
        return 0
    low, high = _around(peak, budget_bytes)
    return _between(peak, budget_bytes, low, high) if peak(high) > budget_bytes else high


def _around(peak: Peak, budget_bytes: int) -> tuple[int, int]:
    """Return a batch that fits and a larger one that does not, or that is the largest that is tried."""
    low, high = 1, SECOND
    while peak(high) <= budget_bytes and high < MOST:
        slope = (peak(high) - peak(low)) / (high - low)
        further = high + 1 + int((budget_bytes - peak(high)) / slope) if slope > 0 else MOST
        low, high = high, min(further, MOST)
    return low, high


def _between(peak: Peak, budget_bytes: int, low: int, high: int) -> int:
    """Return the largest batch that fits, of those from `low`, which does, to before `high`, which does not."""
    for turn in count(1):
        if high - low == 1:
            break
        share = (budget_bytes - peak(low)) / (peak(high) - peak(low))
        share = share if turn % 4 else 0.5  # where peaks are on no line, this halves the batches that are left
        batch = min(max(low + int(share * (high - low)), low + 1), high - 1)
        if peak(batch) > budget_bytes:
            high = batch
        else:
            low = batch
    return low


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest valid size that was found to fit; None if no valid size fits.

    `too_large` is the next larger valid size, which does not fit. If it is None, the limit was not found: the net fits
    at every valid size that was tried, up to `tried_to`, and larger ones may fit.
    """

    size: int | None
    too_large: int | None
    tried_to: int


def largest_size(
    sizes: range, graph_at: Callable[[int], Graph | None], setup: Setup, budget_bytes: int, *, further: bool = False
) -> Largest:
    """Return the largest size at which the net is valid and fits, the peak growing with the size.

    `graph_at` returns the net of a size, None if it is not valid there. With `further`, if the net fits at the
    largest of the sizes, larger ones are tried until one does not fit.
    """
    search = _Search(graph_at, setup, budget_bytes)
    valid = [size for size in sizes if search.is_valid(size)]
    fitting = bisect_right(valid, budget_bytes, key=search.peak)
    if fitting < len(valid):
        return Largest(valid[fitting - 1] if fitting else None, valid[fitting], sizes[-1])
    if further and len(valid) > 1:
        return search.beyond(valid)
    return Largest(valid[-1] if valid else None, None, sizes[-1])


@dataclass(frozen=True, slots=True)
class _Search:
    """A search among the sizes of a net."""

    graph_at: Callable[[int], Graph | None]
    setup: Setup
    budget_bytes: int

    def is_valid(self, size: int) -> bool:
        return self.graph_at(size) is not None

    def peak(self, size: int) -> int:
        """Return the peak at a valid size."""
        graph = self.graph_at(size)
        assert graph is not None
        return memory(graph, self.setup).needed_bytes

    def first(self, sizes: Iterable[int]) -> int | None:
        """Return the first valid one of some sizes."""
        return next((size for size in sizes if self.is_valid(size)), None)

    def beyond(self, valid: Sequence[int]) -> Largest:
        """Double the largest valid size, at which the net fits, until it does not; then bisect.

        The next valid size is searched at the distance between the two largest known ones.
        """
        least, apart = valid[-1], max(after - before for before, after in pairwise(valid))
        while least <= LARGEST // 2:
            size = self.first(range(2 * least, 2 * least + apart))
            if size is None:
                break
            if self.peak(size) > self.budget_bytes:
                return self.between(least, size)
            least = size
        return Largest(least, None, least)

    def between(self, least: int, most: int) -> Largest:
        """Bisect between a size that fits and one that does not."""
        while True:
            middle = (least + most) // 2
            size = self.first((*range(max(middle, least + 1), most), *range(middle - 1, least, -1)))
            if size is None:
                return Largest(least, most, most)
            if self.peak(size) > self.budget_bytes:
                most = size
            else:
                least = size
