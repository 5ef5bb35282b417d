"""The memory of a net over time, as it is told: the peak, its moment, what is alive then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from archlang.facts.memory.heap import Heap, Kind, Phase
from archlang.facts.memory.setup import Setup
from archlang.facts.memory.simulation import Simulated, simulate
from archlang.facts.untold import Untold
from archlang.ir import Graph, is_at
from archlang.program import program_of
from archlang.program.passes import recomputing


@dataclass(frozen=True, slots=True)
class Moment:
    """One operation: its phase, the path and word of its layer, bytes that are alive at most while it runs, and after.

    One that is done `times` times, in a row of calls that are alike, is told as when it stands highest; its path is
    that of the row, `layer3.{1..22}.conv1`.
    """

    phase: Phase
    path: str
    op: str
    peak_bytes: int
    after_bytes: int
    times: int


@dataclass(frozen=True, slots=True)
class Alive:
    """Bytes of a kind that belong to a layer, or to an input of the net."""

    kind: Kind
    path: str
    bytes: int


@dataclass(frozen=True)
class Memory:
    """What a step of training, or an inference, has alive: at its peak, and at each of its moments."""

    setup: Setup
    peak_bytes: int
    moment: Moment
    alive: tuple[Alive, ...]
    simulated: Simulated

    @property
    def untold(self) -> tuple[Untold, ...]:
        """The temporaries that operators do not tell, because of which the bytes are a lower bound."""
        return self.simulated.untold

    @property
    def by_kind(self) -> dict[Kind, int]:
        """Bytes alive at the peak, by kind, the greatest first."""
        found: Counter[Kind] = Counter()
        for one in self.alive:
            found[one.kind] += one.bytes
        return dict(found.most_common())

    @property
    def by_layer(self) -> dict[str, int]:
        """Bytes alive at the peak, by path of a layer or name of an input, the greatest first."""
        found: Counter[str] = Counter()
        for one in self.alive:
            found[one.path] += one.bytes
        return dict(found.most_common())

    @cached_property
    def timeline(self) -> tuple[Moment, ...]:
        """Every moment, in order."""
        heap, lasting = self.simulated.heap, sum(self.simulated.lasting.values())
        return tuple(_moment(heap, row, lasting, self.simulated.runs) for row in range(len(heap.rows)))


def memory(graph: Graph, setup: Setup | None = None, recomputed: Iterable[str] = ()) -> Memory:
    """The memory of a net over one step of training in its steady state, or one inference; eager torch on the CPU.

    What one operator's call takes and gives back by itself is left out. The weights, their gradients and the state of
    the optimiser are among what is told. What is `recomputed` names calls of blocks, by path, that the backward pass
    runs again, as torch.utils.checkpoint does (`use_reentrant=False`).
    """
    setup = setup or Setup()
    simulated = simulate(recomputing(program_of(graph), frozenset(recomputed)), setup)
    heap, lasting, runs = simulated.heap, simulated.lasting, simulated.runs
    row = heap.peak()
    found: Counter[tuple[Kind, str]] = Counter()
    for (kind, path), size in (*lasting.items(), *heap.alive(row).items()):
        found[kind, _named(path, runs)] += size
    alive = tuple(Alive(kind, path, size) for (kind, path), size in found.most_common() if size)
    moment = _moment(heap, row, sum(lasting.values()), runs)
    return Memory(setup, moment.peak_bytes, moment, alive, simulated)


def _moment(heap: Heap, row: int, lasting: int, runs: Mapping[str, str]) -> Moment:
    found, around = heap.rows[row], heap.around(row)
    above = lasting + sum(section.most for section in around)
    times = 1
    for section in around:
        times *= section.times
    path = _named(found.path, runs)
    return Moment(found.phase, path, found.word, found.top + above, found.after + above, times)


def _named(path: str, runs: Mapping[str, str]) -> str:
    """The path, those of calls that were run once in the place of many by the first and the last of them."""
    for one in sorted(runs, key=len, reverse=True):
        if is_at(path, one):
            path = f"{runs[one]}{path[len(one) :]}"
    return path
