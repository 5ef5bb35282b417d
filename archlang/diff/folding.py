"""Repeated changes in a row become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from archlang.diff.changes import Change

LONGEST = 4  # changes that repeat together, such as the layer and the concat of a dense block


def folded(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return the changes; equal ones of neighbours become one, with the names of the first and the last.

    Added or removed parts are equal if their operators, with their arguments, or the names of their blocks repeat,
    whatever their counts. Changed parts are equal if everything about the change repeats.
    """
    found: list[Change] = []
    for _, group in groupby(enumerate(changes), lambda at: (at[1].kind, *_stretch(at[0], at[1]))):
        run = [change for _, change in group]
        found += _repeated(run) if run[0].kind in ("added", "removed") else _alike(run)
    return tuple(found)


def _stretch(number: int, change: Change) -> tuple[int, ...]:
    """Return a key that neighbours share: the distance between their places among the parts and their number."""
    return tuple(place if place < 0 else place - number for place in change.places)


def _alike(changes: Sequence[Change]) -> Iterator[Change]:
    for _, group in groupby(changes, _said):
        run = list(group)
        yield _one(run, 1) if len(run) > 1 else run[0]


def _said(change: Change) -> object:
    """Return the change without its place; a label is part of it if it was changed."""
    named = (change.before, change.after) if change.renamed or change.moved else None
    return replace(change, before=None, after=None, places=(-1, -1)), named


def _repeated(changes: Sequence[Change]) -> Iterator[Change]:
    keys = [(change.operators, change.words) for change in changes]
    at = 0
    while at < len(changes):
        counts = [(_times(keys, at, length), -length) for length in range(1, LONGEST + 1)]
        times, length = max(counts, key=lambda count: -count[0] * count[1] if count[0] > 1 else 0)
        covered = -length * times if times > 1 else 1
        yield _one(changes[at : at + covered], -length) if times > 1 else changes[at]
        at += covered


def _times(keys: Sequence[object], at: int, length: int) -> int:
    """Return how often the next `length` keys repeat in a row."""
    times = 1
    first = keys[at : at + length]
    while len(first) == length and keys[at + times * length : at + (times + 1) * length] == first:
        times += 1
    return times


def _one(run: Sequence[Change], length: int) -> Change:
    """Return a run as one change; `length` changes of it repeat together."""
    first, last = run[0], run[-1]
    once = run[:length]
    return replace(
        first,
        before=_ends([change.before for change in run]),
        after=_ends([change.after for change in run]),
        words=(_listed(change.words[0] for change in once), _listed(change.words[1] for change in once)),
        operators=first.operators if length == 1 else (None, None),
        shapes=last.shapes,
        params=sum(change.params for change in run),
        macs=sum(change.macs for change in run),
        times=len(run) // length,
    )


def _listed(words: Iterable[str]) -> str:
    return ", ".join(filter(None, words))


def _ends(names: Sequence[tuple[str, str] | None]) -> tuple[str, str] | None:
    """Return the first and the last name of a run; a layer without a name has the place of its neighbours."""
    known = [name for name in names if name is not None]
    named = [name for name in known if name[0]] or known
    return (named[0][0], named[-1][1]) if named else None
