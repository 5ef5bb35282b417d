"""Pure chains: steps without labels, each a module that takes what the one before it gives; some are frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.ops import registry
from tests.generator import labels
from tests.generator.arguments import near
from tests.generator.nesting import ran
from tests.generator.nodes import Node
from tests.generator.scene import Scene, Stuck
from tests.generator.steps import joint, step, takes_one
from tests.generator.structures import Braces, Names, enter

if TYPE_CHECKING:
    from tests.generator.growing import Grower

LINKS = (
    "conv", "conv", "linear", "linear", "batchnorm", "relu", "tanh", "layernorm", "dropout", "maxpool", "groupnorm",
    "flatten", "prelu", "gelu", "std_conv", "scale", "identity",
)  # fmt: skip


def chain(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return one to four steps in a row."""
    nodes: list[Node] = []
    for _ in range(1 + grower.draws.below(4)):
        nodes += grower.tried(scene, _link, 1)
    if not nodes:
        raise Stuck("nothing is in it")
    return nodes


def _link(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    if not takes_one(scene):
        raise Stuck("several values flow")
    op = near(registry()[grower.draws.one(LINKS)], grower.draws, len(scene.it[0].type.axes) - 2)
    return step(grower, scene, op, percent=0)


def braced(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `body: { conv 1x1 2 -> relu }`."""
    label = labels.label(scene, grower.draws) if grower.draws.chance(85) else None
    trial = scene.forked()
    enter(trial, label)
    with Names(trial):
        body = chain(grower, trial, steps)
    return ran([Braces(body, label, joint=joint(grower.draws))], scene)
