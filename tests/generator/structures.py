"""Statements that hold other statements: braces, loops, conditions, branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from archlang.ir import join_path
from archlang.ops import registry
from tests.generator.nodes import Body, Label, Node, Pick, applied, body_text, braces, name_results, prefix, run
from tests.generator.scene import Scene, Scope, Stuck, Values


@dataclass
class Braces(Node):
    """A sub-module: `{ ... }`, `name: { ... }`, `name: repeat 2 { ... }`."""

    body: Body
    label: Label | None = None

    def run(self, scene: Scene) -> None:
        enter(scene, self.label)
        with Names(scene):
            run(self.body, scene)
        leave(scene, self.label)

    def text(self, indent: str) -> str:
        inner = self.body[0] if len(self.body) == 1 and self.label is not None else None
        if isinstance(inner, (Repeat, For, If)) or (isinstance(inner, Join) and inner.sugar):
            return f"{prefix(self.label)}{inner.text(indent)}"
        return f"{prefix(self.label)}{braces(self.body, indent)}"


def enter(scene: Scene, label: Label | None) -> None:
    """Go into braces: a scope of their own. What was known by a name outside is put back when it is left."""
    key = scene.claim(label.key(scene) if label else None)
    scene.scope = Scope(outer=scene.scope, key=key, path=join_path(scene.scope.path, key))


def leave(scene: Scene, label: Label | None) -> None:
    """Leave braces: the labels in them are reached by the label of the braces."""
    inner = scene.scope
    assert inner.outer is not None
    scene.scope, key = inner.outer, inner.key
    scene.scope.layers += [key, *(f"{key}.{path}" for path in inner.layers)] if inner.layers else []
    scene.scope.tied |= {f"{key}.{path}": owners for path, owners in inner.tied.items()}
    if label is not None:
        name_results(label, scene)
        scene.scope.labels |= {f"{key}.{name}": values for name, values in inner.labels.items()}
        scene.scope.steps |= {f"{key}.{name}": step for name, step in inner.steps.items()}


class Names:
    """Within it names may be given, which end with it, and so do the defaults for weights."""

    def __init__(self, scene: Scene, given: Mapping[str, Any] | None = None) -> None:
        self._scene, self._before, self._defaults = scene, dict(scene.names), scene.defaults
        self._given = given or {}

    def __enter__(self) -> None:
        for name in self._given:
            if name in self._before or name in self._scene.visible():
                raise Stuck(f"{name} is taken")
        self._scene.names = {**self._before, **self._given}

    def __exit__(self, *_: object) -> None:
        self._scene.names, self._scene.defaults = self._before, self._defaults


def turn(names: Sequence[str], value: Any) -> dict[str, Any]:
    """Return the names of a loop in one turn."""
    return dict(zip(names, value, strict=True)) if len(names) > 1 else dict.fromkeys(names, value)


def turned(body: Body, turns: Sequence[dict[str, Any]], scene: Scene) -> None:
    """Evaluate the body once for each turn; only within it is it known how its labels are written."""
    templates = dict(scene.templates)
    for given in turns:
        with Names(scene, given):
            run(body, scene)
    scene.templates = templates


@dataclass
class Repeat(Node):
    count: str
    name: str | None
    body: Body

    def run(self, scene: Scene) -> None:
        turned(self.body, [{self.name: at} if self.name else {} for at in range(scene.evaluate(self.count))], scene)

    def text(self, indent: str) -> str:
        counted = f" as {self.name}" if self.name else ""
        return f"repeat {self.count}{counted} {braces(self.body, indent)}"


@dataclass
class For(Node):
    names: Sequence[str]
    items: str
    body: Body

    def run(self, scene: Scene) -> None:
        turned(self.body, [turn(self.names, value) for value in scene.evaluate(self.items)], scene)

    def text(self, indent: str) -> str:
        return f"for {', '.join(self.names)} in {self.items} {braces(self.body, indent)}"


@dataclass
class If(Node):
    condition: str
    then: Body
    other: Body | None

    def run(self, scene: Scene) -> None:
        taken = self.then if scene.evaluate(self.condition) else self.other or ()
        with Names(scene):
            run(taken, scene)

    def text(self, indent: str) -> str:
        text = f"if {self.condition} {braces(self.then, indent)}"
        return text + (f" else {braces(self.other, indent)}" if self.other is not None else "")


# ---- branches


@dataclass
class Bar:
    """A branch; or `for` or `if` around branches, which start from the value that flows there or from `before`."""

    body: Body
    head: str = ""  # `for k in [1, 2]` or `if extra`
    names: Sequence[str] = ()
    items: str = ""
    more: Sequence[Body] = ()  # further branches within the head's braces
    other: Sequence[Body] = ()  # those of `else`
    before: Body = ()

    def run(self, scene: Scene) -> list[Values]:
        """Return the values of each branch; all start from the same `it`."""
        found: list[Values] = []
        start = scene.it
        with Names(scene):
            run(self.before, scene)
            middle = scene.it
            value: Any = scene.evaluate(self.items) if self.items else True
            turns = [turn(self.names, one) for one in value] if self.names else [{}]
            bodies = [self.body, *self.more] if self.names or value else self.other
            for given in turns:
                for body in bodies:
                    scene.it = middle
                    with Names(scene, given):
                        run(body, scene)
                    found.append(scene.it)
        scene.it = start
        return found

    def text(self, indent: str) -> str:
        if not self.head:
            return f"| {body_text(self.body, indent + '    ')}"
        before = f"{body_text(self.before, indent + '    ')} -> " if self.before else ""
        text = f"| {before}{self.head} {_bars([self.body, *self.more], indent)}"
        return f"{text} else {_bars(self.other, indent)}" if self.other else text


def _bars(bodies: Sequence[Body], indent: str) -> str:
    """Return branches within braces, each on a line of its own where there are several."""
    lines = [f"| {body_text(body, indent + '    ')}" for body in bodies]
    between = f"\n{indent}  "
    return f"{{ {lines[0]} }}" if len(lines) == 1 else f"{{{between}{between.join(lines)}\n{indent}}}"


def is_identity(bar: Bar) -> bool:
    return len(bar.body) == 1 and isinstance(bar.body[0], Pick) and bar.body[0].paths == ("it",)


@dataclass
class Join(Node):
    """An operator over branches; `sugar` is `residual` or `dense`. A `condition` says whether there is a shortcut."""

    word: str
    bars: Sequence[Bar]
    label: Label | None = None
    sugar: str = ""
    turns: int = 1
    condition: str = ""

    def run(self, scene: Scene) -> None:
        if self.condition and not scene.evaluate(self.condition):
            with Names(scene):
                run(self.bars[0].body, scene)
            return
        for _ in range(self.turns):
            branches = [values for bar in self.bars for values in bar.run(scene)]
            scene.it = tuple(value for values in branches for value in values)
            op = registry()[self.word]()
            if len(scene.it) == 1 and op.of_one and any(bar.head for bar in self.bars):
                op.outputs(*scene.types() * 2)  # if one branch is left, it is checked as two would be
            else:
                scene.give(applied(op, scene))
                scene.note(op, None)
        name_results(self.label, scene)

    def text(self, indent: str) -> str:
        if self.sugar == "residual":
            first = braces(self.bars[0].body, indent)
            more = [braces(bar.body, indent) for bar in self.bars[1:] if not is_identity(bar)]
            only = f"if {self.condition} " if self.condition else ""
            return f"{prefix(self.label)}residual {only}{first}" + "".join(f" shortcut {other}" for other in more)
        if self.sugar == "dense":
            return f"{prefix(self.label)}dense {self.turns} {braces(self.bars[-1].body, indent)}"
        lines = [f"{indent}  {bar.text(indent + '  ')}" for bar in self.bars]
        return "\n".join([f"{prefix(self.label)}{self.word} {{", *lines, f"{indent}}}"])


# ---- their contents


def held(node: Node) -> list[list[Node]]:
    """Return the bodies that a statement holds."""
    found: Sequence[Any]
    match node:
        case Braces() | Repeat() | For():
            found = [node.body]
        case If():
            found = [node.then] if node.other is None else [node.then, node.other]
        case Join():
            found = [body for bar in node.bars for body in (bar.body, *bar.more, *bar.other, bar.before) if body]
        case _:
            found = []
    return cast("list[list[Node]]", found)


def within(body: list[Node]) -> Iterator[list[Node]]:
    """Yield a body, and all bodies in it."""
    yield body
    for node in body:
        for inner in held(node):
            yield from within(inner)
