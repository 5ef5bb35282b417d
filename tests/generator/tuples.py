"""Inputs that take any number of values, used as a whole: loops over their items, and the tuple itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.ops import registry
from tests.generator import labels
from tests.generator.bridges import bridge
from tests.generator.growing import plain
from tests.generator.nesting import first_turn, held, ran, scoped
from tests.generator.nodes import Node, Pick, run
from tests.generator.scene import Scene, Stuck
from tests.generator.steps import JOINS, fits, joint, keep, takes_one
from tests.generator.structures import Bar, For, Join, Names, turn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from tests.generator.draws import Draws
    from tests.generator.growing import Grower


def over_values(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `for each in maps { (it, each) -> add }`, or the same around bars."""
    draws = grower.draws
    names, items = _items(scene, draws)
    turns = scene.evaluate(items)
    first = turn(names, next(iter(turns), None) if len(names) < 2 else next(iter(turns), (None, None)))
    if None in first.values():
        raise Stuck("there is no item")
    if draws.chance(40):
        return _branches(grower, scene, names, items, first)

    def body(trial: Scene) -> list[Node]:
        taken = _taken(grower, trial, names[-1] if items.startswith("enumerate") else names[0])
        return [*taken, *held(grower, trial, min(steps, 2), 85)] if draws.chance(40) else taken

    return ran([scoped(grower, scene, For(names, items, first_turn(scene, first, body), joint=joint(draws)))], scene)


def _items(scene: Scene, draws: Draws) -> tuple[list[str], str]:
    """Return the names of a loop over the items of an input, and what it goes through."""
    if not scene.tuples or not takes_one(scene):
        raise Stuck("no input takes any number of values")
    tuples = draws.one(list(scene.tuples))
    each = draws.one(("each", "one", "m"))
    items = f"{tuples}{draws.one(('', '', '', '[1:]', '[:1]', '[:-1]'))}"
    kind = draws.below(10)
    if kind < 3:
        return _free([draws.one(("i", "at")), each], scene), f"enumerate({items})"
    if kind < 5:
        numbers = [draws.one((1, 2, 3)) for _ in scene.evaluate(items)]
        return _free([each, "n1"], scene), f"zip({items}, {numbers})"
    return _free([each], scene), items


def _free(names: list[str], scene: Scene) -> list[str]:
    if not all(labels.is_free(name, scene) for name in names):
        raise Stuck("the name is taken")
    return names


def _taken(grower: Grower, scene: Scene, name: str) -> list[Node]:
    """Return `(it, each) -> add`, after steps that bring the value that flows to a type that a join takes."""
    draws = grower.draws
    value = scene.find(name)[0]
    nodes: list[Node] = []
    words = [word for word in JOINS if fits(word, (*scene.types(), value.type))]
    if not words or draws.chance(10):
        nodes = bridge(grower, scene, value.type)
        words = [word for word in JOINS if fits(word, (*scene.types(), value.type))]
    nodes.append(Pick(("it", name) if draws.chance(50) else (name, "it"), joint=joint(draws)))
    run(nodes[-1:], scene)
    nodes.append(plain(draws.one([word for word in words if fits(word, scene.types())] or ["concat"])))
    run(nodes[-1:], scene)
    return nodes


def _branches(grower: Grower, scene: Scene, names: Sequence[str], items: str, first: dict[str, Any]) -> list[Node]:
    """Return `concat { | for each in maps { | each -> relu } }`, perhaps with the current value as a branch."""
    draws = grower.draws
    kept = keep(grower, scene)
    trial = scene.forked()
    with Names(trial, first):
        body: list[Node] = [Pick((names[-1] if items.startswith("enumerate") else names[0],))]
        run(body, trial)
        if draws.chance(70):
            body += held(grower, trial, 1, 100)
        if draws.chance(60) and takes_one(trial) and len(trial.it[0].type.axes) > 2:
            body.append(plain("flatten"))
    bars = [Bar(body, f"for {', '.join(names)} in {items}", names, items)]
    if draws.chance(30):
        bars.insert(draws.below(2), Bar([Pick(("it",))]))
    trial = scene.forked()
    types = tuple(value.type for bar in bars for values in bar.run(trial) for value in values)
    words = [w for w in JOINS if (len(types) > 1 and fits(w, types)) or (len(types) == 1 and registry()[w].of_one)]
    if not words:
        raise Stuck("no join takes these")
    return [*kept, *ran([Join(draws.one(words), bars, joint="\n")], scene)]


def whole(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `(maps, it) -> concat`: all items of an input, some of them, or one by its place."""
    draws = grower.draws
    if not scene.tuples or not takes_one(scene):
        raise Stuck("no input takes any number of values")
    tuples = draws.one(list(scene.tuples))
    counted = [name for name, value in scene.names.items() if type(value) is int]
    forms = ["", "", "", "[-1]", "[1:]", "[:-1]", *(f"[{name}]" for name in counted)]
    picked = [f"{tuples}{draws.one(forms)}"]
    kept: list[Node] = []
    if draws.chance(70):
        picked.insert(draws.below(2), "it")
    else:
        kept = keep(grower, scene)
    nodes: list[Node] = [Pick(tuple(picked))]
    run(nodes, scene)
    types = scene.types()
    words = [word for word in JOINS if fits(word, types)] if len(types) > 1 else []
    if len(types) > 1 and not words:
        raise Stuck("no join takes these")
    if words:
        nodes.append(plain(draws.one(words)))
        run(nodes[-1:], scene)
    elif not takes_one(scene):
        raise Stuck("no value")
    return [*kept, *nodes]
