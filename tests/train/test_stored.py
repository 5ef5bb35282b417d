"""Recipes as plain data: written and read back, equal with every setting."""

from __future__ import annotations

import json

import pytest

from archlang.compiler import prepared
from archlang.recipes.recipe import Recipe
from archlang.recipes.stored import as_data, of_data
from tests.train.recipes import recipe_of

ALL = """
net n { input image: 1x8x8; a: conv 3x3 4 -> relu; flatten -> b: linear 64 -> c: linear 10; output }
train r(k=3) = n {
  data digits held_out=0.25
  view pad [1, 2] -> centercrop 8 -> normalize mean=[0.5] std=[0.25]
  augment randomaffine 10 scale=[0.9, 1.1]
  mix mixup alpha=0.3
  mix cutmix
  loss 0.5 * crossentropy label_smoothing=0.1
  optimizer muon lr=0.02
  rest adamw lr=1e-3 betas=[0.8, 0.9] c
  group biases weight_decay=0
  freeze a until=1
  schedule warmup 2 -> cosineannealing by=step
  regularize b maxnorm=k
  clip value=1; ema 0.9; stop 2 on=accuracy
  batch 64; accumulate 2; epochs 3; precision bf16; seed 5
  metric accuracy top=5
  expect accuracy >= 0.5 at seeds=2
}
"""


def back(recipe: Recipe) -> Recipe:
    """Return a recipe that was written as JSON and read."""
    return of_data(json.loads(json.dumps(as_data(recipe))))


def assert_same(recipe: Recipe) -> None:
    """Assert that a recipe reads back with every field, also those that comparing leaves out: places."""
    found = back(recipe)
    assert found == recipe
    assert repr(found) == repr(recipe)


def test_every_line() -> None:
    assert_same(recipe_of(ALL).recipe)


@pytest.mark.parametrize("spec", ["lenet:modern", "yolo", "fcn", "gpt", "autoencoder:generate", "vit"])
def test_shipped_recipes(spec: str) -> None:
    made = prepared(f"recipes/{spec}")
    assert made is not None
    assert_same(made[0].recipe)


def test_anything_else_is_refused() -> None:
    part = recipe_of(ALL).recipe.data
    with pytest.raises(TypeError):
        of_data({"is": "Part", "word": part.word, "arguments": {}, "span": {}})
    with pytest.raises(KeyError):
        of_data({"is": "Path"})
