"""Single steps, drawn: operators and their arguments, labels, values picked up again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archlang.ops import registry
from archlang.ops.base import Operator
from tests.generator import labels
from tests.generator.arguments import made, near
from tests.generator.draws import Draws
from tests.generator.nodes import Act, Apply, Joint, Label, Node, Pick, Reuse, run
from tests.generator.scene import Scene, Stuck
from tests.generator.starts import begin
from tests.generator.writing import Written, operator_text

if TYPE_CHECKING:
    from tests.generator.growing import Grower

JOINTS: dict[Joint, int] = {" -> ": 6, "\n": 3, "; ": 1}
COMMON = (
    "conv", "conv", "conv", "linear", "linear", "batchnorm", "relu", "relu", "tanh", "maxpool", "avgpool", "layernorm",
    "dropout", "flatten", "globalavgpool", "gelu", "groupnorm", "upsample", "softmax", "permute", "identity",
)  # fmt: skip
POSITIVE = {"log", "sqrt", "rsqrt", "reciprocal", "pow", "div"}  # operators whose result may be NaN for values below 0
JOINS = ("add", "mul", "concat", "sub", "average", "maximum", "minimum", "stack", "matmul", "div", "cosine_similarity")


def words() -> list[str]:
    """Return every operator that a step can be."""
    return [word for word, op in registry().items() if not op.declared]


def takes_one(scene: Scene) -> bool:
    return len(scene.it) == 1


def joint(draws: Draws) -> Joint:
    return draws.weighted(JOINTS)


def operator_step(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return an operator that takes the value that flows here, any or a common one."""
    draws = grower.draws
    word = draws.one(COMMON) if draws.chance(55) else draws.one(words())
    op = registry()[word]
    if not takes_one(scene) or 1 not in op.arity or (op.join and word not in ("concat", "add", "stack", "average")):
        raise Stuck("another number of values")
    before: list[Node] = []
    if word in POSITIVE and draws.chance(85):
        before = [fixed("sigmoid", draws)]
        run(before, scene)
    rank = len(scene.it[0].type.axes) - 2
    return [*before, *step(grower, scene, near(op, draws, rank))]


def fixed(word: str, draws: Draws) -> Apply:
    return Apply(registry()[word], {}, word, joint=joint(draws))


def step(grower: Grower, scene: Scene, op: Operator, percent: int = 30) -> list[Node]:
    """Return this operator, with this percentage with a label; several values get a label each."""
    draws = grower.draws
    fields = {name: expressed(value, scene, draws) for name, value in dict(op).items()}
    types = scene.types()
    count = len(op.outputs(*types))
    label: Any = None
    if count > 1:
        return _several(grower, scene, op, fields, count)
    if draws.chance(percent) and not op.join:
        label = labels.label(scene, draws)
    node = Apply(type(op), fields, operator_text(type(op), fields, draws), label, joint=joint(draws))
    node.begun = begin(op, types, draws)
    run([node], scene)
    return [node]


def _several(grower: Grower, scene: Scene, op: Operator, fields: dict[str, Any], count: int) -> list[Node]:
    """Return an operator of several results: each is named, and one of them flows on."""
    draws = grower.draws
    node = Apply(type(op), fields, operator_text(type(op), fields, draws), joint=joint(draws))
    node.begun = begin(op, scene.types(), draws)
    run([node], scene)
    names: list[Label] = []
    trial = scene.forked()
    for value in scene.it:
        names.append(labels.label(trial, draws))
        trial.bind(names[-1].key(trial), (value,))
    more: list[Node] = [Pick(("it",), tuple(names), joint=" -> ")]
    more.append(Pick((draws.one(names).text,)))
    run(more, scene)
    return [node, *more]


def expressed(value: Any, scene: Scene, draws: Draws) -> Any:
    """Return a number, or an expression of the names here with the same value."""
    if isinstance(value, tuple):
        names = [name for name, known in scene.names.items() if known == value]
        return Written(draws.one(names)) if names else _listed(value, scene, draws)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if type(value) is not int or value < 1 or not draws.chance(60):
        return value
    texts = [(name, name) for name, known in scene.names.items() if type(known) is int]
    forms: list[str] = [name for name, _ in texts]
    forms += [form.format(name) for name, _ in texts for form in ("(2*{})", "({} + 1)", "({} - 1)", "({} // 2)")]
    if takes_one(scene) and draws.chance(50):
        sizes = [f"it.{word}" for word in ("channels", "height", "width", "length")]
        more = ("({} - 1)", "({} + 1)", "({} % 4)", "min({}, 5)") if draws.chance(50) else ()
        forms += [form.format(size) for size in sizes for form in ("({})", "({} // 2)", "(2*{})", "max({}, 1)", *more)]
    for name in scene.tuples:
        forms += [f"len({name})", f"(2*len({name}))", f"({name}[0].channels)", f"({name}[-1].shape[1])"]
        forms += [f"(len({name}[1:]) + 1)"]
    forms += (
        ["four"] * draws.chance(10) + [f"twice({form})" for form in forms[:1]] + ["twice(1, more=1)"] * draws.chance(5)
    )
    fitting: list[str] = []
    for form in forms:
        try:
            if scene.evaluate(form) == value:
                fitting.append(form)
        except Stuck:
            continue
    return Written(draws.one(fitting)) if fitting else value


def _listed(value: tuple[Any, ...], scene: Scene, draws: Draws) -> Any:
    """Return a list of numbers, some of which may be expressions."""
    if not value or any(type(item) is not int for item in value) or not draws.chance(40):
        return value
    items = [expressed(item, scene, draws) for item in value]
    return Written(f"[{', '.join(map(str, items))}]") if any(isinstance(item, Written) for item in items) else value


def parameter_step(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `act`, or a convolution whose width is a parameter."""
    draws = grower.draws
    acts = [name for name, value in scene.names.items() if isinstance(value, Operator)]
    if acts and draws.chance(60):
        node: Node = Act(draws.one(acts), joint=joint(draws))
        run([node], scene)
        return [node]
    numbers = {name: value for name, value in scene.names.items() if type(value) is int}
    if not numbers or not takes_one(scene):
        raise Stuck("nothing is a parameter here")
    op = registry()["conv" if len(scene.it[0].type.axes) > 2 else "linear"]
    fields: dict[str, Any] = {"out": draws.one(list(numbers.values()))}
    if op.word == "conv":
        sides = len(scene.it[0].type.axes) - 2
        kernels = [value for value in scene.names.values() if isinstance(value, tuple) and len(value) == sides]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        fields |= {"kernel": draws.one([(1,) * sides, *kernels]), "stride": draws.one((1, numbers.get("stride", 1)))}  # pyright: ignore[reportUnknownArgumentType]
    return step(grower, scene, made(op, fields))


# ---- values picked up again


def pick(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return a line that begins with a value named above; what flowed keeps a name."""
    draws = grower.draws
    kept = keep(grower, scene)
    path = draws.one([path for path, values in scene.visible().items() if len(values) == 1] or [""])
    if not path:
        raise Stuck("no value has a name")
    nodes: list[Node] = [Pick((scene.templates.get(path, path),))]
    run(nodes, scene)
    return [*kept, *nodes, *operator_step(grower, scene, steps)]


def keep(grower: Grower, scene: Scene) -> list[Node]:
    """Return a name for the value that flows, if it has none and nothing has taken it."""
    named = {id(value) for values in scene.visible().values() for value in values}
    if all(value.step in scene.used or id(value) in named for value in scene.it):
        return []
    if not takes_one(scene):
        raise Stuck("several values flow")
    node = Pick(("it",), labels.label(scene, grower.draws), joint=" -> ")
    run([node], scene)
    return [node]


def pick_and_join(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `(a, it) -> concat`: values named above, joined with the value that flows."""
    draws = grower.draws
    paths = [path for path, values in scene.visible().items() if len(values) == 1]
    if not paths:
        raise Stuck("no value has a name")
    picked = [draws.one(paths) for _ in range(1 + draws.below(2) + draws.below(2))]
    written = [scene.templates.get(path, path) for path in picked]
    kept: list[Node] = []
    if draws.chance(85):
        written.insert(draws.below(len(written) + 1), "it")
    else:
        kept = keep(grower, scene)
    nodes: list[Node] = [Pick(tuple(written))]
    run(nodes, scene)
    types = scene.types()
    choices = [word for word in JOINS if fits(word, types)]
    if not choices or len(types) < 2:
        raise Stuck("no join takes these")
    op = near(registry()[draws.one(choices)], draws, 0, changed=10)
    return [*kept, *nodes, *step(grower, scene, op)]


def fits(word: str, types: tuple[Any, ...]) -> bool:
    from archlang.diagnostics import Rejected

    try:
        registry()[word]().outputs(*types)
    except Rejected:
        return False
    return True


def gated(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `split 2 -> (a, b): it`, of which one half multiplies the other."""
    draws = grower.draws
    axis = draws.one([at for at, size in enumerate(scene.it[0].type.shape) if at and size % 2 == 0] or [0])
    if not takes_one(scene) or not axis:
        raise Stuck("nothing is even")
    op = made(registry()["split"], {"parts": 2, "axis": axis})
    node = Apply(type(op), dict(op), operator_text(type(op), dict(op), draws), joint=joint(draws))
    run([node], scene)
    first, other = labels.label(scene, draws), labels.label(scene, draws)
    named = Pick(("it",), (first, other), joint=" -> ")
    run([named], scene)
    nodes: list[Node] = [node, named, Pick((first.text,)), fixed(draws.one(("sigmoid", "tanh", "gelu")), draws)]
    nodes.append(Pick((other.text, "it"), joint=joint(draws)))
    run(nodes[2:], scene)
    return [*nodes, *step(grower, scene, made(registry()["mul"], {}))]


def again(grower: Grower, scene: Scene, steps: int) -> list[Node]:
    """Return `reuse`: a labelled step applied once more."""
    scope, paths = scene.scope, list[str]()
    while True:
        paths += [scene.templates.get(path, path) for path in scope.steps]
        if scope.outer is None:
            break
        scope = scope.outer
    if not paths:
        raise Stuck("no step has a label")
    node = Reuse(grower.draws.one(paths), joint=joint(grower.draws))
    run([node], scene)
    if len(scene.it) != 1:
        raise Stuck("several values")
    return [node]
