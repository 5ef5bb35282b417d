"""The command that makes the pictures of docs/vision.md, in small."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archlang
from website.inside import FOLDER, RECIPE, digits, draw, trained


def test_each_picture_is_on_the_page(tmp_path: Path) -> None:
    images = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(4))
    draw(archlang.load("lenet5").module(seed=0).eval(), images, tmp_path, steps=1)
    page = (FOLDER.parent / "vision.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in FOLDER.iterdir())
    assert all(f"(vision/{path.name})" in page for path in tmp_path.iterdir())


@pytest.mark.sweep
def test_a_short_training_is_drawn(tmp_path: Path) -> None:
    recipe = archlang.load_recipe(RECIPE, epochs=1, batch=2000)
    images = digits(recipe)
    assert images.shape == (10, 1, 32, 32)
    draw(trained(recipe), images, tmp_path, steps=2)
    assert [*tmp_path.iterdir()]
