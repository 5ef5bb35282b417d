"""Steps that turn the current value into one of a wanted type, so that any operator can be used anywhere."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archlang.ops import registry
from archlang.shapes import TensorType, input_type
from tests.generator.arguments import made
from tests.generator.nodes import Apply, Node, run
from tests.generator.scene import Scene, Stuck
from tests.generator.steps import joint, takes_one
from tests.generator.writing import operator_text

if TYPE_CHECKING:
    from tests.generator.growing import Grower


def apply(grower: Grower, scene: Scene, word: str, **fields: object) -> Node:
    """Return an operator with these arguments, applied."""
    op = made(registry()[word], fields)
    text = operator_text(type(op), dict(op), grower.draws)
    node = Apply(type(op), dict(op), text, joint=joint(grower.draws))
    run([node], scene)
    return node


def bridge(grower: Grower, scene: Scene, wanted: TensorType) -> list[Node]:
    """Return steps to a value of this type, with a linear layer if the sizes differ."""
    if not takes_one(scene) or not scene.it[0].type.is_float or "n" not in wanted.axes:
        raise Stuck("no bridge begins here")
    if scene.it[0].type == wanted:
        return []
    if not wanted.is_float:
        return _whole(grower, scene, wanted)
    images, *rest = wanted.shape
    if not 1 <= len(rest) <= 4:
        raise Stuck("too many axes, or none")
    default = input_type(tuple(rest)).axes
    if images != 1:
        raise Stuck("no bridge ends there")
    is_permuted = sorted(default) == sorted(wanted.axes)
    sizes = tuple(wanted[axis] for axis in default[1:]) if is_permuted else tuple(rest)
    nodes = [apply(grower, scene, "flatten")]
    if scene.it[0].type.values != prod(sizes) or grower.draws.chance(20):
        nodes.append(apply(grower, scene, "linear", out=prod(sizes)))
    if len(sizes) != 1:
        nodes.append(apply(grower, scene, "reshape", shape=sizes))
    if wanted.axes != default:
        names = {"axes": wanted.names} if is_permuted else {"names": wanted.names}
        nodes.append(apply(grower, scene, "permute" if is_permuted else "axes", **names))
    return nodes


def _whole(grower: Grower, scene: Scene, wanted: TensorType) -> list[Node]:
    """Return steps to truth values, by a comparison, or to integers, by the place of the largest of three."""
    if wanted.dtype == "bool":
        floats = TensorType(wanted.shape, wanted.axes)
        value = grower.draws.one((-0.5, 0.0, 0.25))
        return [*bridge(grower, scene, floats), apply(grower, scene, "greater", value=value)]
    if wanted.dtype != "int64":
        raise Stuck("whole numbers are of 64 bits")
    shape = (*wanted.shape[1:], 3)
    axes = input_type(shape).axes
    return [
        *bridge(grower, scene, TensorType((1, *shape), axes)),
        apply(grower, scene, "argmax", axis=len(axes) - 1),
    ]
