"""Bodies of statements, drawn one after the other: each is tried at its place, and kept if it fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from archlang.diagnostics import Rejected
from archlang.ops import registry
from tests.generator import labels
from tests.generator.definitions import Definition
from tests.generator.draws import Draws
from tests.generator.nodes import Apply, Label, Node, Pick, run
from tests.generator.scene import Scene, Stuck
from tests.generator.steps import takes_one

Grow = Callable[["Grower", Scene, int], list[Node]]


@dataclass
class Grower:
    """Draws a file: it knows the blocks so far, and the operator that the file must contain."""

    draws: Draws
    known: dict[str, Definition] = field(default_factory=dict[str, Definition])
    declared: set[str] = field(default_factory=set[str])  # the names of blocks, of those too that are being drawn
    word: str = "relu"
    lets: dict[str, Any] = field(default_factory=dict[str, Any])  # what the file declares by a word of the language
    depth: int = 0

    def body(self, scene: Scene, steps: int) -> list[Node]:
        """Return about this many statements; `scene` is the place where they begin, and afterwards where they end."""
        nodes: list[Node] = []
        for _ in range(steps):
            nodes += self.statement(scene, steps)
        return nodes

    def statement(self, scene: Scene, steps: int) -> list[Node]:
        """Return one statement, or a few that belong together; none if nothing that was drawn fits."""
        from tests.generator.kinds import KINDS, MANY, NESTED

        kinds = KINDS if self.depth > 2 or steps < 2 else KINDS | NESTED
        kinds = kinds | MANY if scene.tuples else kinds
        for _ in range(6):
            grown = self.tried(scene, self.draws.weighted(kinds), steps)
            if grown:
                return grown
        return []

    def tried(self, scene: Scene, grow: Grow, steps: int) -> list[Node]:
        """Return what `grow` draws, if it fits."""
        trial = scene.forked()
        self.depth += 1
        try:
            nodes = grow(self, trial, steps)
        except (Stuck, Rejected):
            return []
        finally:
            self.depth -= 1
        scene.adopt(trial)
        return nodes

    def settled(self, scene: Scene, before: set[int]) -> list[Node]:
        """Return statements that use the values made since `before` that nothing has used so far."""
        nodes: list[Node] = []
        for _ in range(6):
            left = self.left(scene, before)
            if not left:
                return nodes
            nodes += self._taken(scene, left[0])
        raise Stuck("too much is left over")

    def left(self, scene: Scene, before: set[int]) -> list[str | None]:
        """Return a name of a value of each step whose values nothing uses; None if it has no name."""
        flowing = {value.step for value in scene.it}
        names = {values[0].step: path for path, values in scene.visible().items() if len(values) == 1}
        steps = [step for step in scene.made if step not in scene.used and step not in before and step not in flowing]
        return [names.get(step) for step in steps]

    def _taken(self, scene: Scene, path: str | None) -> list[Node]:
        if path is None:
            raise Stuck("a value without a name is left over")
        for word in ("concat", "add", "mul", "matmul"):
            trial = scene.forked()
            nodes: list[Node] = [Pick((scene.templates.get(path, path), "it")), plain(word)]
            try:
                run(nodes, trial)
            except (Stuck, Rejected):
                continue
            scene.adopt(trial)
            return nodes
        kept = labels.label(scene, self.draws)
        if not (takes_one(scene) and scene.find(path)[0].type.is_float):
            raise Stuck("no join takes it")
        other = scene.templates.get(path, path)
        nodes = [plain("flatten", kept), Pick((other,)), plain("flatten"), Pick((kept.text, "it")), plain("concat")]
        run(nodes, scene)
        return nodes


def plain(word: str, label: Label | None = None) -> Apply:
    """Return an operator without arguments."""
    return Apply(registry()[word], {}, word, label, joint=" -> ")
