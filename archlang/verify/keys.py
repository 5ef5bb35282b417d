"""Pairs the entries of two state dicts by name, by renamed paths, or by order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Keys:
    """The reference's key for each key of the net, and the keys without a partner or with one of another shape.

    `likely` gives, for keys of the net that are missing, the unpaired key of the reference with the same shape and
    the same position among the keys of that shape. `in_order` means that all shapes agree in order, whatever the names.
    """

    pairs: Mapping[str, str]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshapen: tuple[str, ...] = ()
    likely: Mapping[str, str] | None = None
    in_order: bool = False

    @property
    def agree(self) -> bool:
        return not (self.missing or self.unexpected or self.misshapen)


def match(ours: Shapes, theirs: Shapes, renames: Sequence[tuple[str, str]], by_order: bool) -> Keys:
    """Pair the keys of two state dicts; `renames` are paths of the reference with their names in the net."""
    in_order = list(ours.values()) == list(theirs.values())
    if by_order and in_order:
        return Keys(dict(zip(ours, theirs, strict=True)), in_order=True)
    now = {renamed(key, renames): key for key in theirs}
    pairs = {key: now[key] for key in ours if key in now}
    missing = [key for key in ours if key not in now]
    unexpected = [theirs_key for key, theirs_key in now.items() if key not in ours]
    misshapen = tuple(key for key, other in pairs.items() if ours[key] != theirs[other])
    likely = _likely(missing, unexpected, ours, theirs)
    return Keys(pairs, tuple(missing), tuple(unexpected), misshapen, likely, in_order)


def renamed(path: str, renames: Sequence[tuple[str, str]]) -> str:
    """Return the net's name for a key or path of the reference: the first renamed path at or above it is replaced."""
    for theirs, ours in renames:
        if path == theirs or path.startswith(f"{theirs}."):
            return (ours + path[len(theirs) :]).removeprefix(".")
    return path


def paths(keys: Keys, renames: Sequence[tuple[str, str]], ours: Sequence[str], theirs: Sequence[str]) -> dict[str, str]:
    """Return the reference's module for each module of the net: by their paired weights, otherwise by name."""
    owners = {_owner(mine): _owner(other) for mine, other in keys.pairs.items()}
    named = {renamed(path, renames): path for path in theirs}
    same = {path: named[path] for path in ours if path in named}
    if any(mine != renamed(other, renames) for mine, other in owners.items()):  # paired by order: names do not matter
        return {"": "", **owners}
    return {**same, **owners}


def _owner(key: str) -> str:
    return key.rpartition(".")[0]


def _likely(missing: Sequence[str], unexpected: Sequence[str], ours: Shapes, theirs: Shapes) -> dict[str, str]:
    """Pair keys without a partner by their shape and their position among the keys of that shape."""
    places: dict[tuple[tuple[int, ...], int], str] = {}
    seen: Counter[tuple[int, ...]] = Counter()
    for key in unexpected:
        places[theirs[key], seen[theirs[key]]] = key
        seen[theirs[key]] += 1
    seen.clear()
    found: dict[str, str] = {}
    for key in missing:
        place = ours[key], seen[ours[key]]
        seen[ours[key]] += 1
        if place in places:
            found[key] = places[place]
    return found
