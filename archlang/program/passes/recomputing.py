"""Marks calls as recomputed: the backward pass runs them again, and their values are not kept for it.

Calls of which each takes the result of the one before can be recomputed together: a run, at a path such as
`layer1.{0..2}`. Of it, only the input of the first call is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archlang.ir import is_at, join_path, values_of
from archlang.program.regions import Call, Entry, Program, Region


def recomputing(program: Program, paths: Collection[str]) -> Program:
    """Return the Program with the calls of blocks at these full paths recomputed, and the runs of calls.

    If a block is called several times and another call is recomputed within only some of its calls, these get a
    region of their own. Raises ValueError if no block is called at one of the paths, or it names no run.
    """
    if not paths:
        return program
    chains = [*chained(program)] if any(path.endswith("}") for path in paths) else []
    runs = [one for chain in chains for one in _runs(chain, frozenset(paths))]
    known = {*called(program), *map(run_path, runs)}
    missing = sorted(set(paths).difference(known))
    if missing:
        raise ValueError(f"{program.graph.name} calls no block at {', '.join(missing)}")
    twice = sorted(path for path, times in Counter(path for one in runs for path in one).items() if times > 1)
    if twice:
        raise ValueError(f"two runs to recompute have the call {twice[0]}")
    marking = _Marking(program)
    root = marking.region(program.root, "", frozenset(paths))
    *callees, net = program.regions
    regions = {**{callee: program.regions[callee] for callee in callees}, **marking.made, net: root}
    needed = _needed(regions, net)
    return Program(program.graph, {name: region for name, region in regions.items() if name in needed})


def run_path(paths: Sequence[str]) -> str:
    """Return the path of a run of calls: that of its first and its last."""
    scope, _, first = paths[0].rpartition(".")
    return join_path(scope, f"{{{first}..{paths[-1].rpartition('.')[2]}}}") if len(paths) > 1 else paths[0]


def _runs(chain: Sequence[str], paths: Collection[str]) -> Iterator[Sequence[str]]:
    """Yield the parts of a chain at whose ends a path begins and ends."""
    places = {path: at for at, path in enumerate(chain)}
    for path in paths:
        ends = _ends(path)
        if ends is not None and ends[0] in places and ends[1] in places and places[ends[0]] < places[ends[1]]:
            yield chain[places[ends[0]] : places[ends[1]] + 1]


def _ends(path: str) -> tuple[str, str] | None:
    """Return the paths of the first and the last call of a run; None for another path."""
    found = re.fullmatch(r"(.*?)\{([^{}.]+)\.\.([^{}.]+)\}", path)
    return (f"{found[1]}{found[2]}", f"{found[1]}{found[3]}") if found else None


def chained(program: Program) -> Iterator[Sequence[str]]:
    """Yield the full paths of the calls of each chain, outer ones first: each takes the result of the one before."""
    yield from _chained(program, program.root, "")


def _chained(program: Program, region: Region, top: str) -> Iterator[Sequence[str]]:
    for chain in _chains(region):
        yield [join_path(top, call.node.path) for call in chain]
    for entry in region.entries:
        if isinstance(entry, Region):
            yield from _chained(program, entry, top)
        elif entry.callee is not None:
            yield from _chained(program, program.regions[entry.callee], join_path(top, entry.node.path))


def _chains(region: Region) -> Iterator[list[Call]]:
    """Yield the chains of two or more calls in a region."""
    reads = Counter(value for entry in region.entries for value in entry.reads)
    reads.update((*region.outputs, *values_of(region.guards)))
    chain: list[Call] = []
    for entry in region.entries:
        joins = isinstance(entry, Call) and _is_link(entry)
        follows = (
            isinstance(entry, Call) and joins and chain and _follows(entry, chain[-1]) and reads[entry.inputs[0]] == 1
        )
        if not follows and len(chain) > 1:
            yield chain
        chain = [*(chain if follows else []), entry] if isinstance(entry, Call) and joins else []
    if len(chain) > 1:
        yield chain


def _follows(call: Call, before: Call) -> bool:
    """Return whether a call takes the result of the one before, and their paths differ in the last part alone."""
    scopes = {one.node.path.rpartition(".")[0] for one in (call, before)}
    return call.inputs == before.outputs and len(scopes) == 1


def _is_link(call: Call) -> bool:
    """Return whether a call is of a block with one input and one output, and is written without conditions."""
    is_own = call.callee is not None and call.name is not None and call.module is None
    return is_own and not call.guards and not call.training_only and len(call.inputs) == len(call.outputs) == 1


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


def _joined(calls: Sequence[Entry]) -> list[Entry]:
    """Return the calls of a run, the last of which stands for all."""
    run = [replace(one, recomputed=True, deferred=True) for one in calls[:-1] if isinstance(one, Call)]
    last = calls[-1]
    assert isinstance(last, Call) and len(run) == len(calls) - 1
    types = (*run[0].input_types, *last.output_types)
    return [*run, replace(last, recomputed=True, run=tuple(run), types=types)]


@dataclass(frozen=True, slots=True)
class _Marking:
    """A Program in which calls are marked, and the regions made for calls with a recomputed call within."""

    program: Program
    made: dict[str, Region] = field(default_factory=dict[str, Region])
    ids: dict[tuple[str, frozenset[str]], str] = field(default_factory=dict[tuple[str, frozenset[str]], str])

    def region(self, region: Region, top: str, paths: frozenset[str]) -> Region:
        """Return a region with its calls marked. `top` is the path of its block; the paths are relative to it."""
        entries = [self._entry(entry, top, paths) for entry in region.entries]
        at = {join_path(top, one.node.path): place for place, one in enumerate(entries) if isinstance(one, Call)}
        for first, last in filter(None, map(_ends, paths)):
            if first in at and last in at:
                entries[at[first] : at[last] + 1] = _joined(entries[at[first] : at[last] + 1])
        return replace(region, entries=tuple(entries))

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
