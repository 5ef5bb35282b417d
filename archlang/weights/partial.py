"""Takes from a file the weights that fit a net, and tells of all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.weights.fitting import SHOWN, Fit, difference, fit
from archlang.weights.reading import Held
from archlang.weights.sound import tell_lost_values

if TYPE_CHECKING:
    from torch import Tensor


def partly_fitting(
    graph: Graph, given: Mapping[str, Tensor], held: Mapping[str, Held]
) -> tuple[dict[str, Tensor], Fit]:
    """Return the tensors that fit a net, by its keys, and how the file was matched. Raises `Rejected` if none fits."""
    found = fit(graph, held)
    other = {one.key for one in found.misshapen}
    state = {ours: given[theirs] for ours, theirs in found.names.items() if ours not in other}
    if not any(value.dim() for value in state.values()):
        help = "weights go on into a net whose layers have the same names and shapes, all but a few"
        raise Rejected("weights-do-not-fit", f"no weight of the file fits {graph.name}", help=help)
    tell_lost_values("the file", given, [found.names[key] for key in state])
    return state, found


def told(found: Fit, name: str) -> Iterator[str]:
    """Yield lines about what was taken from a file called `name`, and everything that was not."""
    taken = len(found.names) - len(found.misshapen)
    total = len(found.names) + len(found.missing) + len(found.counters)
    yield f"{taken} of {total} tensors of the net are from {name}"
    yield from _listed("left out", [f"{one.key}: {difference(one)}" for one in found.misshapen])
    yield from _listed("starts anew, not in the file", found.missing)
    yield from _listed("not used, not in the net", found.unexpected)


def _listed(word: str, rows: tuple[str, ...] | list[str]) -> Iterator[str]:
    for row in rows[:SHOWN]:
        yield f"  {word}: {row}"
    if len(rows) > SHOWN:
        yield f"  {word}: and {len(rows) - SHOWN} more"
