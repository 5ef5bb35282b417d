"""Initialisers, drawn: `init=` of a step, and `default conv init=...` for those that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from archlang.diagnostics import Rejected
from archlang.ops.base import Operator, Weight
from archlang.ops.fans import refuse_fans
from archlang.ops.initialisers import Number, refuse_start
from archlang.shapes import TensorType
from tests.generator.draws import Draws
from tests.generator.nodes import Declaration, Node
from tests.generator.scene import Scene, Stuck

if TYPE_CHECKING:
    from tests.generator.definitions import Definition
    from tests.generator.growing import Grower

# as written, its word, its arguments
WRITTEN: tuple[tuple[str, str, tuple[Number, ...]], ...] = (
    ("zeros", "zeros", ()),
    ("ones", "ones", ()),
    ("constant(0.5)", "constant", (0.5,)),
    ("constant(value=-2)", "constant", (-2.0,)),
    ("normal", "normal", (1.0, 0.0)),
    ("slightly", "normal", (0.02, 0.0)),
    ("normal(0.02 / sqrt(4))", "normal", (0.01, 0.0)),
    ("normal(mean=3, std=0.5)", "normal", (0.5, 3.0)),
    ("uniform(-1, 3)", "uniform", (-1.0, 3.0)),
    ("trunc_normal(0.5)", "trunc_normal", (0.5,)),
    ("he_normal", "he_normal", ("fan_in", "relu", 0.0)),
    ("he_normal(mode=fan_out, nonlinearity=tanh)", "he_normal", ("fan_out", "tanh", 0.0)),
    ("he_uniform(nonlinearity=leaky_relu, slope=0.2)", "he_uniform", ("fan_in", "leaky_relu", 0.2)),
    ("xavier_normal(gain=2)", "xavier_normal", (2.0,)),
    ("xavier_uniform", "xavier_uniform", (1.0,)),
    ("lecun_normal", "lecun_normal", ()),
    ("orthogonal(0.5)", "orthogonal", (0.5,)),
    ("dirac", "dirac", (1.0,)),
    ("dirac(groups=2)", "dirac", (2.0,)),
    ("identity", "identity", ()),
    ("sparse(0.5, std=0.1)", "sparse", (0.5, 0.1)),
)
DEFAULTS = ("conv", "conv", "linear", "linear", "linear", "batchnorm", "layernorm", "embedding", "lstm", "attention")


@dataclass(frozen=True)
class Begun:
    """An argument that initialises weights: its name, its value as text, and the initialiser."""

    argument: str
    text: str
    word: str = ""
    values: tuple[Number, ...] = ()

    def __str__(self) -> str:
        return f"{self.argument}={self.text}"


def is_bias(weight: Weight) -> bool:
    last = weight.name.rpartition(".")[2]
    return last.startswith("bias_") or last.endswith("_bias") or last == "bias"


def filled(argument: str, weights: Sequence[Weight]) -> list[Weight]:
    """Return the weights that an argument fills."""
    own = [weight for weight in weights if f"{weight.name.replace('.', '_')}_init" == argument]
    general = [weight for weight in weights if argument == ("bias_init" if is_bias(weight) else "init")]
    return own or [weight for weight in general if not weight.factor]


def starting(
    op: Operator, types: tuple[TensorType, ...], own: Sequence[Begun], defaults: Sequence[Begun], tied: Sequence[str]
) -> tuple[tuple[str, str, tuple[Number, ...]], ...]:
    """Return how each weight begins, where something is said: the step's own arguments come before the defaults."""
    found: list[tuple[str, str, tuple[Number, ...]]] = []
    for weight in op.weights(*types):
        if weight.buffer or weight.name in tied:
            continue
        exact = f"{weight.name.replace('.', '_')}_init"
        general = exact if weight.factor else "bias_init" if is_bias(weight) else "init"
        said = ([one for one in each if one.argument == name] for each in (own, defaults) for name in (exact, general))
        chosen = next((fitting[-1] for fitting in said if fitting), None)
        if chosen is not None and chosen.word:
            found.append((weight.name, chosen.word, chosen.values))
    return tuple(sorted(found))


def refuse(begun: Sequence[Begun], weights: Sequence[Weight], tied: Sequence[str] = (), own: bool = True) -> None:
    """Raise Stuck or Rejected if one does not fit. A step's own must fill something that is not tied."""
    kept = [weight for weight in weights if not weight.buffer]
    for one in begun:
        found = [weight for weight in filled(one.argument, kept) if weight.name not in tied]
        if own and not found:
            raise Stuck("it fills nothing")
        for weight in found if one.word else ():
            refuse_start(one.word, one.values, weight.shape)
            refuse_fans(one.word, one.values, weight.fans)


def begin(op: Operator, types: tuple[TensorType, ...], draws: Draws, percent: int = 15) -> tuple[Begun, ...]:
    """Return initialisers for a step, with this percentage."""
    weights = [weight for weight in op.weights(*types) if not weight.buffer]
    if not weights or not draws.chance(percent):
        return ()
    names = ["init", "bias_init", f"{draws.one(weights).name.replace('.', '_')}_init"]
    found: dict[str, Begun] = {}
    for name in names:
        filling = filled(name, weights)
        if filling and draws.chance(60) and name not in type(op).model_fields:
            found[name] = _drawn(name, filling, draws)
    return tuple(found.values())


def _drawn(name: str, weights: Sequence[Weight], draws: Draws) -> Begun:
    """Return an initialiser that fits these weights."""
    sizes = {prod(weight.shape) for weight in weights}
    if len(sizes) == 1 and min(sizes) < 7 and draws.chance(40):
        numbers = tuple(draws.one((0.0, 0.5, 1.0, -2.5)) for _ in range(min(sizes)))
        return Begun(name, listed(numbers), "list", numbers)
    for _ in range(8):
        one = Begun(name, *draws.one(WRITTEN))
        try:
            refuse([one], weights)
        except Rejected:
            continue
        return one
    return Begun(name, "torch_default")


def listed(numbers: Sequence[float]) -> str:
    """Return numbers as a list is written."""
    return f"[{', '.join(f'{number:g}' for number in numbers)}]"


@dataclass
class Default(Declaration):
    """`default conv init=normal(0.02)`: the initial weights of the steps that follow in its braces."""

    word: str
    begun: tuple[Begun, ...]

    def run(self, scene: Scene) -> None:
        scene.defaults = (*scene.defaults, *((self.word, one) for one in self.begun))

    def text(self, indent: str) -> str:
        return f"default {self.word} {' '.join(map(str, self.begun))}"


def other_default(grower: Grower, scene: Scene, target: Definition) -> list[Node]:
    """Return a default for an operator of a block that is called again, which thereby is another block."""
    from tests.generator.nodes import Apply
    from tests.generator.structures import within

    nodes = (node for body in within(target.body) for node in body)
    words = [node.op.word for node in nodes if isinstance(node, Apply) and node.op.word in DEFAULTS]
    return default(grower, scene, 1, words) if words else []


def default(grower: Grower, scene: Scene, steps: int, words: Sequence[str] = DEFAULTS) -> list[Node]:
    """Return a default, which fits most weights of its operator."""
    draws = grower.draws
    word = draws.one(words)
    found = [Begun("init", *draws.one(WRITTEN))] if draws.chance(70) else []
    if not found or draws.chance(40):
        found.append(Begun("bias_init", *draws.one(WRITTEN[:9])))
    node = Default(word, tuple(found))
    node.run(scene)
    return [node]
