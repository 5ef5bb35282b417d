"""What a file computes as the generator reads it, operator by operator: the Graph must say the same.

The scene follows each statement by rules of its own, so that a value taken for another, a branch out of order or a key
that is not the one written is found, though the net has the same shapes and counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from archlang.facts.named_values import outputs_of
from archlang.ir import Graph, is_at, join_path
from archlang.ops.base import Operator

if TYPE_CHECKING:
    from tests.generator.scene import Value, Values

Starts = tuple[tuple[str, str, tuple[float | str, ...]], ...]  # weight, initialiser, its arguments


@dataclass(frozen=True)
class Traced:
    """An operator that runs: its path, the values that it takes by their number, and what holds of its weights."""

    path: str
    op: Operator | str  # of a tensor of the net's own the word alone
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    frozen: bool
    reused: bool
    ties: tuple[tuple[str, str], ...] = ()
    starts: Starts = ()  # how its weights begin, where something is said


@dataclass
class Trace:
    """The operators so far, and where the walk stands: the path of the block, what is frozen there."""

    layers: list[Traced] = field(default_factory=list[Traced])
    numbers: dict[int, int] = field(default_factory=dict[int, int])  # by id of the value
    alive: list[Value] = field(default_factory=list["Value"])  # so that no id comes twice
    count: list[int] = field(default_factory=lambda: [0])
    prefix: str = ""
    frozen: tuple[str, ...] = ()
    reused: bool = False
    entering: tuple[int, ...] | None = None  # the numbers of what flows into the block; None for the net
    leaving: tuple[int, ...] = ()

    def inside(self, path: str, values: Values, again: bool) -> Trace:
        """Return the same in a block that is called at a path of the one here, with these values."""
        numbers = tuple(self.numbers[id(value)] for value in values)
        prefix = join_path(self.prefix, path)
        return replace(self, prefix=prefix, reused=self.reused or again, entering=numbers)

    def enter(self, values: Values, frozen: Sequence[str]) -> None:
        """Flow into the block, which freezes these paths."""
        self.frozen = (*self.frozen, *(join_path(self.prefix, path) for path in frozen))
        self.name(values, self.entering or self._new(len(values)))

    def leave(self, values: Values) -> None:
        self.leaving = tuple(self.numbers[id(value)] for value in values)

    def name(self, values: Values, numbers: Sequence[int]) -> None:
        self.alive += values
        self.numbers.update(zip(map(id, values), numbers, strict=True))

    def add(
        self, path: str, op: Operator | str, taken: Values, given: Values,
        ties: Sequence[tuple[str, str]] = (), starts: Starts = (), again: bool = False,
    ) -> None:  # fmt: skip
        """Add an operator at a path of this block, which takes some values and gives others."""
        outputs = self._new(len(given))
        self.name(given, outputs)
        full = join_path(self.prefix, path)
        frozen = any(is_at(full, one) for one in self.frozen)
        inputs = tuple(self.numbers[id(value)] for value in taken)
        if self.reused or again:  # it has the weights of an earlier one
            self.layers.append(Traced(full, op, inputs, outputs, frozen, reused=True))
        else:
            self.layers.append(Traced(full, op, inputs, outputs, frozen, False, tuple(sorted(ties)), starts))

    def _new(self, count: int) -> tuple[int, ...]:
        first = self.count[0]
        self.count[0] += count
        return tuple(range(first, first + count))


def read(graph: Graph) -> list[Traced]:
    """Return the operators as the Graph has them."""
    found: list[Traced] = []
    for layer in graph.flat():
        ties = () if layer.reused else tuple(sorted(layer.node.ties.items()))
        begun = () if layer.reused else layer.node.starts.items()
        starts = tuple(sorted((name, start.word, start.values) for name, start in begun))
        op = layer.op.word if layer.op.declared else layer.op
        found.append(Traced(layer.path, op, layer.inputs, layer.outputs, layer.frozen, layer.reused, ties, starts))
    return found


def differing(graph: Graph, trace: Trace, outputs: Sequence[tuple[int, bool]]) -> tuple[object, object] | None:
    """Return what is told and what is found where the two differ first.

    Each of `outputs` stands beside whether it is of training alone.
    """
    for told, found in zip_longest(trace.layers, read(graph)):
        if told != found:
            return told, found
    ports = zip(outputs_of(graph), (port.training for port in graph.root.outputs), strict=True)
    found = sorted(ports)
    return None if sorted(outputs) == found else (sorted(outputs), found)
