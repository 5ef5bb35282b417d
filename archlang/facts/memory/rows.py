"""Calls of one block in a row, each fed by the one before it: what takes memory in one takes as much in all."""

from __future__ import annotations

from collections.abc import Sequence

from archlang.facts.memory.casts import Held
from archlang.program import Call, Entry, Region

FEW = 3  # calls after the first that are run one by one


def row_after(region: Region, at: int) -> Sequence[Call]:
    """The calls after an entry that repeat it, each fed by the one before it; none where they are few."""
    row: list[Call] = []
    before = region.entries[at]
    for entry in region.entries[at + 1 :]:
        if not isinstance(before, Call) or not isinstance(entry, Call) or not _follows(entry, before, region):
            break
        row.append(entry)
        before = entry
    return row if len(row) >= FEW else ()


def _follows(entry: Call, before: Call, region: Region) -> bool:
    own = entry.module is None and before.module is None
    return entry.repeats(before) and own and len(entry.outputs) == 1 and not region.kept.intersection(entry.inputs)


def is_steady(entry: Entry, given: dict[int, Held]) -> bool:
    """Whether what an entry gave lies as what it took, so that the next one finds what it found."""
    before, after = given[entry.inputs[0]], given[entry.outputs[0]]
    lie = [(x.type.strides, x.type.dtype, x.needs) for x in (before, after)]
    return lie[0] == lie[1]
