"""Structures, drawn: braces, loops, conditions, branches. Their contents are drawn in a copy of the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from archlang.diagnostics import Rejected
from archlang.ops import registry
from tests.generator import labels
from tests.generator.bridges import bridge
from tests.generator.nodes import Node, Pick, run
from tests.generator.scene import Scene, Stuck, Values
from tests.generator.steps import JOINS, fits, joint, takes_one
from tests.generator.structures import Bar, Braces, For, If, Join, Names, Repeat, enter, leave

if TYPE_CHECKING:
    from tests.generator.draws import Draws
    from tests.generator.growing import Grower


def held(grower: Grower, scene: Scene, most: int, settled: int) -> list[Node]:
    """Return a body of at most this many statements; with this percentage it uses all values that it makes."""
    before = set(scene.made)
    body = grower.body(scene, 1 + grower.draws.below(max(most, 1)))
    if grower.draws.chance(settled):
        body += grower.settled(scene, before)
    if not body or not takes_one(scene):
        raise Stuck("nothing is in it")
    return body


def scope(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return braces, with a label or without."""
    label = labels.label(scene, grower.draws) if grower.draws.chance(75) else None
    trial = scene.forked()
    enter(trial, label)
    with Names(trial):
        body = held(grower, trial, min(steps, 4), 50 if label else 100)
    return ran([Braces(body, label, joint=joint(grower.draws))], scene)


def ran(nodes: list[Node], scene: Scene) -> list[Node]:
    run(nodes, scene)
    return nodes


def repeat(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `repeat 3 as i { ... }`, whose body fits in every turn."""
    draws = grower.draws
    name = _free(draws.one(("i", "i2", "index")), scene)
    body = first_turn(scene, {name: 0}, lambda trial: held(grower, trial, min(steps, 3), 85))
    node = Repeat(str(draws.one((0, 1, 2, 2, 2, 3))), name, body, joint=joint(draws))
    return ran([scoped(grower, scene, node)], scene)


def loop(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return a loop: `for i, width in enumerate([4, 6]) { ... }`."""
    draws = grower.draws
    items = [draws.one((1, 2, 3, 4, 6)) for _ in range(1 + draws.below(3))]
    index, name = _free(draws.one(("i", "i1")), scene), labels.number_name(scene, draws)
    first = {index: 0, name: items[0]}
    body = first_turn(scene, first, lambda trial: held(grower, trial, min(steps, 3), 85))
    node = For((index, name), f"enumerate({items})", body, joint=joint(draws))
    return ran([scoped(grower, scene, node)], scene)


def _free(name: str, scene: Scene) -> str:
    if not labels.is_free(name, scene):
        raise Stuck("the name is taken")
    return name


def first_turn(scene: Scene, names: dict[str, Any], body: Callable[[Scene], list[Node]]) -> list[Node]:
    """Return what `body` draws at the start of a loop with these names."""
    trial = scene.forked()
    trial.turning = True
    with Names(trial, names):
        return body(trial)


def scoped(grower: Grower, scene: Scene, node: Node) -> Node:
    """Return the loop, or a label and the loop: a scope."""
    if grower.draws.chance(65):
        return node
    label = labels.label(scene, grower.draws)
    node.joint, outer = "\n", node.joint
    return Braces([node], label, joint=outer)


def condition(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `if width > 2 { ... } else { ... }`: a side that is taken, and another that would fit as well."""
    draws = grower.draws
    text = _asked(scene, draws)
    sides: list[list[Node]] = []
    for _ in range(1 + draws.below(2)):
        trial = scene.forked()
        with Names(trial):
            sides.append(held(grower, trial, min(steps, 3), 100))
    return ran([If(text, sides[0], sides[1] if sides[1:] else None, joint=joint(draws))], scene)


def _asked(scene: Scene, draws: Draws) -> str:
    """Return a condition on the names here, or on the value that flows."""
    texts = [f"{name} > {draws.below(4)}" for name, value in scene.names.items() if type(value) is int]
    texts += [name for name, value in scene.names.items() if type(value) is bool] * 2
    texts += [f"it.shape[1] {draws.one(('<', '>=', '=='))} {1 + draws.below(5)}", draws.one(("true", "not true"))]
    return draws.one(texts)


# ---- branches


def branches(grower: Grower, scene: Scene, steps: int, count: int, same: bool = False) -> list[tuple[Bar, Values]]:
    """Return branches and the types of their results; if they must be equal, each has the type of the current value."""
    start, found = scene.it, list[tuple[Bar, Values]]()
    for _ in range(count):
        scene.it = start
        with Names(scene):
            body = held(grower, scene, min(steps, 3), 60)
            if same and takes_one(scene) and scene.it[0].type != start[0].type:
                body += bridge(grower, scene, start[0].type)
        found.append((Bar(body), scene.it))
    scene.it = start
    return found


def residual(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `residual { ... } shortcut { ... }`."""
    draws = grower.draws
    count = 1 + draws.below(2)
    made = branches(grower, scene.forked(), steps, count, same=count == 1 or draws.chance(70))
    bars = [bar for bar, _ in made]
    node = Join("add", bars if count > 1 else [*bars, identity()], _perhaps(grower, scene), "residual")
    if draws.chance(20):
        node.condition = _asked(scene, draws)
    return _joined(grower, scene, node)


def identity() -> Bar:
    return Bar([Pick(("it",))])


def _perhaps(grower: Grower, scene: Scene) -> Any:
    return None


def dense(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `dense 2 { ... }`."""
    trial = scene.forked()
    trial.turning = True
    (bar, _), *_ = branches(grower, trial, steps, 1)
    return _joined(grower, scene, Join("concat", [identity(), bar], None, "dense", 1 + grower.draws.below(3)))


def join(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `concat { | ... | ... }`, with `for` and `if` around some of the bars."""
    draws = grower.draws
    trial = scene.forked()
    made = branches(grower, trial, steps, 1 + draws.below(2), same=draws.chance(60))
    bars = [bar for bar, _ in made]
    if draws.chance(30):
        bars.insert(draws.below(len(bars) + 1), identity())
    bars = [_around(grower, trial, bar) for bar in bars]
    trial = scene.forked()
    types = tuple(value.type for bar in bars for values in bar.run(trial) for value in values)
    single = len(types) == 1 and any(bar.head for bar in bars)
    words = [word for word in JOINS if (len(types) > 1 and fits(word, types)) or (single and registry()[word].of_one)]
    if not words:
        raise Stuck("no join takes these")
    return _joined(grower, scene, Join(draws.one(words), bars))


def _around(grower: Grower, scene: Scene, bar: Bar) -> Bar:
    """Return the bar, or `for` or `if` around it, perhaps with one more branch, after a step or with an `else`."""
    draws = grower.draws
    kind = draws.below(10)
    if kind > 3 or (kind and not labels.is_free("turn", scene)):
        return bar
    if kind == 0:
        text = _asked(scene, draws)
        around = Bar(bar.body, f"if {text}", (), text)
        if draws.chance(30):
            around.other = [_branch(grower, scene) for _ in range(1 + draws.below(2))]
    else:
        items = str([draws.one((1, 2, 3)) for _ in range(draws.one((0, 1, 2, 2, 3)))])
        around = Bar(bar.body, f"for turn in {items}", ("turn",), items)
    if draws.chance(30):
        around.more = [_branch(grower, scene)]
    if draws.chance(30):
        before = _branch(grower, scene)
        around.before = [] if before[-1].ends else before
    return around


def _branch(grower: Grower, scene: Scene) -> list[Node]:
    """Return a step or two, which may give the value that flows."""
    trial = scene.forked()
    with Names(trial):
        return held(grower, trial, 1, 100)


def _joined(grower: Grower, scene: Scene, node: Join) -> list[Node]:
    node.joint = joint(grower.draws)
    return ran([node], scene)


__all__ = ["Rejected", "condition", "dense", "join", "leave", "loop", "registry", "repeat", "residual", "scope"]
