"""Recipes in tests: that of a text, what is wrong with it, and the net with it."""

from __future__ import annotations

from archlang.diagnostics import Diagnostic
from archlang.parse import parse
from archlang.recipes import Evaluated, evaluated, misfits
from archlang.source import Source
from archlang.syntax import File
from tests.specs import expressions

NET = """
net tiny(width=4) {
  input image: 1x8x8
  conv1: conv 3x3 width pad=1 -> bn1: batchnorm -> relu -> features: maxpool 2x2
  flatten -> fc: linear 10
  output
}
"""


def file_of(text: str) -> File:
    """Return the syntax tree of a text, which must parse."""
    file, diagnostics = parse(Source("spec.arch", text))
    assert not diagnostics, diagnostics
    return file


def told(text: str, name: str | None = None, **settings: str) -> tuple[Evaluated | None, list[Diagnostic]]:
    """Return the recipe of that name, the last one where none is named, and all that is wrong with it."""
    file = file_of(text)
    chosen = name or file.recipes[-1].text
    found, wrong = evaluated(
        file, chosen, expressions({key.replace("__", "."): text for key, text in settings.items()})
    )
    return found, [*wrong, *(misfits(found.recipe, found.graph) if found else ())]


def recipe_of(text: str, name: str | None = None, **settings: str) -> Evaluated:
    """Return the recipe of a text that must be right."""
    found, wrong = told(text, name, **settings)
    assert found is not None and not wrong, wrong
    return found


def lines_of(**changed: str) -> str:
    """Return a recipe of the net `tiny` on the digits of scikit-learn, with some of its lines replaced, or added."""
    lines = {
        "data": "data digits",
        "view": "view normalize",
        "loss": "loss crossentropy",
        "optimizer": "optimizer sgd lr=0.1 momentum=0.9",
        "batch": "batch 64",
        "epochs": "epochs 2",
        **changed,
    }
    return NET + "train run = tiny {\n" + "".join(f"  {line}\n" for line in lines.values() if line) + "}\n"
