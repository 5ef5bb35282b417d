"""What of a block holds which values while it runs: the frames of the emitted source's forward functions.

A block is a frame, and so are labelled braces within it. A frame holds its inputs until it returns, as the caller's
arguments do; a value that the very next entry alone takes until the next such value stands in its place; and a value
that lives on until the frame returns.
"""

from __future__ import annotations

from dataclasses import dataclass

from archlang.ir import Block, CallNode, OpNode


@dataclass(frozen=True, slots=True)
class Frame:
    """Entries in order, the values of the block that enter and leave, and those that `last` until it returns."""

    entries: tuple[Entry, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    lasting: frozenset[int]


Entry = OpNode | CallNode | Frame


def frame_of(block: Block) -> Frame:
    """The frame of a block, with those of the braces in it."""
    outputs = tuple(dict.fromkeys(port.value for port in block.outputs))
    last = {value: at for at, node in enumerate(block.nodes) for value in node.inputs}
    last |= dict.fromkeys(outputs, len(block.nodes))
    entries = _entries(block, last, "", 0, len(block.nodes))
    return _frame(entries, tuple(port.value for port in block.inputs), outputs)


def _entries(block: Block, last: dict[int, int], path: str, start: int, end: int) -> tuple[Entry, ...]:
    """The nodes from `start` to `end`, which stand in the scope `path`; those of inner scopes as frames."""
    entries: list[Entry] = []
    depth = path.count(".") + 1 if path else 0
    at = start
    while at < end:
        scope = block.nodes[at].scope
        if scope == path:
            entries.append(block.nodes[at])
            at += 1
            continue
        inner = ".".join(scope.split(".")[: depth + 1])
        after = at
        while after < end and f"{block.nodes[after].scope}.".startswith(f"{inner}."):
            after += 1
        part = block.nodes[at:after]
        made = dict.fromkeys(value for node in part for value in node.outputs)
        entering = tuple(dict.fromkeys(value for node in part for value in node.inputs if value not in made))
        leaving = tuple(value for value in made if last.get(value, -1) >= after)
        entries.append(_frame(_entries(block, last, inner, at, after), entering, leaving))
        at = after
    return tuple(entries)


def _frame(entries: tuple[Entry, ...], inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Frame:
    made = dict.fromkeys(inputs, -1)
    lasting: set[int] = set()
    for at, entry in enumerate(entries):
        lasting |= {value for value in entry.inputs if made[value] != at - 1}
        if len(entry.outputs) > 1:
            lasting.update(entry.outputs)
        made.update(dict.fromkeys(entry.outputs, at))
    lasting |= {value for value in outputs if made[value] != len(entries) - 1}
    return Frame(entries, inputs, outputs, frozenset(lasting))
