"""The statements of a text. Each can write itself, and knows the types that it returns at its place.

A node is evaluated anew for each turn of a loop and for each call of its block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from archlang.ir import join_path
from archlang.ops.base import Operator, Weight
from archlang.shapes import TensorType
from tests.generator.arguments import made
from tests.generator.scene import Applied, Scene, Scope, Stuck, Values
from tests.generator.tracing import Starts
from tests.generator.writing import Written

if TYPE_CHECKING:
    from tests.generator.definitions import Definition
    from tests.generator.starts import Begun

ITEM = re.compile(r"\[[^\]]*\]$")  # of a tuple
MOST_VALUES, MOST_WEIGHTS = 700, 3000  # of one step
Joint = Literal["\n", "; ", " -> "]


@dataclass
class Node:
    """A statement, and the separator before it. `starts` says that it begins a line."""

    joint: Joint = field(default="\n", kw_only=True)

    @property
    def starts(self) -> bool:
        return False

    @property
    def ends(self) -> bool:
        """Whether it ends its line: it is no step."""
        return False

    def run(self, scene: Scene) -> None:
        """Evaluate it: set the value that flows afterwards, and the names."""
        raise NotImplementedError

    def text(self, indent: str) -> str:
        raise NotImplementedError


class Declaration(Node):
    """A statement that is no step, and has a line of its own."""

    @property
    def starts(self) -> bool:
        return True

    @property
    def ends(self) -> bool:
        return True


Body = Sequence[Node]


def run(body: Body, scene: Scene) -> None:
    for node in body:
        node.run(scene)


def body_text(body: Body, indent: str) -> str:
    """Return the statements, one after the other; the first stands where the text stands."""
    text = ""
    for at, node in enumerate(body):
        alone = node.starts or (at and body[at - 1].ends)
        joint = "\n" if node.joint == " -> " and alone else node.joint
        text += (f"\n{indent}" if joint == "\n" else joint) if at else ""
        text += node.text(indent)
    return text


def braces(body: Body, indent: str) -> str:
    """Return braces around statements, on a line or on several."""
    inner = body_text(body, indent + "  ")
    if "\n" in inner:
        return f"{{\n{indent}  {inner}\n{indent}}}"
    return f"{{ {inner} }}" if inner else "{ }"


# ---- labels


@dataclass
class Label:
    """The label of a step, with the expressions in its holes if it is computed: `s{i}`."""

    text: str

    def key(self, scene: Scene) -> str:
        filled = self.text
        for name, value in scene.names.items():
            filled = filled.replace(f"{{{name}}}", str(value))
        return filled

    def __str__(self) -> str:
        return self.text if self.text.isidentifier() else f'"{self.text}"'


def prefix(label: Label | Sequence[Label] | None) -> str:
    if label is None:
        return ""
    return f"{label}: " if isinstance(label, Label) else f"({', '.join(map(str, label))}): "


def name_results(label: Label | Sequence[Label] | None, scene: Scene) -> None:
    """Give the value that flows its name, or each of several values its own."""
    if isinstance(label, Label):
        key = label.key(scene)
        scene.bind(key, scene.it)
        if key != label.text:
            scene.templates[key] = label.text
    elif label is not None:
        if len(label) != len(scene.it):
            raise Stuck("labels do not match")
        for one, value in zip(label, scene.it, strict=True):
            scene.bind(one.key(scene), (value,))


# ---- steps


@dataclass
class Apply(Node):
    """An operator applied. Its arguments of the class `Written` are expressions."""

    op: type[Operator]
    fields: dict[str, Any]
    written: str
    label: Label | Sequence[Label] | None = None
    ties: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    begun: tuple[Begun, ...] = ()  # how its weights begin

    def run(self, scene: Scene) -> None:
        fields = {name: evaluated(value, scene) for name, value in self.fields.items()}
        op = made(self.op, fields)
        if self.op.word in scene.known or self.op.word in scene.names:
            raise Stuck("a declaration or a parameter hides the operator")
        words = {self.written, *(value for value in fields.values() if isinstance(value, str))}
        if words & {*scene.visible(), *scene.names}:
            raise Stuck("the word is a value's too")
        types = scene.types()
        outputs = applied(op, scene)
        for name, (path, other) in self.ties.items():
            if not other:
                _tie_to_own(op.weights(*types), name, path, scene)
                continue
            owner = scene.applied(Label(path).key(scene))
            if not isinstance(owner.target, Operator) or not _same_shape(
                op.weights(*types), name, owner.target.weights(*owner.types), other
            ):
                raise Stuck("a weight of another shape")
        refuse_starts(op, types, scene, self.begun, list(self.ties))
        scene.give(outputs, bound_of(op, scene.it), op.positions_in(*types))
        name_step(self.label, op, (), types, scene, self)
        if self.ties:
            scene.scope.tied[scene.scope.layers[-1]] = {owner_path(*tie, scene) for tie in self.ties.values()}
            keys = {Label(path).key(scene) for path, _ in self.ties.values()}
            scene.scope.owners |= keys & {*scene.scope.steps, *scene.scope.layers}

    def text(self, indent: str) -> str:
        paths = {name: ".".join(filter(None, tie)) for name, tie in self.ties.items()}
        tied = "".join(f" {name}={path}" for name, path in paths.items())
        return f"{prefix(self.label)}{self.written}{tied}{''.join(f' {one}' for one in self.begun)}"


def owner_path(path: str, weight: str, scene: Scene) -> str:
    """Return the path in the block of a labelled step, or of a parameter where no weight is named."""
    key = Label(path).key(scene)
    scope: Scope | None = scene.scope
    while scope is not None:
        if key in (scope.steps if weight else scope.labels):
            return join_path(scope.path, key)
        scope = scope.outer
    raise Stuck(f"nothing is called {key}")


def _tie_to_own(weights: Sequence[Weight], name: str, path: str, scene: Scene) -> None:
    """Tie a weight to a parameter of the net's own, which is used by that."""
    (value,) = scene.find(path)
    if value.type.shape not in [weight.shape for weight in weights if weight.name == name and not weight.buffer]:
        raise Stuck("a parameter of another shape")
    scene.used.add(value.step)


def _same_shape(weights: Sequence[Weight], name: str, others: Sequence[Weight], other: str) -> bool:
    shapes, found = ({weight.name: weight.shape for weight in each} for each in (weights, others))
    return name in shapes and shapes[name] == found.get(other)


def refuse_starts(
    op: Operator, types: tuple[TensorType, ...], scene: Scene, begun: tuple[Begun, ...] = (), tied: Sequence[str] = ()
) -> None:
    """Raise if an initialiser of a step, or a default at this place, does not fit its weights."""
    from tests.generator.starts import refuse

    weights = op.weights(*types)
    refuse(begun, weights, tied)
    refuse([one for word, one in scene.defaults if word == op.word], weights, tied, own=False)


def evaluated(value: Any, scene: Scene) -> Any:
    return scene.evaluate(value) if isinstance(value, Written) else value


def applied(op: Operator, scene: Scene) -> tuple[TensorType, ...]:
    """Return the types of the operator's results. Raises `Rejected` or `Stuck` if the current value does not fit."""
    types = scene.types()
    if not types or (not op.join and len(types) not in op.arity):
        raise Stuck("too many or too few values")
    outputs = op.outputs(*types)
    for value in scene.it:
        if value.positions is not None:
            op.take_positions(value.positions, *types)
    small = all(x.values <= MOST_VALUES and min(x.shape, default=1) > 0 for x in outputs)
    if not small or sum(weight.count for weight in op.weights(*types)) > MOST_WEIGHTS:
        raise Stuck("too large")
    bound = op.index_bound(*types)
    if bound is not None and (scene.it[-1].below or 1 << 62) > bound:
        raise Stuck("a whole number would be no position")
    least = getattr(op, "count", None) if op.word != "tile" else None
    if least is not None and not types[0].is_float and (scene.it[0].below or 1 << 62) > least:
        raise Stuck("a whole number would be too large")
    return outputs


_MOVING = (
    "flatten", "reshape", "permute", "rearrange", "axes", "slice", "select", "take", "split", "concat", "flip",
)  # fmt: skip


def bound_of(op: Any, given: Values) -> int | None:
    """Return a bound that all integers in the operator's result are below; None if it is not known."""
    if op.word in ("argmax", "argmin"):
        axis: int = op.axis
        return given[0].type.shape[axis]
    if op.word in _MOVING:
        bounds = [value.below for value in given]
        return None if None in bounds else max(bound for bound in bounds if bound is not None)
    return None


def name_step(
    label: Label | Sequence[Label] | None,
    target: Operator | Definition,
    arguments: tuple[tuple[str, object], ...],
    types: tuple[TensorType, ...],
    scene: Scene,
    step: Apply | None = None,
) -> None:
    """Record a step's key and the names of its values; a labelled step can be applied again."""
    key = label.key(scene) if isinstance(label, Label) else None
    own = None if isinstance(target, Operator) and target.join else scene.claim(key)
    if own is not None:
        scene.scope.layers.append(own)
        if key is not None and not key.isdecimal():
            path = join_path(scene.scope.path, key)
            scene.scope.steps[key] = Applied(target, arguments, types, scene.defaults, path)
    if isinstance(target, Operator):
        ties = _paths(step.ties, scene) if step is not None else ()
        scene.note(target, own, ties, _starts(target, types, step.begun if step is not None else (), ties, scene))
    name_results(label, scene)


def _paths(ties: Mapping[str, tuple[str, str]], scene: Scene) -> list[tuple[str, str]]:
    """Return each tied weight, and the path in the block of the one that it shares."""
    return [(name, join_path(owner_path(path, other, scene), other)) for name, (path, other) in ties.items()]


def _starts(
    op: Operator, types: tuple[TensorType, ...], own: Sequence[Begun], ties: Sequence[tuple[str, str]], scene: Scene
) -> Starts:
    from tests.generator.starts import starting

    defaults = [one for word, one in scene.defaults if word == op.word]
    return starting(op, types, own, defaults, [name for name, _ in ties]) if scene.trace is not None else ()


@dataclass
class Pick(Node):
    """A line that begins with values: `a`, or `(a, it)`."""

    paths: tuple[str, ...]
    label: Label | Sequence[Label] | None = None

    @property
    def starts(self) -> bool:
        return "it" not in self.paths

    def run(self, scene: Scene) -> None:
        values = [value for path in self.paths for value in (scene.it if path == "it" else found(path, scene))]
        scene.it = tuple(values)
        name_results(self.label, scene)

    def text(self, indent: str) -> str:
        written = [path_text(path) for path in self.paths]
        return prefix(self.label) + (f"({', '.join(written)})" if self.paths != ("it",) else "it")


def found(path: str, scene: Scene) -> Values:
    """Return the values of a path, whose computed labels are filled in, or items of an input that takes any number."""
    if path.partition("[")[0] in scene.tuples and "[" in path:
        items = scene.evaluate(path)
        return tuple(one.value for one in (items if isinstance(items, tuple) else (items,)))  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return scene.find(Label(path).key(scene))


def path_text(path: str) -> str:
    return path if all(part.isidentifier() for part in ITEM.sub("", path).split(".")) else f'"{path}"'


@dataclass
class Reuse(Node):
    """A labelled step applied again."""

    path: str
    label: Label | Sequence[Label] | None = None

    def run(self, scene: Scene) -> None:
        step = scene.applied(Label(self.path).key(scene))
        types = scene.types()
        inner = scene.trace.inside(step.path, scene.it, again=True) if scene.trace is not None else None
        if isinstance(step.target, Operator):
            outputs = applied(step.target, scene)
            if step.target.weights(*types) != step.target.weights(*step.types):
                raise Stuck("other weights")
            if step.target.torch(*types) != step.target.torch(*step.types):
                raise Stuck("another module")
        else:
            if types != step.types:
                raise Stuck("other types")
            outputs = step.target.outputs(types, dict(step.arguments), step.defaults, inner)
        scene.give(outputs)
        if scene.trace is not None and inner is not None:
            if isinstance(step.target, Operator):
                scene.trace.add(step.path, step.target, scene.taken, scene.it, again=True)
            else:
                scene.trace.name(scene.it, inner.leaving)
        name_results(self.label, scene)

    def text(self, indent: str) -> str:
        return f"{prefix(self.label)}reuse {path_text(self.path)}"


@dataclass
class Call(Node):
    """A block or a net called, with a scope of its own."""

    target: Definition
    arguments: tuple[tuple[str, str], ...]  # parameter and its value as written
    written: str
    label: Label | Sequence[Label] | None = None

    def run(self, scene: Scene) -> None:
        if self.target.name in scene.names or self.written in scene.visible():
            raise Stuck("the word is a value's too")
        types = scene.types()
        values = {name: scene.evaluate(text) for name, text in self.arguments}
        least = self.target.below
        if least is not None and any(not x.type.is_float and (x.below or 1 << 62) > least for x in scene.it):
            raise Stuck("a whole number would be too large")
        key = self.label.key(scene) if isinstance(self.label, Label) else str(scene.scope.position)
        path = join_path(scene.scope.path, key)
        inner = scene.trace.inside(path, scene.it, again=False) if scene.trace is not None else None
        outputs = self.target.outputs(types, values, scene.defaults, inner)
        scene.give(outputs)
        if scene.trace is not None and inner is not None:
            scene.trace.name(scene.it, inner.leaving)
        name_step(self.label, self.target, tuple(values.items()), types, scene)

    def text(self, indent: str) -> str:
        return f"{prefix(self.label)}{self.written}"


@dataclass
class Inline(Node):
    """A block written out where it is called: its keys, positions and labels are those of the place."""

    target: Definition
    arguments: tuple[tuple[str, str], ...]
    written: str

    def run(self, scene: Scene) -> None:
        if self.target.name in scene.names:
            raise Stuck("the word is a number's")
        if self.target.frozen:
            raise Stuck("its keys would be others")
        inner = self.target.scene(scene.types(), {name: scene.evaluate(text) for name, text in self.arguments})
        inner.scope.keys, inner.scope.position = scene.scope.keys, scene.scope.position
        inner.steps, inner.it, inner.defaults = scene.steps, scene.it, scene.defaults
        inner.trace, inner.scope.path = scene.trace, scene.scope.path
        inner.scope.labels = {}
        self.target.bind_inputs(scene.it, inner)
        entering = {*inner.scope.labels}
        inner.made, inner.used = {}, set()
        run(self.target.body, inner)
        values = self.target.results(inner)
        entered = {value.step for value in scene.it}
        if len(entered) < len(scene.it):
            raise Stuck("which of a step's values are used is not known")
        if not entered <= inner.used | {value.step for value in values}:
            raise Stuck("an input is not used")
        scene.scope.position = inner.scope.position
        scene.used, scene.made = scene.used | inner.used, {**scene.made, **inner.made}
        for name, given in inner.scope.labels.items():
            if name not in entering:
                scene.bind(name, given)
        scene.scope.steps |= inner.scope.steps
        scene.scope.tied |= inner.scope.tied
        scene.it = values

    def text(self, indent: str) -> str:
        return self.written


@dataclass
class Act(Node):
    """A step that a parameter names: `act`."""

    name: str

    def run(self, scene: Scene) -> None:
        op = scene.names.get(self.name)
        if not isinstance(op, Operator):
            raise Stuck("no operator")
        types = scene.types()
        outputs = applied(op, scene)  # refuses a tuple, of which no initialiser knows
        refuse_starts(op, types, scene)
        scene.give(outputs)
        name_step(None, op, (), types, scene)

    def text(self, indent: str) -> str:
        return self.name


# ---- tensors of the net's own, numbers


@dataclass
class Stored(Declaration):
    """`param` or `buffer`: a value of its own, which leaves the current value unchanged."""

    word: str
    name: str
    type: TensorType
    init: str
    persistent: bool = True
    formula: str = ""  # of the places p0, p1, ..., which fills it in the place of `init`

    def run(self, scene: Scene) -> None:
        flowing = scene.it
        if self.name in scene.scope.keys or self.name in scene.names:
            raise Stuck("taken")
        scene.scope.keys.add(self.name)
        if self.word == "param":
            scene.scope.layers.append(self.name)
        scene.it = ()
        scene.give((self.type,))
        scene.note(self.word, self.name)
        scene.bind(self.name, scene.it)
        scene.it = flowing

    def text(self, indent: str) -> str:
        shape = f"[{', '.join(map(str, self.type.shape))}]"
        dtype = f" dtype={self.type.dtype}" if self.type.dtype != "float32" else ""
        kept = "" if self.persistent else " persistent=false"
        if not self.formula:
            return f"{self.word} {self.name}: {shape} init={self.init}{dtype}{kept}"
        places = ", ".join(f"p{at}" for at in range(len(self.type.shape)))
        filled = f"let filled_{self.name}({places}) = {self.formula}"
        return f"{filled}; {self.word} {self.name}: {shape} init=filled_{self.name}{dtype}{kept}"


@dataclass
class Let(Declaration):
    """A number under a name, to the end of the braces."""

    name: str
    value: str

    def run(self, scene: Scene) -> None:
        if self.name in scene.names or self.name in scene.visible():
            raise Stuck("taken")
        scene.names[self.name] = scene.evaluate(self.value)

    def text(self, indent: str) -> str:
        return f"let {self.name} = {self.value}"
