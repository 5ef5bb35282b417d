"""Parameters that do not train: how many are left, and further ones, named from outside by paths or patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from archlang.ir import Graph
from archlang.recipes.fitting import Fitted
from archlang.recipes.recipe import Freeze, Named, Recipe
from archlang.source import Span


def frozen(recipe: Recipe, graph: Graph, patterns: Sequence[str], origin: str) -> Recipe:
    """Return a recipe with a further `freeze`, written at `origin`.

    A pattern is what a line `freeze` takes, a path or a word such as `norms`, or a path with `*`, `?` or `[...]`, which
    is compared with the paths that lead to parameters. One that is like no parameter stays, and is told by `misfits`.
    """
    names = list(Fitted(recipe, graph).parameters)
    span = Span(origin, 1, 1, 1, 2)
    chosen: list[str] = []
    for pattern in patterns:
        alike = (
            [path for name in names if (path := _alike(name, pattern))] if any(one in pattern for one in "*?[") else []
        )
        chosen += alike or [pattern]
    freeze = Freeze(tuple(Named(one, span) for one in dict.fromkeys(chosen)), None, span)
    return replace(recipe, freezes=(*recipe.freezes, freeze))


def trained_params(recipe: Recipe, graph: Graph) -> int:
    """Return how many numbers a recipe trains: the trainable parameters of its net, without those frozen for good."""
    fitted = Fitted(recipe, graph)
    targets = [target.text for freeze in recipe.freezes if freeze.until is None for target in freeze.targets]
    idle = {path for target in targets for path in fitted.chosen(target)}
    total = 0
    for layer in {id(layer): layer for layer in fitted.parameters.values()}.values():
        for weight in layer.op.weights(*layer.input_types):
            path = f"{layer.path}.{weight.name}" if layer.path else weight.name
            if path in fitted.parameters and path not in idle and weight.name not in layer.node.ties:
                total += weight.count
    return total


def _alike(name: str, pattern: str) -> str | None:
    """Return the shortest path that leads to a parameter and is like the pattern."""
    parts = name.split(".")
    paths = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return next((path for path in paths if fnmatchcase(path, pattern)), None)
