"""Names that are drawn: plain ones, digits, words of torch and of Python's library, names of inputs and operators."""

from __future__ import annotations

from archlang.ir import MODULE_ATTRIBUTES
from tests.generator.draws import Draws
from tests.generator.nodes import Label
from tests.generator.scene import Scene

PLAIN = ("a", "b", "c", "p", "q", "left", "right", "stem", "body", "head", "up", "down", "conv1", "fc", "x1", "x2")
CLASHING = (
    "x", "y", "z", "image", "input", "output", "x_2", "y2", "x0", "relu", "relu2", "dropout", "conv2d", "torch_", "nn",
    "torch", "self", "super", "range", "print", "len", "list", "tuple", "int", "str", "super_", "size", "weight",
    "bias", "Linear", "Conv2d", "Tensor", "cat", "functional", "F", "add", "mul", "out", "features", "classes", "dim",
    "forward_", "mode", "block", "net", "tried", "unit", "cell", "module", "args", "kwargs", "name", "object",
)  # fmt: skip
CONTAINERS = ("convs", "norms", "maps")  # before the dots of labels; nothing else is called so
WORDS = ("net", "block", "let", "for", "in", "if", "else", "use", "repeat", "dense", "residual", "shortcut", "inline")
FORBIDDEN = MODULE_ATTRIBUTES | {"it", *WORDS, "input", "output", "freeze", "param", "buffer", "reuse"}


def label(scene: Scene, draws: Draws) -> Label:
    """Return a label that is free here; in a loop one that differs from turn to turn."""
    counted = [name for name, value in scene.names.items() if type(value) is int and name.startswith("i")]
    for _ in range(20):
        text = _text(scene, draws)
        if scene.turning:
            text = f"{text}{draws.one(('', '_', '-'))}{{{counted[-1]}}}" if counted else text
        if text not in FORBIDDEN and is_free(Label(text).key(scene), scene):
            return Label(text)
    return Label(f"l{len(scene.visible()) + 100}")


def _text(scene: Scene, draws: Draws) -> str:
    kind = draws.below(11)
    if kind == 10:
        item = draws.one(PLAIN) if scene.turning or draws.chance(40) else str(draws.below(4))
        return f"{draws.one(CONTAINERS)}.{item}"
    if kind == 0 and not scene.turning:
        return str(scene.scope.position)
    if kind == 1 and not scene.turning:
        return str(20 + draws.below(20))
    return draws.one(CLASHING if kind < 6 else PLAIN)


def is_free(name: str, scene: Scene) -> bool:
    """Return whether nothing is called so here."""
    return name not in scene.names and name not in scene.visible() and name not in scene.scope.keys


def number_name(scene: Scene, draws: Draws, stem: str = "") -> str:
    """Return a name for a number."""
    for _ in range(20):
        name = stem + draws.one(
            ("width", "n", "k", "x", "y", "rate", "depth", "self", "nn", "torch", "relu_", "groups")
        )
        if is_free(name, scene) and name not in scene.known:
            return name
    return f"number{len(scene.names)}"
