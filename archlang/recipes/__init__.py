"""Recipes: how a net is trained. All is checked before torch is imported."""

from __future__ import annotations

from archlang.recipes.evaluation import Evaluated, evaluated
from archlang.recipes.misfits import misfits
from archlang.recipes.recipe import Recipe

__all__ = ["Evaluated", "Recipe", "evaluated", "misfits"]
