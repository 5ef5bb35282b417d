"""Ranks and lanes: the main path lies straight in lane 0, what goes round it lies in lanes above and below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from archlang.render.figure.model import Link, Panel

Edge = tuple[str, str]


@dataclass(slots=True)
class Lanes:
    """Where the nodes of a panel stand: their rank from left to right, their lane from top (negative) to bottom.

    `tracks` are the lanes of links that go past other ranks; the others go straight from rank to rank.
    """

    ranks: dict[str, int] = field(default_factory=dict[str, int])
    lanes: dict[str, int] = field(default_factory=dict[str, int])
    tracks: dict[Edge, int] = field(default_factory=dict[Edge, int])
    taken: dict[int, list[tuple[int, int]]] = field(default_factory=dict[int, list[tuple[int, int]]])

    def is_free(self, lane: int, first: int, last: int) -> bool:
        """Return whether nothing stands in a lane from one rank to another."""
        return all(end < first or last < start for start, end in self.taken.get(lane, ()))

    def take(self, lane: int, first: int, last: int) -> None:
        if first <= last:
            self.taken.setdefault(lane, []).append((first, last))


def lanes_of(panel: Panel) -> Lanes:
    """Return ranks and lanes for a panel."""
    keys = [node.key for node in panel.nodes]
    edges = [(link.tail, link.head) for link in panel.links]
    found = Lanes(_ranks(keys, edges, panel.loose))
    main = _longest(found.ranks, edges, keys, keys)
    for key in main:
        found.lanes[key] = 0
        found.take(0, found.ranks[key], found.ranks[key])
    straight = set(pairwise(main))
    for tail, head in straight:
        found.take(0, found.ranks[tail] + 1, found.ranks[head] - 1)
        found.tracks[tail, head] = 0
    for path in _ears(found, keys, edges):
        _place(found, path, edges)
    for edge in sorted(edges, key=lambda edge: (found.ranks[edge[1]] - found.ranks[edge[0]], found.ranks[edge[0]])):
        if edge not in found.tracks:
            _track(found, edge)
    return found


def _ranks(keys: Sequence[str], edges: Sequence[Edge], loose: Sequence[Edge]) -> dict[str, int]:
    """Return the rank of each node: behind all that it takes from, and no farther left of its takers than needed."""
    before: dict[str, list[str]] = {key: [] for key in keys}
    after: dict[str, list[str]] = {key: [] for key in keys}
    for tail, head in edges:
        before[head].append(tail)
        after[tail].append(head)
    order: list[str] = []
    rest = {key: len(before[key]) for key in keys}
    ready = [key for key in keys if not rest[key]]
    while ready:
        key = ready.pop(0)
        order.append(key)
        for head in after[key]:
            rest[head] -= 1
            if not rest[head]:
                ready.append(head)
    ranks: dict[str, int] = {}
    for key in order:
        ranks[key] = max((ranks[tail] + 1 for tail in before[key]), default=0)
    for key in reversed(order):
        if after[key] and not before[key]:
            ranks[key] = min(ranks[head] for head in after[key]) - 1
    for one, key in loose:
        ranks[key] = ranks[one] + 1
    low = min(ranks.values(), default=0)
    return {key: rank - low for key, rank in ranks.items()}


def _longest(ranks: dict[str, int], edges: Sequence[Edge], among: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Return the longest path through some nodes; of several, that of the nodes written first."""
    inside = set(among)
    best: dict[str, list[str]] = {}
    for key in sorted(inside, key=lambda key: -ranks[key]):
        heads = [head for tail, head in edges if tail == key and head in inside]
        rest = max(
            (best[head] for head in heads), key=lambda path: (len(path), -keys.index(path[0])), default=list[str]()
        )
        best[key] = [key, *rest]
    return max(best.values(), key=lambda path: (len(path), -keys.index(path[0])), default=list[str]())


def _ears(found: Lanes, keys: Sequence[str], edges: Sequence[Edge]) -> Iterator[list[str]]:
    """Yield the other nodes as paths, the short ones first."""
    rest = [key for key in keys if key not in found.lanes]
    paths: list[list[str]] = []
    while rest:
        path = _longest(found.ranks, edges, rest, keys)
        paths.append(path)
        rest = [key for key in rest if key not in path]
    paths.sort(key=lambda path: (len(path), keys.index(path[0])))
    yield from paths


def _span(found: Lanes, path: Sequence[str], edges: Sequence[Edge]) -> tuple[int, int]:
    """Return the ranks from where a path leaves other nodes to where it meets them again, exclusive."""
    first, last = found.ranks[path[0]], found.ranks[path[-1]]
    starts = [found.ranks[tail] + 1 for tail, head in edges if head == path[0]]
    ends = [found.ranks[head] - 1 for tail, head in edges if tail == path[-1]]
    return min([first, *starts]), max([last, *ends])


def _place(found: Lanes, path: Sequence[str], edges: Sequence[Edge]) -> None:
    """Place a path in the nearest lane that is free where it goes; lane 0 is for what is linked to nothing, too."""
    first, last = _span(found, path, edges)
    is_loose = not any(key in edge for edge in edges for key in path)
    lanes = chain((0,), _outwards(False)) if is_loose else _outwards(False)
    lane = next(lane for lane in lanes if found.is_free(lane, first, last))
    for key in path:
        found.lanes[key] = lane
    found.take(lane, first, last)
    found.tracks.update(dict.fromkeys(pairwise(path), lane))
    for edge in edges:
        tail, head = edge
        if (head == path[0] and found.ranks[head] - found.ranks[tail] > 1) or (
            tail == path[-1] and found.ranks[head] - found.ranks[tail] > 1
        ):
            found.tracks.setdefault(edge, lane)


def _track(found: Lanes, edge: Edge) -> None:
    """Find the lane of a link that goes past other nodes: that of an end if it is free, else one above."""
    first, last = found.ranks[edge[0]] + 1, found.ranks[edge[1]] - 1
    if first > last:
        return
    for lane in (found.lanes[edge[0]], found.lanes[edge[1]]):
        if lane and _is_clear(found, edge, lane):
            break
    else:
        lane = next(lane for lane in _outwards(True) if _is_clear(found, edge, lane))
    found.tracks[edge] = lane
    found.take(lane, first, last)


def _is_clear(found: Lanes, edge: Edge, lane: int) -> bool:
    """Return whether a lane is free for a link, and no other that goes past nodes there shares a gutter with it."""
    first, last = found.ranks[edge[0]], found.ranks[edge[1]]
    if not found.is_free(lane, first + 1, last - 1):
        return False
    others = [(found.ranks[tail], found.ranks[head]) for (tail, head), at in found.tracks.items() if at == lane]
    return all(last <= tail or head <= first for tail, head in others if head - tail > 1)


def _outwards(above: bool) -> Iterator[int]:
    """Yield lanes from the main path outwards; links go above it first, boxes on both sides."""
    lane = 1
    while True:
        yield -lane
        if not above or lane > 3:
            yield lane
        lane += 1


def crossing(found: Lanes, links: Sequence[Link], rank: int) -> list[Link]:
    """Return the links that go from before a rank to it or past it."""
    return [link for link in links if found.ranks[link.tail] < rank <= found.ranks[link.head]]
