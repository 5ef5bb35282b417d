"""What a file declares besides blocks and nets: values and functions, some of which hide words of the language."""

from __future__ import annotations

from typing import Any

from archlang.ops import registry
from tests.generator.arguments import made
from tests.generator.draws import Draws

LETS = {
    "four": "let four = 2 + 2",
    "twice": "let twice(v, more=0) = 2 * v + more",
    "slightly": "let slightly = normal(0.02)",
}  # where the word stands in a file


def _plus(a: Any, b: Any) -> Any:
    return a + b


def _times(a: Any, b: Any = 2) -> Any:
    return a * b


def _ceiling(v: Any) -> Any:
    return -int(-v // 1)


def _three(v: Any) -> Any:
    return 3


# the text of a declaration, and the value of its name
HIDING: dict[str, tuple[str, Any]] = {
    "max": ("let max(a, b) = a + b", _plus),
    "min": ("let min(a, b=2) = a * b", _times),
    "int": ("let int(v) = ceil(v)", _ceiling),
    "len": ("let len(v) = 3", _three),
    "abs": ("let abs = 3", 3),
    "sum": ("let sum = [3, 3]", (3, 3)),
    "mean": ("let mean = 2", 2),
    "gelu": ("let gelu = tanh", registry()["tanh"]()),
    "softplus": ("let softplus = leaky_relu", registry()["leaky_relu"]()),
    "selu": ("let selu = leaky_relu(slope=0.25)", made(registry()["leaky_relu"], {"slope": 0.25})),
    "relu": ("let relu = identity", registry()["identity"]()),
    "softsign": ("let softsign = batchnorm(eps=0.01)", made(registry()["batchnorm"], {"eps": 0.01})),
}


def hiding(draws: Draws, percent: int = 25) -> dict[str, Any]:
    """So often of 100, what some declarations of a file stand for that hide an operator or a function."""
    if not draws.chance(percent):
        return {}
    names = {draws.one(list(HIDING)) for _ in range(1 + draws.below(3))}
    return {name: HIDING[name][1] for name in sorted(names)}


def declared(texts: list[str], hidden: dict[str, Any]) -> list[str]:
    """Return the declarations that stand before these texts."""
    named = [text for word, text in LETS.items() if any(word in one for one in texts)]
    return [*named, *(HIDING[name][0] for name in hidden)]
