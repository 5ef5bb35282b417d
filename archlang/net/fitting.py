"""What fits in a memory, as `Net.fit` returns it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from archlang.facts.memory import Setup, memory
from archlang.facts.memory.words import amount, bytes_of, described
from archlang.fit import Largest, Plan, largest_batch, largest_size, plan, plans
from archlang.ir import Graph
from archlang.library import CallError
from archlang.sizes import Spec, default_range, valid_at


@dataclass(frozen=True, slots=True)
class Fit:
    """What fits in `memory_bytes`: the largest batch, and each largest open size at the batch of the setup.

    `asked` is whether that batch was asked for. `plan` says by which means it fits: None if no batch was
    asked for, if no choice that was tried fits, or under autocast. If the scratch of kernels is unknown (it is listed
    by operator), less may fit.
    """

    name: str
    memory_bytes: int
    setup: Setup
    asked: bool
    largest_batch: int
    largest_sizes: Mapping[str, Largest]
    plan: Plan | None
    unknown_scratch: tuple[str, ...]

    def __repr__(self) -> str:
        """Return one line."""
        words = [f"largest batch {'at most ' if self.unknown_scratch else ''}{self.largest_batch:,}"]
        words += [f"largest {name} {_largest(found)}" for name, found in self.largest_sizes.items()]
        if self.plan is not None and self.plan.means:
            words.append(f"{self.plan.means} for batch {self.setup.batch:,}")
        setup = described(self.setup, batch=self.asked)
        return f"<Fit of {self.name} ({setup}) within {amount(self.memory_bytes)}: {', '.join(words)}>"

    def to_json(self) -> dict[str, object]:
        """Return it as plain JSON values: what `archlang fit --format json` prints."""
        wanted = self.plan and {
            "batch": self.setup.batch,
            "slim": self.plan.slim,
            "recomputed": self.plan.recomputed,
            "needed_bytes": self.plan.memory.needed_bytes,
            "step_macs": self.plan.step_macs,
            "extra_macs": self.plan.extra_macs,
        }
        return {
            "version": 1,
            "net": self.name,
            "memory_bytes": self.memory_bytes,
            "largest_batch": self.largest_batch,
            "largest_sizes": {name: found.size for name, found in self.largest_sizes.items()},
            "sizes_too_large": {name: found.too_large for name, found in self.largest_sizes.items()},
            "plan": wanted,
            "unknown_scratch": list(self.unknown_scratch),
        }


def planned(graph: Graph, setup: Setup, budget: int | str, recomputed: Collection[str], *, slims: bool) -> Plan:
    """Return the plan by which a step of training fits. Raises CallError if no choice fits.

    No call to recompute may be named by the caller. `slims` is whether the module may be slim.
    """
    if recomputed:
        raise CallError("`memory` chooses what is recomputed; give either that or `recomputed`")
    try:
        return plans.planned(graph, setup, bytes_of(str(budget)), slims=slims)
    except ValueError as error:
        raise CallError(str(error)) from None


def _largest(found: Largest) -> str:
    size = "none" if found.size is None else f"{found.size:,}"
    return size if found.too_large is not None or found.size is None else f"at least {size}"


def fitted(
    graph: Graph, spec: Spec | None, budget_bytes: int, setup: Setup, *, asked: bool, ranges: Mapping[str, range]
) -> Fit:
    """Return what fits; each open size is tried over its range, or from 1 until the net does not fit."""
    batch = largest_batch(graph, setup, budget_bytes)
    untold = memory(graph, replace(setup, batch=1)).unscratched
    sizes = {
        name: largest_size(
            ranges.get(name, default_range(graph, name)),
            valid_at(spec, graph, name),
            setup,
            budget_bytes,
            further=name not in ranges,
        )
        for name in (graph.open_sizes if spec is not None else ())
        if spec is not None
    }
    wanted = plan(graph, setup, budget_bytes) if asked and setup.training and not setup.autocast else None
    words = tuple(dict.fromkeys(one.word for one in untold))
    return Fit(graph.name, budget_bytes, setup, asked, batch, sizes, wanted, words)
