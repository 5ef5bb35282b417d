"""Compares opened data with a recipe and its net, before the first step."""

from __future__ import annotations

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.recipes import Recipe
from archlang.recipes.fitting_data import misfits_of_data
from archlang.train.data import Data, Named
from archlang.train.transforming import Transformed


def check_data(
    recipe: Recipe, graph: Graph, data: Data, training: Transformed, held_out: Transformed | None = None
) -> None:
    """Compare the fields of samples, behind the transforms, with what the recipe and the net take."""
    if recipe.batch > len(training):
        message = f"a batch of {recipe.batch:,} is larger than the {len(training):,} samples to train on"
        raise Rejected("data-does-not-fit", message)
    for half, samples in ((data.training, training), (data.held_out, held_out)):
        if samples is None:
            continue
        named = half if isinstance(half, Named) else None
        for at in dict.fromkeys((0, *(named.representatives if named else ()))):  # images of different sizes
            sample = samples[0, at]
            shapes = {name: (tuple(one.shape), str(one.dtype).removeprefix("torch.")) for name, one in sample.items()}
            wrong = misfits_of_data(recipe, graph, shapes, len(data.classes), data.extremes)
            if wrong is not None:
                file = f"{named.name(at)}: " if named else ""
                raise Rejected("data-does-not-fit", f"{file}{wrong}")
