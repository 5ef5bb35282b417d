"""Marks calls as recomputed: the backward pass runs them again, and their values are not kept for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from archlang.ir import is_at, join_path
from archlang.program.regions import Call, Entry, Program, Region


def recomputing(program: Program, paths: Collection[str]) -> Program:
    """Return the Program with the calls of blocks at these full paths recomputed.

    If a block is called several times and another call is recomputed within only some of its calls, these get a
    region of their own. Raises ValueError if no block is called at one of the paths.
    """
    if not paths:
        return program
    missing = sorted(set(paths).difference(called(program)))
    if missing:
        raise ValueError(f"{program.graph.name} calls no block at {', '.join(missing)}")
    marking = _Marking(program)
    root = marking.region(program.root, "", frozenset(paths))
    *callees, net = program.regions
    regions = {**{callee: program.regions[callee] for callee in callees}, **marking.made, net: root}
    needed = _needed(regions, net)
    return Program(program.graph, {name: region for name, region in regions.items() if name in needed})


def _needed(regions: Mapping[str, Region], name: str) -> set[str]:
    """Return the ids of a region and of all that are called in it."""
    found, waiting = {name}, [name]
    while waiting:
        inner = {call.callee for call in regions[waiting.pop()].walk() if call.callee is not None} - found
        found |= inner
        waiting += inner
    return found


def called(program: Program) -> Iterator[str]:
    """Yield the full path of every call of a block that has a path of its own, outer ones first."""
    yield from _called(program, program.root, "")


def _called(program: Program, region: Region, top: str) -> Iterator[str]:
    for call in region.walk():
        if call.callee is not None:
            path = join_path(top, call.node.path)
            if _has_path(call):
                yield path
            yield from _called(program, program.regions[call.callee], path)


def _has_path(call: Call) -> bool:
    """Return whether a call has a path of its own. Without a key it has the path of the braces around it."""
    return call.name is not None or call.module is not None


@dataclass(frozen=True, slots=True)
class _Marking:
    """A Program in which calls are marked, and the regions made for calls with a recomputed call within."""

    program: Program
    made: dict[str, Region] = field(default_factory=dict[str, Region])
    ids: dict[tuple[str, frozenset[str]], str] = field(default_factory=dict[tuple[str, frozenset[str]], str])

    def region(self, region: Region, top: str, paths: frozenset[str]) -> Region:
        """Return a region with its calls marked. `top` is the path of its block; the paths are relative to it."""
        return replace(region, entries=tuple(self._entry(entry, top, paths) for entry in region.entries))

    def _entry(self, entry: Entry, top: str, paths: frozenset[str]) -> Entry:
        if isinstance(entry, Region):
            return self.region(entry, top, paths)
        if entry.callee is None:
            return entry
        path = join_path(top, entry.node.path)
        marked = replace(entry, recomputed=path in paths and _has_path(entry))
        below = frozenset(one for one in paths if is_at(one, path)) - ({path} if _has_path(entry) else set())
        return replace(marked, callee=self._callee(entry.callee, path, below)) if below else marked

    def _callee(self, callee: str, path: str, below: frozenset[str]) -> str:
        """Return the id of the callee's region with the calls at these paths marked, and make it if it is missing."""
        inner = frozenset(one[len(path) + 1 :] if path else one for one in below)
        key = callee, inner
        if key not in self.ids:
            region = self.region(self.program.regions[callee], "", inner)
            self.ids[key] = f"{callee}!{len(self.ids) + 1}"
            self.made[self.ids[key]] = region
        return self.ids[key]
