"""A failing net made smaller: statements left out, structures unfolded, labels and arguments dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import partial
from time import process_time
from typing import Any

from archlang.diagnostics import Rejected
from tests.generator.definitions import Definition
from tests.generator.draws import Draws
from tests.generator.nodes import Apply, Call, Node, run
from tests.generator.programs import Program
from tests.generator.scene import Scene, Stuck
from tests.generator.structures import held, within
from tests.generator.writing import operator_text

Fails = Callable[[Program], bool]
Edit = Callable[[Program], object]


def shrunk(program: Program, fails: Fails, seconds: float = 60) -> Program:
    """Return the smallest program found that still fails in the same way; `fails` says whether one does."""
    end = process_time() + seconds
    changed = True
    while changed and process_time() < end:
        changed = False
        at = 0
        while process_time() < end:
            edits = list(_edits(program))
            if at >= len(edits):
                break
            smaller = _edited(program, edits[at])
            if smaller is not None and len(smaller.text()) < len(program.text()) and fails(smaller):
                program, changed = smaller, True
            else:
                at += 1
    return program


def _edited(program: Program, edit: Edit) -> Program | None:
    """Return a copy with an edit made and its outputs repaired; None if it is no net any more."""
    copy = deepcopy(program)
    try:
        edit(copy)
        for definition in copy.definitions:
            if not definition.is_net or definition is not copy.definitions[-1]:
                continue
            _repair(definition)
    except (Stuck, Rejected, IndexError, RecursionError):  # a block without the end of its calls of itself
        return None
    return copy


def _repair(net: Definition) -> None:
    """Set the outputs: those that still exist, and all values that nothing uses."""
    scene = net.scene(tuple(port.type for port in net.inputs if port.type), {})
    run(net.body, scene)
    visible = scene.visible()
    net.given = [path for path in net.given if path in visible]
    net.training = [path for path in net.training if path in visible]
    net.frozen = [path for path in net.frozen if path.split(".")[0] in scene.scope.keys]
    given = {value.step for path in (*net.given, *net.training) for value in visible[path]}
    if not net.given:
        given |= {value.step for value in scene.it}
    names = {values[0].step: path for path, values in visible.items() if len(values) == 1}
    for step in scene.made:
        if step not in scene.used and step not in given:
            if step not in names:
                raise Stuck("an unnamed value is left over")
            net.given = net.given or _own(scene)
            net.given.append(names[step])


def _own(scene: Scene) -> list[str]:
    """Return the name of the value that flows, if it has one."""
    return [path for path, values in scene.visible().items() if values == scene.it][:1]


# ---- what can be left out


def _edits(program: Program) -> Iterator[Edit]:
    """Yield all edits that make it smaller, the largest first."""
    yield from (partial(_without, at=at) for at in range(len(program.definitions) - 1))
    bodies = list(_bodies(program))
    for size in (8, 4, 2, 1):
        for number, body in enumerate(bodies):
            yield from (
                partial(_cut, number=number, start=at, size=size) for at in reversed(range(len(body) - size + 1))
            )
    for number, body in enumerate(bodies):
        for at, node in enumerate(body):
            yield from (partial(_unfolded, number=number, at=at, choice=choice) for choice in range(len(held(node))))
            yield partial(_unlabelled, number=number, at=at)
            yield from (partial(_default, number=number, at=at, field=field) for field in range(_fields(node)))
    for name in ("given", "training", "frozen"):
        yield from (partial(_taken, name=name, at=at) for at in range(len(getattr(program.definitions[-1], name))))


def _taken(copy: Program, name: str, at: int) -> None:
    getattr(copy.definitions[-1], name).pop(at)


def _bodies(program: Program) -> Iterator[list[Node]]:
    for definition in program.definitions:
        yield from within(definition.body)


def _body(copy: Program, number: int) -> list[Node]:
    return list(_bodies(copy))[number]


def _without(copy: Program, at: int) -> None:
    gone = copy.definitions.pop(at)
    if any(isinstance(node, Call) and node.target is gone for body in _bodies(copy) for node in body):
        raise Stuck("it is called")


def _cut(copy: Program, number: int, start: int, size: int) -> None:
    del _body(copy, number)[start : start + size]


def _unfolded(copy: Program, number: int, at: int, choice: int) -> None:
    body = _body(copy, number)
    body[at : at + 1] = held(body[at])[choice]


def _unlabelled(copy: Program, number: int, at: int) -> None:
    node: Any = _body(copy, number)[at]
    if getattr(node, "label", None) is None:
        raise Stuck("no label")
    node.label = None


def _fields(node: Node) -> int:
    return len(node.fields) if isinstance(node, Apply) else 0


def _default(copy: Program, number: int, at: int, field: int) -> None:
    node = _body(copy, number)[at]
    assert isinstance(node, Apply)
    name = list(node.fields)[field]
    info = node.op.model_fields[name]
    if info.is_required() or node.fields[name] == info.default:
        raise Stuck("it stays")
    node.fields[name] = info.default
    node.written = operator_text(node.op, node.fields, Draws(0, 0))
