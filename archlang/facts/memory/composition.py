"""The parts of an operator that torch computes in parts, as layers: each is simulated by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from archlang.ir import Block, Layer, OpNode, join_path
from archlang.ops.base import Operator
from archlang.ops.layouts import Laid
from archlang.ops.parts import Course, Stage, own_name


@dataclass(frozen=True, slots=True)
class Composition:
    """The course of an operator, and the layer that stands for each of its stages."""

    course: Course
    layers: tuple[Layer, ...]

    def at(self, layer: Layer) -> tuple[tuple[Stage, Layer], ...]:
        """Return the stages with their layers at the path of this one."""
        here = (replace(one, path=layer.path, training_only=layer.training_only) for one in self.layers)
        return tuple(zip(self.course.stages, here, strict=True))


def composition(layer: Layer, types: Sequence[Laid], key: object, *, training: bool) -> Composition | None:
    """Return the parts of a layer for inputs in one memory layout, which `key` tells; None if it has none."""
    course = layer.op.course(*types, training=training)
    if course is None:
        return None
    values = [*course.inputs, *(x for _, x in course.weights)]
    layers: list[Layer] = []
    for number, stage in enumerate(course.stages):
        op = stage.part.op
        values += stage.outputs
        node = OpNode.model_construct(
            op=op, scope="", name="part", module=None, inputs=stage.taken, outputs=stage.given,
            ties=_ties(layer, stage), span=layer.node.span,
        )  # fmt: skip
        block = Block.model_construct(
            id=f"{key!r} {number}", types=tuple(values), nodes=(node,), frozen=layer.block.frozen
        )  # fmt: skip
        # its weights are counted with those of the layer
        layers.append(Layer(layer.path, node, block, (), (), layer.training_only, True, layer.frozen))
    return Composition(course, tuple(layers))


def _ties(layer: Layer, stage: Stage) -> dict[str, str]:
    """Return the key of each weight of a part, within the block: where the layer has it, or where that is tied."""
    op: Operator = stage.part.op
    names = {weight.name: own_name(stage.part, weight.name) for weight in op.weights(*stage.inputs)}
    return {name: layer.ties.get(own) or join_path(layer.node.path, own) for name, own in names.items()}
