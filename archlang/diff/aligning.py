"""Which parts of two scopes correspond."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archlang.diff.tree import Group, Leaf, Part, label_of


@dataclass(frozen=True, slots=True)
class Pair:
    """A part before and after; one of the two is None if it was added or removed.

    A part has `moved` if its label is in another order among the labels of its scope.
    """

    before: Part | None
    after: Part | None
    moved: bool = False


Match = tuple[int, int]  # places in the two lists


def aligned(before: Sequence[Part], after: Sequence[Part]) -> list[Pair]:
    """Return the parts of both lists in the order of the second; removed parts are at their old place."""
    anchors, moved = _by_label(before, after)
    taken = {a for a, _ in moved}, {b for _, b in moved}
    matches: list[Match] = []
    start = 0, 0
    for anchor in (*anchors, (len(before), len(after))):
        left = [at for at in range(start[0], anchor[0]) if at not in taken[0]]
        right = [at for at in range(start[1], anchor[1]) if at not in taken[1]]
        matches += _between(before, after, left, right)
        matches.append(anchor)
        start = anchor[0] + 1, anchor[1] + 1
    return list(_in_order(before, after, matches[:-1], moved))


def _by_label(before: Sequence[Part], after: Sequence[Part]) -> tuple[list[Match], list[Match]]:
    """Return the places of labels that both have, on a leaf in both or a group in both: the ordered, then the moved."""
    ours, theirs = _labels(before), _labels(after)
    same = [label for label in ours if label in theirs and _alike(before[ours[label]], after[theirs[label]])]
    other = sorted(same, key=lambda label: theirs[label])
    steady = {same[a] for a, _ in _matched(same, other)}
    places = [(ours[label], theirs[label]) for label in same]
    return [at for at, label in zip(places, same, strict=True) if label in steady], [
        at for at, label in zip(places, same, strict=True) if label not in steady
    ]


def _labels(parts: Sequence[Part]) -> dict[str, int]:
    """Return the places of the labels that occur once."""
    labels = [label_of(part) for part in parts]
    times = Counter(labels)
    return {label: at for at, label in enumerate(labels) if label is not None and times[label] == 1}


def _alike(one: Part, other: Part) -> bool:
    return isinstance(one, Leaf) == isinstance(other, Leaf)


def _between(before: Sequence[Part], after: Sequence[Part], left: list[int], right: list[int]) -> Iterator[Match]:
    """Yield the matches among these places: equal parts, those of one structure, of one word, then replacements."""
    keys: tuple[Callable[[Part], Hashable], ...] = (
        lambda part: (part.kind, label_of(part)),
        lambda part: part.kind,
        lambda part: part.form,
        lambda part: (part.word, isinstance(part, Leaf)),
    )
    yield from _matched_by(keys, before, after, left, right)


def _matched_by(
    keys: Sequence[Callable[[Part], Hashable]],
    before: Sequence[Part],
    after: Sequence[Part],
    left: Sequence[int],
    right: Sequence[int],
) -> Iterator[Match]:
    if not left or not right:
        return
    if not keys:
        yield from _replaced(before, after, left, right)
        return
    key, *rest = keys
    start = 0, 0
    found = _matched([key(before[at]) for at in left], [key(after[at]) for at in right])
    for a, b in (*found, (len(left), len(right))):
        yield from _matched_by(rest, before, after, left[start[0] : a], right[start[1] : b])
        if a < len(left):
            yield left[a], right[b]
        start = a + 1, b + 1


def _replaced(
    before: Sequence[Part], after: Sequence[Part], left: Sequence[int], right: Sequence[int]
) -> Iterator[Match]:
    """Yield pairs of a removed layer and the layer in its place: both have weights, or neither has."""
    pairs = [(before[a], after[b]) for a, b in zip(left, right, strict=False)]
    if len(left) == len(right) and all(_can_stand_for(one, other) for one, other in pairs):
        yield from zip(left, right, strict=True)


def _can_stand_for(one: Part, other: Part) -> bool:
    return not isinstance(one, Group) and not isinstance(other, Group) and bool(one.params) == bool(other.params)


def _matched(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[Match]:
    """Return the places of equal items, in order. The common start and end are matched first: equal items repeat."""
    from difflib import SequenceMatcher

    most = min(len(before), len(after))
    head = next((at for at in range(most) if before[at] != after[at]), most)
    tail = next((at for at in range(most - head) if before[-1 - at] != after[-1 - at]), most - head)
    ends = len(before) - tail, len(after) - tail
    found = [(at, at) for at in range(head)]
    if head < min(ends):
        matcher = SequenceMatcher(None, before[head : ends[0]], after[head : ends[1]], autojunk=False)
        for block in matcher.get_matching_blocks():
            found += [(head + block.a + at, head + block.b + at) for at in range(block.size)]
    return found + [(ends[0] + at, ends[1] + at) for at in range(tail)]


def _in_order(
    before: Sequence[Part], after: Sequence[Part], matches: Sequence[Match], moved: Sequence[Match]
) -> Iterator[Pair]:
    """Yield a pair for each part; removed parts come before those added in their place."""
    to_before = {b: a for a, b in matches}
    from_moved = {b: a for a, b in moved}
    found = {a for a, _ in (*matches, *moved)}
    told = 0
    for at, upto in enumerate(_bounds(len(before), len(after), to_before)):
        yield from (Pair(before[a], None) for a in range(told, upto) if a not in found)
        told = upto
        if at in to_before:
            yield Pair(before[to_before[at]], after[at])
            told = upto + 1
        elif at < len(after):
            yield Pair(before[from_moved[at]], after[at], True) if at in from_moved else Pair(None, after[at])


def _bounds(before: int, after: int, to_before: Mapping[int, int]) -> list[int]:
    """Return for each place of the second list, and for its end, where the next match is in the first list."""
    bounds = [before]
    for at in reversed(range(after)):
        bounds.append(to_before.get(at, bounds[-1]))
    return bounds[::-1]
