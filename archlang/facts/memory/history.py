"""Autograd's graph of the forward pass: how long what an operation saved for backward stays alive.

torch's nodes are reference-counted. A node lives while one of its operation's outputs is held, or a node that uses one
of them lives. When it dies, what it saved is freed. So an operation on which no output of the net depends keeps nothing
until the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from archlang.facts.memory.heap import Heap


class DiesLater(Exception):
    """A node of repeated calls died after them, so that one call cannot be simulated in place of all."""


@dataclass(slots=True)
class Node:
    """The node of one operation: the values whose nodes it uses, the storages it saves, how often it is referenced.

    `section` is the tape on which it was recorded; repeated calls have a tape of their own.
    """

    uses: tuple[int, ...]
    kept: tuple[int, ...]
    references: int
    section: object


@dataclass(frozen=True, slots=True)
class History:
    """The nodes that are alive, by the numbers of their outputs."""

    heap: Heap
    nodes: dict[int, Node] = field(default_factory=dict[int, Node])

    def record(self, outputs: Sequence[int], uses: Iterable[int], kept: tuple[int, ...], section: object) -> None:
        """Add a node; each of its outputs has one reference."""
        used = tuple(value for value in uses if value in self.nodes)
        for value in used:
            self.nodes[value].references += 1
        self.nodes.update(dict.fromkeys(outputs, Node(used, kept, len(set(outputs)), section)))

    def hold(self, value: int) -> None:
        """Add a reference to the value."""
        if value in self.nodes:
            self.nodes[value].references += 1

    def drop(self, value: int, section: object) -> None:
        """Remove a reference to the value. Without references its node dies, and so do the nodes that it alone uses."""
        dropped = [value]
        while dropped:
            node = self.nodes.get(dropped.pop())
            if node is None:
                continue
            node.references -= 1
            if node.references:
                continue
            if node.section is not section:
                raise DiesLater
            for storage in node.kept:
                self.heap.drop(storage)
            dropped += node.uses
