"""Weights that are shared or frozen, and values of whole numbers, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.shapes import TensorType
from tests.generator import labels
from tests.generator.arguments import made
from tests.generator.bridges import bridge
from tests.generator.definitions import Definition, holds_its_ties
from tests.generator.nodes import Apply, Let, Node, Pick, run
from tests.generator.scene import Scene, Stuck
from tests.generator.steps import keep, step
from tests.generator.writing import operator_text

if TYPE_CHECKING:
    from tests.generator.growing import Grower

OWNERS = ("embedding", "linear", "conv")


def embedded(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return a line that begins with whole numbers: a row of a table for each."""
    draws = grower.draws
    whole = [
        path
        for path, values in scene.visible().items()
        if len(values) == 1 and values[0].below is not None and len(values[0].type.axes) < 4
    ]
    if not whole:
        raise Stuck("no whole numbers")
    kept = keep(grower, scene)
    path = draws.one(whole)
    nodes: list[Node] = [Pick((scene.templates.get(path, path),))]
    run(nodes, scene)
    least = scene.it[0].below or 1
    op = made(registry()["embedding"], {"count": least + draws.below(3), "width": 2 + draws.below(5)})
    return [*kept, *nodes, *step(grower, scene, op, percent=70)]


def tied(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return a step whose weight is that of a labelled one."""
    draws = grower.draws
    owners = {path: one for path, one in scene.scope.steps.items() if _owns(one.target)}
    if not owners:
        raise Stuck("no step has a weight to share")
    path = draws.one(list(owners))
    owner = owners[path]
    op, type = owner.target, owner.types[0]
    assert isinstance(op, Operator)
    if op.word == "embedding":
        (weight,) = op.weights(*owner.types)
        op, type = made(registry()["linear"], {"out": weight.shape[0]}), TensorType((1, weight.shape[1]), ("n", "c"))
    nodes = bridge(grower, scene, type)
    label = labels.label(scene, draws) if draws.chance(60) else None
    written = operator_text(type_of(op), dict(op), draws)
    place = scene.templates.get(path, path)
    node = Apply(type_of(op), dict(op), written, label, {"weight": (place, "weight")})
    if not all(part.isidentifier() for part in place.split(".")):
        raise Stuck("a path of words is tied to")
    run([node], scene)
    return [*nodes, node]


def type_of(op: Operator) -> type[Operator]:
    return type(op)


def _owns(target: Operator | Definition) -> bool:
    return isinstance(target, Operator) and target.word in OWNERS and not getattr(target, "max_norm", None)


def freeze(grower: Grower, definition: Definition, scene: Scene, percent: int) -> None:
    """Freeze some steps, with this percentage."""
    draws = grower.draws
    if not draws.chance(percent):
        return
    paths = sorted(path for path in {*scene.scope.layers, *scene.scope.steps} if holds_its_ties(path, scene))
    for _ in range(1 + draws.below(3)):
        owners = sorted(scene.scope.owners & {*paths})  # of weights that others share
        path = draws.one(owners if owners and draws.chance(50) else paths or [""])
        if path and path not in definition.frozen:
            definition.frozen.append(path)


def let(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return a number under a name."""
    draws = grower.draws
    name = labels.number_name(scene, draws, draws.one(("", "let_")))
    numbers = [known for known, value in scene.names.items() if type(value) is int]
    text = draws.one(
        ("3", "2**2", "7 // 2", "max(1, 2)", "int(5 / 2)", "4 if true else 2", "[1, 2, 3][1]", "len([5, 5])")
    )
    if numbers and draws.chance(60):
        text = draws.one(("{} + 1", "{} * 2", "max({}, 2)", "{} if {} > 1 else 2")).replace("{}", draws.one(numbers))
    node = Let(name, text)
    run([node], scene)
    return [node]
