"""Attention of one value to itself or to another, with the masks and lengths that `sdpa` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.ops import registry
from archlang.shapes import TensorType, input_type
from tests.generator import labels
from tests.generator.arguments import made
from tests.generator.bridges import apply, bridge
from tests.generator.nodes import Node, Pick, run
from tests.generator.own_tensors import own
from tests.generator.scene import Scene, Stuck
from tests.generator.steps import step, takes_one

if TYPE_CHECKING:
    from tests.generator.growing import Grower

WIDTH = 4  # channels of queries


def attended(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `(q, k, v, mask, lengths) -> sdpa 2`, with what brings each of them to its type."""
    draws = grower.draws
    if scene.turning:
        raise Stuck("labels would be equal in each turn")
    keys, heads, is_causal = 2 + draws.below(3), draws.one((1, 2, 4)), draws.chance(25)
    queries = keys if is_causal or draws.chance(60) else 1 + draws.below(4)
    nodes = bridge(grower, scene, _sequence(queries))
    query = _name(grower, scene, nodes)
    picked = [query]
    for _ in range(2):
        if keys == queries and draws.chance(50):
            picked.append(query)
            continue
        _back(scene, nodes, query)
        nodes += bridge(grower, scene, _sequence(keys))
        if draws.chance(50):
            nodes.append(apply(grower, scene, "linear", out=WIDTH))
        picked.append(_name(grower, scene, nodes))
    picked += _masks(grower, scene, nodes, query, (queries, keys, heads))
    last: list[Node] = [Pick(tuple(picked))]
    run(last, scene)
    op = made(registry()["sdpa"], {"heads": heads, "causal": is_causal})
    return [*nodes, *last, *step(grower, scene, op)]


def _masks(grower: Grower, scene: Scene, nodes: list[Node], query: str, sizes: tuple[int, int, int]) -> list[str]:
    """Return the names of a mask and of lengths, or of one of them, or none."""
    draws, (queries, keys, heads) = grower.draws, sizes
    found: list[str] = []
    if draws.chance(60):
        shape = draws.one(((queries, keys), (keys,), (heads, queries, keys)))
        _back(scene, nodes, query)
        if draws.chance(35) and len(shape) == 2:
            node = own(grower, scene, shape)
            nodes.append(node)
            found.append(node.name)
        else:
            dtype = "bool" if len(shape) == 1 or draws.chance(60) else "float32"
            nodes += bridge(grower, scene, TensorType((1, *shape), input_type(shape).axes, dtype))
            found.append(_name(grower, scene, nodes))
    if draws.chance(50):
        _back(scene, nodes, query)
        nodes += bridge(grower, scene, TensorType((1, keys + 1), ("n", "c")))
        nodes.append(apply(grower, scene, "argmax", axis=1))
        found.append(_name(grower, scene, nodes))
    return found


def _sequence(length: int) -> TensorType:
    return TensorType((1, length, WIDTH), ("n", "t", "c"))


def _name(grower: Grower, scene: Scene, nodes: list[Node]) -> str:
    """Give what flows a name, and return it."""
    if not takes_one(scene):
        raise Stuck("several values flow")
    label = labels.label(scene, grower.draws)
    nodes.append(Pick(("it",), label, joint=" -> "))
    run(nodes[-1:], scene)
    return label.text


def _back(scene: Scene, nodes: list[Node], name: str) -> None:
    """Begin a line with a value."""
    nodes.append(Pick((name,)))
    run(nodes[-1:], scene)
