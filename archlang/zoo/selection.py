"""Which entries of the zoo are shown, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf

from archlang.zoo.entries import Entry

ORDERS = ("name", "params", "macs", "year", "top1")


@dataclass(frozen=True, slots=True)
class Selection:
    """Patterns of names and families (any where there is none), limits, and an order: the files' own where it is empty.

    Nets in a folder, such as those of a lecture, are shown only if their name or family is asked for. An entry whose
    accuracy is not known passes no limit on it, and comes last in its order.
    """

    names: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    max_params: float = inf
    max_macs: float = inf
    min_top1: float | None = None
    order: str = ""
    descending: bool = False


def selected(entries: Iterable[Entry], selection: Selection) -> list[Entry]:
    """Return the selected entries, sorted."""
    chosen = [one for one in entries if _passes(one, selection)]
    if not selection.order:
        return chosen[::-1] if selection.descending else chosen
    known = [one for one in chosen if getattr(one, selection.order) is not None]
    known.sort(key=lambda one: getattr(one, selection.order), reverse=selection.descending)
    return [*known, *(one for one in chosen if getattr(one, selection.order) is None)]


def may_hold(selection: Selection, family: str, names: Iterable[str]) -> bool:
    """Return whether a file can hold a net that is asked for; other files need not be read."""
    if not selection.names and not selection.families:
        return "/" not in family
    named = not selection.names or any(fnmatchcase(name, pattern) for name in names for pattern in selection.names)
    return named and (not selection.families or any(fnmatchcase(family, pattern) for pattern in selection.families))


def _passes(one: Entry, selection: Selection) -> bool:
    if not may_hold(selection, one.family, [one.name]):
        return False
    accurate = selection.min_top1 is None or (one.top1 is not None and one.top1 >= selection.min_top1)
    return one.params <= selection.max_params and one.macs <= selection.max_macs and accurate
