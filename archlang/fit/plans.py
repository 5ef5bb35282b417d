"""Which blocks to recompute in the backward pass, so that a batch fits: the cheapest choice, simulated.

A recomputed call saves nothing but its inputs for backward, and its forward pass runs twice (Chen et al. 2016,
arXiv:1604.06174). One simulation gives the bytes that each call would free, and its work. scipy's `linprog` chooses the
calls that free enough for the least work. Their peaks do not add up, so each choice is simulated, and the bytes to free
are bisected until the cheapest choice that fits is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archlang.facts.memory import Memory, Setup, memory
from archlang.facts.memory.simulation import simulate
from archlang.facts.memory.words import amount
from archlang.facts.passes import passes
from archlang.facts.work import Counts, count
from archlang.ir import Block, Graph, is_at
from archlang.ops.layouts import at_batch
from archlang.packages import need
from archlang.program import Scope, program_of, scope_tree
from archlang.program.passes import in_memory_format

ROUNDS, TRIES = 16, 16  # choices that are tried: of how much to save, and of what to leave out
_PART = 1e-6  # of a call; less is nothing


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls to recompute, by path; the memory then; the multiply-accumulates of a step, and those added."""

    recomputed: tuple[str, ...]
    memory: Memory
    step_macs: int
    extra_macs: int

    @property
    def price(self) -> float:
        """The extra work as a part of that of a step, forward and backward."""
        return self.extra_macs / self.step_macs if self.step_macs else 0.0


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that may be recomputed: the bytes that this would free, and the work of running it again."""

    path: str
    saved_bytes: int
    macs: int
    values: int

    @property
    def work(self) -> int:
        return self.macs + self.values


def plan(graph: Graph, setup: Setup, budget_bytes: int) -> Plan | None:
    """Return the calls to recompute in a step of training, for the least work, so that its peak is within a memory.

    None if no choice that was tried fits. Raises Rejected if scipy is not installed.
    """
    work = passes(graph, setup.batch, training=True)
    step = work.forward.macs + work.backward.macs
    whole = memory(graph, setup)
    if whole.needed_bytes <= budget_bytes:
        return Plan((), whole, step, 0)
    choices = _Choices(graph, setup, budget_bytes)
    plans: list[Plan] = []
    for calls in _levels(list(_calls(graph, setup))):
        chosen = _least(choices, calls, whole.needed_bytes - budget_bytes)
        if chosen is not None:
            chosen = _thinned(choices, chosen)
            paths = tuple(call.path for call in chosen)
            plans.append(Plan(paths, choices.memory(chosen), step, sum(call.macs for call in chosen)))
    return min(plans, key=lambda one: one.extra_macs, default=None)


def planned(graph: Graph, setup: Setup, budget_bytes: int) -> Plan:
    """Return the plan. Raises ValueError if no choice that was tried fits, or if it is unknown what kernels take."""
    found = plan(graph, setup, budget_bytes)
    takes = f"batch {setup.batch:,} of {graph.name}"
    if found is None:
        whole = amount(memory(graph, setup).needed_bytes)
        raise ValueError(
            f"{takes} takes {whole}, and no choice of blocks to recompute that was tried makes it fit in "
            f"{amount(budget_bytes)}; take a smaller batch, or name smaller blocks"
        )
    if found.memory.unscratched:
        words = ", ".join(dict.fromkeys(one.word for one in found.memory.unscratched))
        raise ValueError(f"whether {takes} fits is unknown: what the kernels of {words} take is not known")
    return found


def _levels(calls: Sequence[_Call]) -> list[Sequence[_Call]]:
    """Return the calls to choose from: all of them, the innermost, the outermost.

    An outer call needs all of its memory at once when it runs again, so its inner calls may be the better choice.
    """

    def is_within(call: _Call, other: _Call) -> bool:
        return call is not other and is_at(call.path, other.path)

    inner = [call for call in calls if not any(is_within(other, call) for other in calls)]
    outer = [call for call in calls if not any(is_within(call, other) for other in calls)]
    return [level for level in ([calls] if len(inner) == len(calls) else [calls, inner, outer]) if level]


@dataclass(frozen=True, slots=True)
class _Choices:
    """The choices that were simulated, and the memory of each."""

    graph: Graph
    setup: Setup
    budget_bytes: int
    known: dict[frozenset[str], Memory] = field(default_factory=dict[frozenset[str], Memory])

    def memory(self, chosen: Sequence[_Call]) -> Memory:
        paths = frozenset(call.path for call in chosen)
        if paths not in self.known:
            self.known[paths] = memory(self.graph, self.setup, paths)
        return self.known[paths]

    def excess(self, chosen: Sequence[_Call]) -> int:
        """Return by how many bytes it exceeds the memory; below 0 if it fits."""
        return self.memory(chosen).needed_bytes - self.budget_bytes


def _least(choices: _Choices, calls: Sequence[_Call], excess: int) -> Sequence[_Call] | None:
    """Return the choice that frees least and fits, found by bisection. None if even the largest choice does not fit."""
    least, most = 0, sum(call.saved_bytes for call in calls)
    best: Sequence[_Call] | None = None
    wanted = min(excess, most)
    for _ in range(ROUNDS):
        chosen = _cheapest(calls, wanted)
        over = choices.excess(chosen)
        if over <= 0:
            best, most = chosen, wanted
        elif wanted == most and best is None:
            return None
        else:
            least = wanted
        wanted = (least + most) // 2 if best is not None else min(most, wanted + max(over, (most - wanted) // 3, 1))
    return best


def _thinned(choices: _Choices, chosen: Sequence[_Call]) -> Sequence[_Call]:
    """Return the choice without its unnecessary calls; the most expensive are tried first."""
    for call in sorted(chosen, key=lambda call: call.work, reverse=True)[:TRIES]:
        without = [one for one in chosen if one is not call]
        if choices.excess(without) <= 0:
            chosen = without
    return chosen


def _calls(graph: Graph, setup: Setup) -> Iterator[_Call]:
    """Yield the calls that keep something besides their result."""
    program = program_of(graph)
    growths = simulate(in_memory_format(program, setup.memory_format), setup, folds=False).growths
    counts = count(graph, setup.batch)
    for path, block in _paths(scope_tree(program)):
        outputs = (at_batch(block.types[port.value], setup.batch) for port in block.outputs)
        given = sum(setup.bytes(type.shape, type.dtype) for type in outputs)
        saved = growths.get(path, 0) - given
        if saved > 0:
            yield _call(path, saved, counts, block)


def _call(path: str, saved: int, counts: Counts, block: Block) -> _Call:
    work = counts.blocks[block.id]
    return _Call(path, saved, work.macs, work.output_values)


def _paths(scope: Scope) -> Iterator[tuple[str, Block]]:
    """Yield every call of a block with its path, outer ones first; what is applied again is no call of its own."""
    for inner in scope.calls():
        if inner.call and inner.call.module is None:
            if inner.name is not None:  # without a key, the path is that of the scope around it
                yield inner.path, inner.block
            yield from _paths(inner)


def _cheapest(calls: Sequence[_Call], saved_bytes: int) -> list[_Call]:
    """Return the calls that save this many bytes for the least work, none within another; else the most possible.

    A linear program, in which a call may be taken in part. Its solution has few such calls, and these are taken whole.
    """
    optimize = _scipy()
    nested = [[float(is_at(call.path, other.path)) for other in calls] for call in calls]
    unit, most = max(call.saved_bytes for call in calls), max(call.work for call in calls) or 1
    saving = [-call.saved_bytes / unit for call in calls]
    rows, ends = [*nested, saving], [*[1.0] * len(calls), -saved_bytes / unit]
    found = optimize.linprog([call.work / most for call in calls], A_ub=rows, b_ub=ends, bounds=(0, 1))
    if found.x is None:
        found = optimize.linprog(saving, A_ub=nested, b_ub=ends[:-1], bounds=(0, 1))
    taken = [call for call, part in zip(calls, found.x, strict=True) if part > _PART]
    return [call for call in taken if not any(call is not one and is_at(call.path, one.path) for one in taken)]


def _scipy() -> Any:
    return need("scipy.optimize", "what to recompute is chosen by")
