"""A row of calls of one block, each the input of the next: each call allocates as much as the first."""

from __future__ import annotations

from collections.abc import Sequence

from archlang.facts.memory.casts import Held
from archlang.program import Call, Entry, Region

FEW = 3  # calls after the first that are run one by one


def row_after(region: Region, at: int) -> Sequence[Call]:
    """Return the calls after an entry that repeat it, each on the output of the one before. If they are few, none."""
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
    if not (entry.repeats(before) and own and len(entry.outputs) == 1 and not region.kept.intersection(entry.inputs)):
        return False
    variables = region.frame.variables
    return variables[entry.inputs[0]] == variables[entry.outputs[0]]


def is_steady(entry: Entry, given: dict[int, Held]) -> bool:
    """Return whether an entry's output has its input's strides and dtype, so that the next call behaves as this one."""
    before, after = given[entry.inputs[0]], given[entry.outputs[0]]
    lie = [(x.type.strides, x.type.dtype, x.needs) for x in (before, after)]
    return lie[0] == lie[1]
