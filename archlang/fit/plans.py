"""How a batch fits: a slim module, and which blocks to recompute in the backward pass; the cheapest choice, simulated.

A slim module costs no multiply-accumulates, so it is tried first, and the net is slim outside of these blocks. A
recomputed call, or a run of calls, saves nothing but its inputs for backward, and its forward pass runs twice (Chen et
al. 2016, arXiv:1604.06174). One simulation gives the bytes that each call would free, and its work. scipy's `linprog`
chooses the calls that free enough for the least work. Their peaks do not add up, so each choice is simulated, and the
bytes to free are bisected until the cheapest choice that fits is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from archlang.facts.memory import Memory, Setup, memory
from archlang.facts.memory.simulation import simulate
from archlang.facts.memory.words import amount
from archlang.facts.passes import passes
from archlang.facts.work import count
from archlang.ir import Block, Graph, is_at
from archlang.ops.layouts import at_batch
from archlang.packages import need
from archlang.program import Scope, program_of, scope_tree
from archlang.program.passes import in_memory_format, slimming
from archlang.program.passes.recomputing import chained, run_path

ROUNDS, TRIES = 16, 16  # choices that are tried: of how much to save, and of what to leave out
FEWEST, LAYERS = 4, 16_000  # of each, of a large net: as many as there are in so many layers, so that it takes seconds
LENGTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32)  # of runs
_PART = 1e-6  # of a call; less is nothing


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls to recompute, by path; the memory then; the multiply-accumulates of a step, and those added.

    `slim` is whether the module also keeps no normalised value that a convolution reads, outside of these calls.
    """

    recomputed: tuple[str, ...]
    memory: Memory
    step_macs: int
    extra_macs: int
    slim: bool = False

    @property
    def price(self) -> float:
        """The extra work as a part of that of a step, forward and backward."""
        return self.extra_macs / self.step_macs if self.step_macs else 0.0

    @property
    def means(self) -> str:
        """What makes it fit, such as `a slim module, 2 blocks and 1 run of blocks recomputed`; empty if nothing is."""
        runs = sum(path.endswith("}") for path in self.recomputed)
        counts = (len(self.recomputed) - runs, "block"), (runs, "run")
        parts = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count]
        again = f"{' and '.join(parts)}{' of blocks' if runs else ''} recomputed" if parts else ""
        return ", ".join(filter(None, ["a slim module" if self.slim else "", again]))


@dataclass(frozen=True, slots=True)
class _Call:
    """A call or a run that may be recomputed: the bytes that this would free, and the work of running it again."""

    path: str
    saved_bytes: int
    macs: int
    values: int
    parts: tuple[str, ...]  # the calls of a run, or it alone

    def is_within(self, other: _Call) -> bool:
        """Return whether each of its parts is one of another, or within one."""
        return all(any(is_at(part, whole) for whole in other.parts) for part in self.parts)

    @property
    def work(self) -> int:
        return self.macs + self.values


def plan(graph: Graph, setup: Setup, budget_bytes: int, *, slims: bool = True) -> Plan | None:
    """Return the means by which a step of training fits in a memory, for the least work: slim, and calls to recompute.

    `slims` is whether the module may be slim. None if no choice that was tried fits. Raises Rejected if scipy is not
    installed.
    """
    work = passes(graph, setup.batch, training=True)
    step = work.forward.macs + work.backward.macs
    whole = memory(graph, setup)
    if whole.needed_bytes <= budget_bytes:
        return Plan((), whole, step, 0)
    less = memory(graph, setup, slim=True) if slims else whole
    if less.needed_bytes <= budget_bytes:
        return Plan((), less, step, 0, slim=True)
    is_slim = less.needed_bytes < whole.needed_bytes
    tries = max(FEWEST, LAYERS // max(1, sum(1 for _ in graph.flat())))
    choices, plans = _Choices(graph, setup, budget_bytes, is_slim, tries), list[Plan]()
    for calls in _levels(*_calls(choices)):
        chosen = _least(choices, calls, (less if is_slim else whole).needed_bytes - budget_bytes)
        if chosen is not None:
            plans.append(_plan(choices, _thinned(choices, chosen), step))
    return min(plans, key=lambda one: one.extra_macs, default=None)


def _plan(choices: _Choices, chosen: Sequence[_Call], step_macs: int) -> Plan:
    paths = tuple(call.path for call in chosen)
    return Plan(paths, choices.memory(chosen), step_macs, sum(call.macs for call in chosen), choices.slim)


def planned(graph: Graph, setup: Setup, budget_bytes: int, *, slims: bool = True) -> Plan:
    """Return the plan. Raises ValueError if no choice that was tried fits, or if it is unknown what kernels take."""
    found = plan(graph, setup, budget_bytes, slims=slims)
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


def _levels(calls: Sequence[_Call], runs: Sequence[Sequence[_Call]]) -> Iterator[tuple[_Call, ...]]:
    """Yield the calls to choose from: all of them, the innermost, the outermost; and all of them with runs of a length.

    An outer call or a run needs all of its memory at once when it runs again, so its inner calls may be the better
    choice.
    """
    inner = [call for call in calls if not any(other is not call and other.is_within(call) for other in calls)]
    outer = [call for call in calls if not any(other is not call and call.is_within(other) for other in calls)]
    yield from [tuple(level) for level in ([calls] if len(inner) == len(calls) else [calls, inner, outer]) if level]
    yield from ((*calls, *joined) for joined in runs if joined)


@dataclass(frozen=True, slots=True)
class _Choices:
    """The choices that were simulated, in a slim module or not, and the memory of each."""

    graph: Graph
    setup: Setup
    budget_bytes: int
    slim: bool
    tries: int  # of each choice, before the best that was found is taken
    known: dict[frozenset[str], Memory] = field(default_factory=dict[frozenset[str], Memory])

    def memory(self, chosen: Sequence[_Call]) -> Memory:
        paths = frozenset(call.path for call in chosen)
        if paths not in self.known:
            self.known[paths] = memory(self.graph, self.setup, paths, slim=self.slim)
        return self.known[paths]

    def excess(self, chosen: Sequence[_Call]) -> int:
        """Return by how many bytes it exceeds the memory; below 0 if it fits."""
        return self.memory(chosen).needed_bytes - self.budget_bytes


def _least(choices: _Choices, calls: tuple[_Call, ...], excess: int) -> Sequence[_Call] | None:
    """Return the choice that frees least and fits, found by bisection. None if even the largest choice does not fit."""
    least, most = 0, sum(call.saved_bytes for call in calls)
    best: Sequence[_Call] | None = None
    wanted, finer = min(excess, most), 0
    for _ in range(ROUNDS):
        chosen = _cheapest(calls, wanted)
        over = choices.excess(chosen)
        if over <= 0:
            best, most = chosen, wanted
        elif wanted == most and best is None:
            return None
        else:
            least = wanted
        finer += best is not None
        if finer > choices.tries:
            break
        wanted = (least + most) // 2 if best is not None else min(most, wanted + max(over, (most - wanted) // 3, 1))
    return best


def _thinned(choices: _Choices, chosen: Sequence[_Call]) -> Sequence[_Call]:
    """Return the choice without its unnecessary calls; the most expensive are tried first."""
    for call in sorted(chosen, key=lambda call: call.work, reverse=True)[: min(TRIES, choices.tries)]:
        without = [one for one in chosen if one is not call]
        if choices.excess(without) <= 0:
            chosen = without
    return chosen


def _calls(choices: _Choices) -> tuple[list[_Call], list[list[_Call]]]:
    """Return the calls that keep something besides their result; and runs of such calls, by their length."""
    graph, setup = choices.graph, choices.setup
    program = slimming(program_of(graph)) if choices.slim else program_of(graph)
    growths = simulate(in_memory_format(program, setup.memory_format), setup, folds=False).growths
    counts, found = count(graph, setup.batch), dict[str, _Call]()
    given: dict[str, int] = {}
    for path, block in _paths(scope_tree(program)):
        outputs = (at_batch(block.types[port.value], setup.batch) for port in block.outputs)
        given[path] = sum(setup.bytes(type.shape, type.dtype) for type in outputs)
        saved = growths.get(path, 0) - given[path]
        if saved > 0:
            work = counts.blocks[block.id]
            found[path] = _Call(path, saved, work.macs, work.output_values, (path,))
    chains = [[found[path] for path in chain] for chain in chained(program) if all(path in found for path in chain)]
    longest = max(map(len, chains), default=1)
    lengths = [length for length in LENGTHS if longest < 9 * length**2 and length**2 <= 4 * longest]  # near its root
    return [*found.values()], [[run for chain in chains for run in _cut(chain, length, given)] for length in lengths]


def _cut(chain: Sequence[_Call], length: int, given: Mapping[str, int]) -> Iterator[_Call]:
    """Yield the runs of a chain that is cut into parts of a length. What its calls hand on is freed too."""
    for at in range(0, len(chain), length):
        run = chain[at : at + length]
        if len(run) > 1:
            paths = tuple(call.path for call in run)
            saved = sum(call.saved_bytes for call in run) + sum(given[path] for path in paths[:-1])
            yield _Call(run_path(paths), saved, sum(c.macs for c in run), sum(c.values for c in run), paths)


def _paths(scope: Scope) -> Iterator[tuple[str, Block]]:
    """Yield every call of a block with its path, outer ones first; what is applied again is no call of its own."""
    for inner in scope.calls():
        if inner.call and inner.call.module is None:
            if inner.name is not None:  # without a key, the path is that of the scope around it
                yield inner.path, inner.block
            yield from _paths(inner)


def _cheapest(calls: tuple[_Call, ...], saved_bytes: int) -> list[_Call]:
    """Return the calls that save this many bytes for the least work, none within another; else the most possible.

    A linear program, in which a call may be taken in part. Its solution has few such calls, and these are taken whole.
    """
    optimize, nested = _scipy(), _nested(calls)
    unit, most = max(call.saved_bytes for call in calls), max(call.work for call in calls) or 1
    saving = [-call.saved_bytes / unit for call in calls]
    rows, ends = [*nested, saving], [*[1.0] * len(nested), -saved_bytes / unit]
    found = optimize.linprog([call.work / most for call in calls], A_ub=rows, b_ub=ends, bounds=(0, 1))
    if found.x is None:
        found = optimize.linprog(saving, A_ub=nested or None, b_ub=ends[:-1] or None, bounds=(0, 1))
    taken = [call for call, part in zip(calls, found.x, strict=True) if part > _PART]
    return [call for call in taken if not any(call is not one and call.is_within(one) for one in taken)]


@lru_cache(maxsize=1)
def _nested(calls: tuple[_Call, ...]) -> list[list[float]]:
    """Return a row for each call that is within others: which of all they are, with itself."""
    having: dict[str, list[int]] = {}
    for at, call in enumerate(calls):
        for part in call.parts:
            having.setdefault(part, []).append(at)
    rows: list[list[float]] = []
    for call in calls:
        words = call.parts[0].split(".")
        near = {one for end in range(len(words)) for one in having.get(".".join(words[: end + 1]), ())}
        wholes = {one for one in near if call.is_within(calls[one])}
        if len(wholes) > 1:
            rows.append([float(one in wholes) for one in range(len(calls))])
    return rows


def _scipy() -> Any:
    return need("scipy.optimize", "what to recompute is chosen by")
