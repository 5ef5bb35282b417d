"""Calls of one block in a row, each fed by the one before it: what takes memory in one takes as much in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archlang.facts.memory.casts import Held
from archlang.facts.memory.frames import Entry, Frame
from archlang.ir import CallNode

FEW = 3  # calls after the first that are run one by one


def row_after(frame: Frame, at: int, differs: Callable[[CallNode], bool]) -> Sequence[CallNode]:
    """The calls after an entry that do as it does, each to what the one before it gave; none where they are few.

    Those of which something `differs` stand in different rows.
    """
    row: list[CallNode] = []
    before = frame.entries[at]
    for entry in frame.entries[at + 1 :]:
        if not isinstance(before, CallNode) or not isinstance(entry, CallNode):
            break
        if not _follows(entry, before, frame) or differs(entry) != differs(before):
            break
        row.append(entry)
        before = entry
    return row if len(row) >= FEW else ()


def _follows(entry: CallNode, before: CallNode, frame: Frame) -> bool:
    alike = (entry.block, entry.scope, entry.inputs) == (before.block, before.scope, before.outputs)
    own = entry.module is None and before.module is None
    return alike and own and len(entry.outputs) == 1 and not frame.lasting.intersection(entry.inputs)


def is_steady(entry: Entry, given: dict[int, Held]) -> bool:
    """Whether what an entry gave lies as what it took, so that the next one finds what it found."""
    before, after = given[entry.inputs[0]], given[entry.outputs[0]]
    lie = [(x.type.strides, x.type.dtype, x.needs) for x in (before, after)]
    return lie[0] == lie[1]
