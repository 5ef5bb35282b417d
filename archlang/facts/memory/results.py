"""The memory of a net over time: the peak, when it occurs, and what is allocated then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property

from archlang.cards import Shown
from archlang.facts.memory.card import memory_card
from archlang.facts.memory.heap import Heap, Kind, Phase
from archlang.facts.memory.kinds import kinds_over_time
from archlang.facts.memory.setup import Setup
from archlang.facts.memory.simulation import Simulated, simulate
from archlang.facts.memory.words import amount, described, where
from archlang.facts.untold import Untold
from archlang.ir import Graph, is_at
from archlang.program import program_of
from archlang.program.passes import in_memory_format, recomputing, slimming

MARGIN = 1  # percent of the peak with scratch, which differs between processors and numbers of threads


@dataclass(frozen=True, slots=True)
class Moment:
    """One operation: its phase, its layer's path and operator, the most bytes allocated while it runs, and after it.

    `peak_bytes` are those alive between the calls of torch; `with_scratch_bytes` include what kernels allocate and free
    by themselves.

    An operation of a row of equal calls runs `times` times. Its bytes are those of the run with the highest peak; its
    path names the row: `layer3.{1..22}.conv1`.
    """

    phase: Phase
    path: str
    op: str
    peak_bytes: int
    with_scratch_bytes: int
    after_bytes: int
    times: int


@dataclass(frozen=True, slots=True)
class Alive:
    """Allocated bytes of one kind that belong to a layer or to an input of the net."""

    kind: Kind
    path: str
    bytes: int


@dataclass(frozen=True)
class Memory(Shown):
    """The memory that a training step or an inference has allocated: at its peak, and at each moment.

    `peak_bytes` is the most that is alive between the calls of torch, at `moment`. `highest` is the moment at which the
    allocator reaches its highest mark, with what kernels allocate and free by themselves.
    """

    name: str
    setup: Setup
    peak_bytes: int
    moment: Moment
    highest: Moment
    alive: tuple[Alive, ...]
    simulated: Simulated = field(repr=False)

    def __repr__(self) -> str:
        """Return one line: the timeline has thousands."""
        least = "at least " if self.untold else ""
        peak = f"peak {least}{amount(self.peak_bytes)} {where(self.moment)}"
        return f"<Memory of {self.name} ({described(self.setup)}): {peak}>"

    def _repr_html_(self) -> str:
        """Return memory over time as HTML."""
        return memory_card(self)

    def to_json(self) -> dict[str, object]:
        """Return it as plain JSON values: what `archlang memory --format json` prints."""
        return {
            "version": 1,
            "net": self.name,
            **asdict(self.setup),
            "peak_bytes": self.peak_bytes,
            "is_lower_bound": bool(self.untold),
            "untold": [asdict(one) for one in self.untold],
            "moment": asdict(self.moment),
            "with_scratch_bytes": self.with_scratch_bytes,
            "needed_bytes": self.needed_bytes,
            "scratch_is_lower_bound": bool(self.unscratched),
            "unscratched": [asdict(one) for one in self.unscratched],
            "highest": asdict(self.highest),
            "by_kind": self.by_kind,
            "alive": [asdict(one) for one in self.alive],
            "timeline": [asdict(moment) for moment in self.timeline],
        }

    @property
    def visited(self) -> int:
        """How many operators the simulation visited; in a row of equal calls, one stands for most."""
        return sum(row.phase == "forward" for row in self.simulated.heap.rows) - 1  # the input

    @property
    def untold(self) -> tuple[Untold, ...]:
        """The temporaries that operators do not declare. If there are any, the bytes are a lower bound."""
        return self.simulated.untold

    @property
    def with_scratch_bytes(self) -> int:
        """The highest mark of the allocator: the peak with what kernels allocate and free by themselves."""
        return self.highest.with_scratch_bytes

    @property
    def needed_bytes(self) -> int:
        """What a step or an inference should have: the allocator's highest mark, and a margin of 1%."""
        return self.with_scratch_bytes + self.with_scratch_bytes * MARGIN // 100

    @property
    def unscratched(self) -> tuple[Untold, ...]:
        """The scratch that operators do not declare. If there is any, `with_scratch_bytes` is a lower bound."""
        return self.simulated.unscratched

    @property
    def by_kind(self) -> dict[Kind, int]:
        """Bytes allocated at the peak, by kind, the greatest first."""
        found: Counter[Kind] = Counter()
        for one in self.alive:
            found[one.kind] += one.bytes
        return dict(found.most_common())

    @property
    def by_layer(self) -> dict[str, int]:
        """Bytes allocated at the peak, by path of a layer or name of an input, the greatest first."""
        found: Counter[str] = Counter()
        for one in self.alive:
            found[one.path] += one.bytes
        return dict(found.most_common())

    @cached_property
    def timeline(self) -> tuple[Moment, ...]:
        """Every moment, in order."""
        heap, lasting = self.simulated.heap, sum(self.simulated.lasting.values())
        return tuple(_moment(heap, row, lasting, self.simulated.runs) for row in range(len(heap.rows)))

    @cached_property
    def kinds(self) -> tuple[dict[Kind, int], ...]:
        """Bytes allocated at the highest point of each moment of the timeline, by kind."""
        lasting: Counter[Kind] = Counter()
        for (kind, _), size in self.simulated.lasting.items():
            lasting[kind] += size
        return kinds_over_time(self.simulated.heap, lasting)


def memory(
    graph: Graph, setup: Setup | None = None, recomputed: Iterable[str] = (), *, slim: bool = False
) -> Memory:  # fmt: skip
    """Return the memory of one training step in its steady state, or of one inference, in eager torch on the CPU.

    The weights, their gradients and the state of the optimiser are included. `recomputed` are the paths of the calls of
    blocks that the backward pass runs again, as torch.utils.checkpoint does (`use_reentrant=False`). `slim` is
    whether the module keeps no normalised value that a convolution reads, outside of these calls. Raises ValueError if
    the net cannot run in the memory format of the setup.
    """
    recomputed = frozenset(recomputed)
    graph.refuse_walk()
    setup = setup or Setup()
    program = recomputing(program_of(graph), recomputed)
    program = in_memory_format(slimming(program) if slim else program, setup.memory_format)
    simulated = simulate(program, setup)
    heap, lasting, runs = simulated.heap, simulated.lasting, simulated.runs
    row = heap.peak()
    found: Counter[tuple[Kind, str]] = Counter()
    for (kind, path), size in (*lasting.items(), *heap.alive(row).items()):
        found[kind, _named(path, runs)] += size
    alive = tuple(Alive(kind, path, size) for (kind, path), size in found.most_common() if size)
    throughout = sum(lasting.values())
    moment, highest = (_moment(heap, at, throughout, runs) for at in (row, heap.peak(scratch=True)))
    return Memory(graph.name, setup, moment.peak_bytes, moment, highest, alive, simulated)


def _moment(heap: Heap, row: int, lasting: int, runs: Mapping[str, str]) -> Moment:
    found, around = heap.rows[row], heap.around(row)
    above = lasting + sum(section.most for section in around)
    times = 1
    for section in around:
        times *= section.times
    path = _named(found.path, runs)
    sizes = (found.top + above, found.reached + above, found.after + above)
    return Moment(found.phase, path, found.word, *sizes, times)


def _named(path: str, runs: Mapping[str, str]) -> str:
    """Return the path. A call that stands for a row of calls is named by the first and the last of the row."""
    for one in sorted(runs, key=len, reverse=True):
        if is_at(path, one):
            path = f"{runs[one]}{path[len(one) :]}"
    return path
