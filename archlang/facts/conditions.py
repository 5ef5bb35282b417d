"""The conditions on sizes in a Graph: which of them differ between two nets, and near which sizes they may change."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.formulas import Formula, value_at
from archlang.ir import Block, Graph, Guard

MOST = 8  # sizes near which conditions may change


def conditions(graph: Graph) -> Iterator[tuple[Block, Guard]]:
    """Yield the conditions of a net, block by block, in the order in which they are checked."""
    for block in graph.blocks:
        for node in block.nodes:
            yield from ((block, guard) for guard in node.guards)
        yield from ((block, guard) for guard in block.guards)


def differing(graph: Graph, other: Graph) -> Guard | None:
    """Return the first condition that the other net does not have at the same place."""
    for (_, guard), (_, there) in zip(conditions(graph), conditions(other), strict=False):
        if guard.text(str) != there.text(str):
            return guard
    count = sum(1 for _ in conditions(other))
    return next((guard for at, (_, guard) in enumerate(conditions(graph)) if at >= count), None)


def turning_points(graph: Graph, default: int) -> list[int]:
    """Return values of an open size at which a condition may change, if what it compares grows with the size."""
    found: dict[int, None] = {}
    for block, guard in conditions(graph):
        left, right = _value(guard.left, block), _value(guard.right, block)
        if left > 0 and right > 0:
            middles = (int(default * right // left), int(default * left // right))
            found |= dict.fromkeys(middle + more for middle in middles for more in (0, 1, -1))
        else:
            found |= dict.fromkeys((default + 1, default - 1))
        if len(found) >= MOST:
            break
    return [size for size in found if size > 0 and size != default][:MOST]


def _value(formula: Formula, block: Block) -> float:
    """Return the number that a formula gives at the default."""
    return value_at(formula, lambda size: block.types[size.value].shape[size.axis])
