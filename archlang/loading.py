"""Recipes in Python: from a SPEC to the objects that train."""

from __future__ import annotations

from pathlib import Path

from archlang.compiler import CallError, prepared, setting, written
from archlang.train.loaded import LoadedRecipe


def load_recipe(spec: str | Path, /, data: str | Path | None = None, **params: object) -> LoadedRecipe:
    """Return the recipe that a spec names, `path:recipe` or the only one of a path, for a training loop of your own.

    `data` is the file or folder of its data. `params` replace parameters of the recipe or its net and its settings:
    `lr=0.2`, `batch=32`, `**{"optimizer.lr": 0.2}`. Raises SpecError if the recipe is wrong, and CallError if the call
    is.
    """
    found = prepared(str(spec), {name: setting(name, written(name, value)) for name, value in params.items()})
    if found is None:
        raise CallError(f"{spec} names no recipe: `archlang.load` takes a net")
    made, _ = found
    return LoadedRecipe(made.recipe, made.graph, None if data is None else Path(data))
