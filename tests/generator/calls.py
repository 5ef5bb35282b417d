"""Blocks and nets, drawn where they are first called, and called again with other arguments and inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.shapes import TensorType, input_type
from tests.generator import labels
from tests.generator.chains import chain
from tests.generator.definitions import Definition, Port
from tests.generator.draws import Draws
from tests.generator.nodes import Call, Inline, Label, Node, Pick, run
from tests.generator.scene import ACTS, Scene, Stuck
from tests.generator.sharing import freeze
from tests.generator.starts import other_default
from tests.generator.steps import joint, takes_one
from tests.generator.structures import If
from tests.generator.tuples import over_values

if TYPE_CHECKING:
    from tests.generator.growing import Grower

NAMES = ("unit", "cell", "block1", "Conv2d", "sequential", "x", "linear_", "tanh_", "leaf", "tower", "mix", "print")
HIDING = ("mish", "selu", "celu", "hardswish", "flip", "cumsum", "silu")  # operators too
MOST = 4  # declarations of a file besides its net


def call(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return a call of an existing block or of a new one, of a net, or of an inlined block."""
    draws = grower.draws
    entering, before = _entering(grower, scene)
    fitting = (one for one in grower.known.values() if one.takes(len(scene.it)))
    hidden = {*scene.names, *scene.visible()}  # a parameter or value of that name stands before it
    known = [one for one in fitting if one.name not in hidden]
    if known and (draws.chance(50) or len(grower.known) >= MOST):
        target = draws.one(known)
        values = {name: _other(text, draws) for name, text in target.parameters.items() if draws.chance(60)}
        before += other_default(grower, scene, target) if draws.chance(25) else []
    else:
        target, values = _declared(grower, scene, steps)
    if hidden & {*values.values()}:
        raise Stuck("an operator given as an argument is hidden by a value")
    arguments = _arguments(target, values, draws)
    written = " ".join([target.name, *(text for _, _, text in arguments)])
    pairs = tuple((name, value) for name, value, _ in arguments)
    node = _node(grower, scene, target, pairs, written)
    run([node], scene)
    return [*entering, *before, node, *_named(grower, scene)]


def _node(grower: Grower, scene: Scene, target: Definition, pairs: tuple[tuple[str, str], ...], written: str) -> Node:
    """Return the call: with a scope of its own, or `inline`."""
    draws = grower.draws
    if not target.is_net and draws.chance(25) and not scene.turning:
        return Inline(target, pairs, f"inline {written}", joint=joint(draws))
    label = labels.label(scene, draws) if draws.chance(45) and len(target.given) < 2 else None
    return Call(target, pairs, written, label, joint=joint(draws))


def _entering(grower: Grower, scene: Scene) -> tuple[list[Node], list[Node]]:
    """Return the values that flow into the call: the current one, or several."""
    draws = grower.draws
    paths = [path for path, values in scene.visible().items() if len(values) == 1]
    if not takes_one(scene):
        raise Stuck("several values flow")
    if not paths or draws.chance(60):
        return [], []
    picked = tuple(scene.templates.get(path, path) for path in (draws.one(paths) for _ in range(1 + draws.below(2))))
    node = Pick(("it", *picked) if draws.chance(50) else (*picked, "it"))
    run([node], scene)
    return [node], []


def _named(grower: Grower, scene: Scene) -> list[Node]:
    """Return the steps that name each value of a call with several, one of which flows on."""
    if takes_one(scene):
        return []
    trial, names = scene.forked(), list[Label]()
    for value in scene.it:
        names.append(labels.label(trial, grower.draws))
        trial.bind(names[-1].key(trial), (value,))
    nodes: list[Node] = [Pick(("it",), tuple(names), joint=" -> "), Pick((grower.draws.one(names).text,))]
    run(nodes, scene)
    return nodes


# ---- declarations


def _declared(grower: Grower, scene: Scene, steps: int) -> tuple[Definition, dict[str, str]]:
    """Return a new block or net that takes the value that flows here, and the values of its parameters in this call."""
    draws = grower.draws
    names = NAMES if draws.chance(85) else HIDING
    free = [name for name in names if name not in grower.declared and labels.is_free(name, scene)]
    if not free:
        raise Stuck("no name is left")
    types = scene.types()
    definition = Definition(draws.one(free), known=dict(grower.known), lets=grower.lets)
    if draws.chance(20) and _written(types) is not None:
        definition.is_net = True
    grower.declared.add(definition.name)
    values = parameters(definition, draws)
    _inputs(definition, types, draws)
    inner = definition.scene(types, {name: scene.evaluate(text) for name, text in values.items()})
    if len(inner.it) > 1 or any(port.many for port in definition.inputs):
        entered = [path for path, values in inner.visible().items() if len(values) == 1]
        first: list[Node] = [Pick((draws.one(entered),))]
        run(first, inner)
        definition.body += first
    if inner.tuples and draws.chance(50):
        definition.body += grower.tried(inner, over_values, 2)
    is_chain = draws.chance(20)
    definition.body += (chain if is_chain else _body)(grower, inner, steps)
    _outputs(grower, definition, inner)
    if not definition.is_net and not definition.given and draws.chance(15):
        _recursive(definition, types, values, draws)
    freeze(grower, definition, inner, 60 if is_chain else 10)
    if definition.is_net:
        definition.outputs(types, {})  # a net is checked by itself too
    grower.known[definition.name] = definition
    return definition, values


def _body(grower: Grower, inner: Scene, steps: int) -> list[Node]:
    return grower.body(inner, 1 + grower.draws.below(min(steps, 4)))


def _recursive(definition: Definition, types: tuple[TensorType, ...], values: dict[str, str], draws: Draws) -> None:
    """Let a block call itself on its result, as often as a parameter of its own says."""
    definition.parameters["deep"] = str(draws.below(3))
    again = Call(definition, (("deep", "deep - 1"),), f"{definition.name} deep=(deep - 1)")
    definition.body.append(If("deep > 0", [again], None))
    scene = Scene({}, dict(definition.lets), ())
    definition.outputs(types, {name: scene.evaluate(text) for name, text in values.items()})


def _written(types: tuple[TensorType, ...]) -> list[str] | None:
    """Return these types as they are written for the inputs of a net, None if that is impossible."""
    shapes = [type.shape[1:] for type in types]
    if any(
        not 1 <= len(shape) <= 4 or input_type(shape, type.dtype) != type
        for shape, type in zip(shapes, types, strict=True)
    ):
        return None
    sizes = [f"[{', '.join(map(str, shape))}]" for shape in shapes]
    return [f"{one} dtype={type.dtype}" * (not type.is_float) or one for one, type in zip(sizes, types, strict=True)]


def _inputs(definition: Definition, types: tuple[TensorType, ...], draws: Draws) -> None:
    names = [name for name in ("x", "y", "input_", "image", "a", "state") if name not in definition.parameters]
    written = _written(types) if definition.is_net else None
    if not definition.is_net and draws.chance(15 if len(types) == 1 else 45):
        _of_any_number(definition, names, len(types), draws)
        return
    if len(types) == 1 and not definition.is_net and draws.chance(70):
        return
    start = draws.below(2)
    for at, type in enumerate(types):
        known = written is not None
        port = Port(names[start + at], written[at] if written else "", type if known else None)
        definition.inputs.append(port)


def _of_any_number(definition: Definition, names: list[str], count: int, draws: Draws) -> None:
    """Declare inputs of which one takes all values that the others leave, perhaps none."""
    plain = draws.below(count + 1)
    definition.inputs += [Port(name) for name in names[:plain]]
    definition.inputs.insert(draws.below(plain + 1), Port(names[plain], many=True))


def parameters(definition: Definition, draws: Draws) -> dict[str, str]:
    """Return parameters with defaults, and the arguments that this call gives instead of some of them."""
    values: dict[str, str] = {}
    for name in ("width", "kernel", "stride", "act", "n", "extra", "self", "x1"):
        if not draws.chance(22):
            continue
        default, other = _default(name, draws), _default(name, draws)
        definition.parameters[name] = default
        if draws.chance(50):
            values[name] = other
    return values


def _default(name: str, draws: Draws) -> str:
    match name:
        case "kernel":
            return draws.one(("[1, 1]", "[3, 3]", "[3]"))
        case "act":
            return draws.one(ACTS)
        case "extra":
            return draws.one(("true", "false"))
        case "stride":
            return str(1 + draws.below(2))
        case _:
            return str(1 + draws.below(6))


def _other(text: str, draws: Draws) -> str:
    """Return another value for a parameter of this default."""
    if text.isdigit():
        return str(max(1, int(text) + draws.below(3) - 1))
    return draws.one(ACTS) if text in ACTS else text


def _arguments(target: Definition, values: dict[str, str], draws: Draws) -> list[tuple[str, str, str]]:
    """Return each argument: its name, its value, and how it is written: the first ones in order, the others by name."""
    ordered, placed = list(target.parameters), draws.below(4)
    found: list[tuple[str, str, str]] = []
    for at, name in enumerate(ordered):
        if name not in values:
            placed = 0
            continue
        value = values[name]
        if at < placed:
            text = value.strip("[]").replace(", ", "x") if "," in value else value
        elif name == "stride" and draws.chance(50):
            text = f"/{value}"
        else:
            text = f"{name}={value}"
        found.append((name, value, text))
    return found


def _outputs(grower: Grower, definition: Definition, inner: Scene) -> None:
    """Draw the outputs of a block: its last value, or named ones, with all values that nothing uses."""
    draws = grower.draws
    if draws.chance(60):
        definition.body += grower.settled(inner, set())
    left = grower.left(inner, set())
    if not takes_one(inner):
        raise Stuck("several values flow")
    paths = [path for path in left if path is not None]
    if len(paths) < len(left):
        raise Stuck("a value without a name is left over")
    if not paths and draws.chance(70):
        if inner.it[0].step < 0:
            raise Stuck("nothing is in it")
        return
    named = [path for path, values in inner.visible().items() if values == inner.it]
    if not named:
        node = Pick(("it",), labels.label(inner, draws), joint=" -> ")
        run([node], inner)
        definition.body.append(node)
        named = [path for path, values in inner.visible().items() if values == inner.it]
    definition.given = [named[0], *paths]
    names = [path.rpartition(".")[2].translate({ord("["): None, ord("]"): None}) for path in definition.given]
    if len(set(names)) < len(names):
        raise Stuck("two outputs have one name")  # `x[1]` is called x1
