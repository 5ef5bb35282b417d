"""The operator that a net is drawn for: its inputs are brought to the types of one of its examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.laws.cases import Case
from archlang.ops import registry
from archlang.shapes import TensorType
from tests.generator import labels
from tests.generator.arguments import example, made, near
from tests.generator.bridges import apply, bridge
from tests.generator.nodes import Label, Node, Pick, Stored, run
from tests.generator.own_tensors import INITS
from tests.generator.scene import Scene, Stuck
from tests.generator.steps import POSITIVE, fixed, step, takes_one

if TYPE_CHECKING:
    from tests.generator.growing import Grower


def featured_step(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return the operator of this net, on inputs like those of one of its examples."""
    if grower.word == "max_unpool":
        return _unpooled(grower, scene)
    op, draws = registry()[grower.word], grower.draws
    case = example(op, draws)
    if all("n" not in type.axes for type in case.types):
        return _of_parameters(grower, scene, case)
    nodes = _given(grower, scene, case)
    if grower.word in POSITIVE and draws.chance(85):
        nodes.append(fixed("sigmoid", draws))
        run(nodes[-1:], scene)
    fields = dict(near(op, draws, len(case.types[0].axes) - 2, changed=25))
    fields |= {name: value for name, value in dict(case.op).items() if draws.chance(70)}
    return [*nodes, *step(grower, scene, made(op, fields))]


def _given(grower: Grower, scene: Scene, case: Case) -> list[Node]:
    """Return steps after which the inputs of the example are available."""
    types = tuple(_smaller(grower, x) for x in case.types)
    if len(types) == 1:
        return bridge(grower, scene, types[0])
    start, nodes, names = _named(grower, scene)
    for type in types:
        if "n" not in type.axes:
            stored = _stored(grower, scene, type)
            nodes.append(stored)
            names.append(stored.name)
            continue
        line: list[Node] = [Pick((start.text,))]
        run(line, scene)
        line += bridge(grower, scene, type)
        label, named, _ = _named(grower, scene)
        nodes += [*line, *named]
        names.append(label.text)
    last: list[Node] = [Pick(tuple(names))]
    run(last, scene)
    return nodes + last


def _of_parameters(grower: Grower, scene: Scene, case: Case) -> list[Node]:
    """Return an operator on parameters only, and its first value as a factor of the current value."""
    start, nodes, _ = _named(grower, scene)
    stored = [_stored(grower, scene, type) for type in case.types]
    pick: list[Node] = [Pick(tuple(each.name for each in stored))]
    run(pick, scene)
    nodes += [*stored, *pick, *step(grower, scene, case.op)]
    nodes += [apply(grower, scene, "flatten"), apply(grower, scene, "slice", start=0, end=1, axis=0)]
    factor: list[Node] = [Pick((start.text, "it"))]
    run(factor, scene)
    return [*nodes, *factor, apply(grower, scene, "mul")]


def _smaller(grower: Grower, type: TensorType) -> TensorType:
    """Return the type with fewer positions: 32x32 would be more than needed."""
    return type.resized(**{axis: 9 for axis in ("h", "w") if axis in type.axes and type[axis] > 20})


def _named(grower: Grower, scene: Scene) -> tuple[Label, list[Node], list[str]]:
    """Return a name for the value that flows."""
    if not takes_one(scene) or scene.turning:
        raise Stuck("no one value flows")
    label = labels.label(scene, grower.draws)
    node: Node = Pick(("it",), label, joint=" -> ")
    run([node], scene)
    return label, [node], []


def _stored(grower: Grower, scene: Scene, type: TensorType) -> Stored:
    label = labels.label(scene, grower.draws)
    if not label.text.isidentifier():
        raise Stuck("no name of a parameter")
    node = Stored("param", label.text, type, grower.draws.one(INITS[1:6]))
    if not type.is_float:
        node = Stored("buffer", label.text, type, "zeros")
    run([node], scene)
    return node


def _unpooled(grower: Grower, scene: Scene) -> list[Node]:
    """Return a pool that gives the places of what it chose, and the operator that puts values back there."""
    nodes = bridge(grower, scene, TensorType((1, 2, 6, 6), ("n", "c", "h", "w")))
    nodes.append(apply(grower, scene, "maxpool", kernel=(2, 2), stride=2, indices=True))
    nodes.append(apply(grower, scene, "max_unpool", kernel=(2, 2), stride=2))
    return nodes
