"""Tensors of the net's own: joined with what flows, multiplied with it, seen in another shape, or a step's weight."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.shapes import param_type
from tests.generator import labels
from tests.generator.arguments import made, near
from tests.generator.bridges import apply
from tests.generator.nodes import MOST_WEIGHTS, Apply, Node, Pick, Stored, run
from tests.generator.scene import Scene, Stuck
from tests.generator.starts import listed
from tests.generator.steps import step, takes_one
from tests.generator.writing import operator_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.generator.draws import Draws
    from tests.generator.growing import Grower

INITS = ("arange", "zeros", "ones", "constant(0.5)", "normal(0.02)", "normal", "uniform(-1, 1)", "trunc_normal(0.1)",
         "xavier_uniform", "xavier_normal")  # fmt: skip
MOST_AXES = 8  # of a parameter
JOINED = ("add", "mul", "sub", "concat", "maximum", "div", "matmul")
FILLING = ("0.25 * {0} - {1}", "{0} // 2 + {1} % 3", "0.5 if {0} == {1} else max({0}, 2) - {1}", "sqrt({0} + {1} ** 2)")
OUTPUTS = (1, 2, 3, 4, 6)
TYING = ("linear", "linear", "conv", "std_conv", "embedding", "deconv", "prelu", "layernorm", "batchnorm")


def _formula(shape: Sequence[int], draws: Draws) -> str:
    """Return what a function of the place gives that fills a tensor; nothing where an initialiser does."""
    if len(shape) > 4 or not draws.chance(25):
        return ""
    places = [f"p{at}" for at in range(len(shape))]
    return draws.one(FILLING).format(draws.one(places), draws.one(places))


def own(grower: Grower, scene: Scene, shape: Sequence[int], word: str = "param") -> Stored:
    """Return a `param` or `buffer` of this shape."""
    draws = grower.draws
    name = labels.label(scene, draws)
    if not takes_one(scene) or not scene.it[0].type.is_float or scene.turning:
        raise Stuck("no place for a parameter")
    if not 1 <= len(shape) <= MOST_AXES or prod(shape) > MOST_WEIGHTS or not name.text.isidentifier():
        raise Stuck("no shape")
    init = draws.one(INITS[1:] if len(shape) > 1 else INITS[:8])
    if prod(shape) <= 12 and draws.chance(25):
        init = listed([draws.one((0.0, 0.5, 1.0, -2.5, 3.0)) for _ in range(prod(shape))])
    kept = word == "param" or draws.chance(70)
    type = param_type(tuple(shape), scene.it[0].type.dtype)
    node = Stored(word, name.text, type, init, kept, _formula(shape, draws))
    run([node], scene)
    return node


def stored(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return a `param` or `buffer` that is joined with what flows."""
    draws = grower.draws
    sizes = scene.it[0].type.shape[1:] if takes_one(scene) else ()
    shape = tuple(size if draws.chance(70) else 1 for size in sizes[draws.below(max(len(sizes), 1)) :])
    if draws.chance(40):
        shape = (1, *(size if draws.chance(70) else 1 for size in sizes))
    node = own(grower, scene, shape, "param" if draws.chance(70) else "buffer")
    nodes: list[Node] = [Pick((node.name, "it") if draws.chance(50) else ("it", node.name))]
    run(nodes, scene)
    op = near(registry()[draws.one(JOINED)], draws, 0, changed=5)
    return [node, *nodes, *step(grower, scene, op, percent=0)]


def viewed(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `(gamma) -> reshape [4, 1, 1]`: a parameter seen in another shape, then joined with what flows."""
    draws = grower.draws
    flowing, start = _named(grower, scene)
    sizes = scene.it[0].type.shape[1:]
    shape = tuple(size if draws.chance(60) else 1 for size in sizes)
    if not shape:
        raise Stuck("no axis")
    more = 1 + draws.below(2)
    way = draws.one(("reshape", "permute", "slice", "select", "flip", "reshape"))
    before = {"reshape": (prod(shape),), "permute": shape[::-1]}.get(way, (shape[0] + more, *shape[1:]))
    before = (more, *shape) if way == "select" else shape if way == "flip" else before
    node = own(grower, scene, before)
    nodes: list[Node] = [Pick((node.name,))]
    run(nodes, scene)
    places = tuple(range(len(shape)))
    match way:
        case "reshape":
            nodes.append(apply(grower, scene, "reshape", shape=shape))
        case "permute":
            nodes.append(apply(grower, scene, "permute", places=places[::-1]))
        case "slice":
            nodes.append(apply(grower, scene, "slice", start=1, end=1 + shape[0], axis=0))
        case "select":
            nodes.append(apply(grower, scene, "select", index=draws.below(more), axis=0))
        case _:
            nodes.append(apply(grower, scene, "flip", axis=draws.one(places)))
    name = labels.label(scene, draws)
    nodes.append(Pick(("it",), name, joint=" -> "))
    run(nodes[-1:], scene)
    order = (name.text, flowing) if draws.chance(30) else (flowing, name.text)
    last: list[Node] = [Pick(order)]
    run(last, scene)
    op = near(registry()[draws.one(("add", "mul", "mul", "sub", "concat", "maximum"))], draws, 0, changed=5)
    return [*start, node, *nodes, *last, *step(grower, scene, op, percent=0)]


def _named(grower: Grower, scene: Scene) -> tuple[str, list[Node]]:
    """Return a name for what flows."""
    if not takes_one(scene) or scene.turning:
        raise Stuck("no one value flows")
    label = labels.label(scene, grower.draws)
    node: Node = Pick(("it",), label, joint=" -> ")
    run([node], scene)
    return label.text, [node]


def projected(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `(it, table) -> matmul`, or `einsum` over any axis of what flows."""
    draws = grower.draws
    if not takes_one(scene) or len(scene.it[0].type.axes) < 2:
        raise Stuck("no one value flows")
    type = scene.it[0].type
    out = draws.one(OUTPUTS)
    if draws.chance(50):
        node = own(grower, scene, (type.shape[-1], out))
        nodes: list[Node] = [Pick(("it", node.name))]
        op: Operator = made(registry()["matmul"], {})
    else:
        names = [*"nabcdefg"[: len(type.axes)]]
        at = 1 + draws.below(len(names) - 1)
        table = [names[at], "k"] if draws.chance(60) else ["k", names[at]]
        node = own(grower, scene, [out if name == "k" else type.shape[at] for name in table])
        result = [*names[:at], "k", *names[at + 1 :]]
        if draws.chance(25):
            result = ["n", "k", *(name for name in names[1:] if name != names[at])]
        sides = [" ".join(names), " ".join(table)]
        order = ["it", node.name]
        if draws.chance(30):
            sides, order = sides[::-1], order[::-1]
        nodes = [Pick(tuple(order))]
        op = made(registry()["einsum"], {"pattern": f"{', '.join(sides)} -> {' '.join(result)}"})
    run(nodes, scene)
    return [node, *nodes, *step(grower, scene, op, percent=0)]


def tied_to_own(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `linear 4 weight=table`: a step whose weight is a parameter of the net's own."""
    draws = grower.draws
    if not takes_one(scene) or len(scene.it) != 1:
        raise Stuck("no one value flows")
    types = scene.types()
    op = near(registry()[draws.one(TYING)], draws, len(types[0].axes) - 2)
    if op.word == "embedding" or not types[0].is_float:
        raise Stuck("whole numbers")
    op.outputs(*types)
    fields = type(op).model_fields  # `bias=false` says whether there is one
    weights = [weight for weight in op.weights(*types) if not weight.buffer and weight.name not in fields]
    if not weights:
        raise Stuck("no weight")
    weight = draws.one(weights)
    node = own(grower, scene, weight.shape)
    written = operator_text(type(op), dict(op), draws)
    label = labels.label(scene, draws) if draws.chance(40) else None
    applied = Apply(type(op), dict(op), written, label, {weight.name: (node.name, "")})
    run([applied], scene)
    return [node, applied]
