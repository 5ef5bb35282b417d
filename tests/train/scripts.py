"""Training scripts in tests: their text, and whether they end with the weights of a run."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
import torch

from archlang.recipes import Evaluated
from archlang.train.checkpoints import read
from archlang.train.data import open_data
from archlang.train.running import Where, run
from archlang.train.script import needs_data, sampled, training_script


def script_of(made: Evaluated, path: Path | None = None) -> str:
    """Return the script of a recipe, which must have one."""
    sample = None
    if needs_data(made.recipe, made.graph):
        sample = sampled(made.recipe, open_data(made.recipe.data, path, made.graph))
    named = path if made.recipe.data.word == "custom" else None
    text, wrong = training_script(made.recipe, made.graph, "spec.arch:run", named, sample)
    assert not wrong, wrong
    return text


def assert_same_weights(
    made: Evaluated, folder: Path, monkeypatch: pytest.MonkeyPatch, data: Path | None = None
) -> None:
    """Assert that the script of a recipe ends with the weights of a run of it: the last and the best ones."""
    script = folder / "script.py"
    script.write_text(script_of(made, data))
    run(made.recipe, made.graph, Where(folder / "run", data), {})
    given = ["--data", str(data)] if "options.data" in script.read_text() else []
    monkeypatch.setattr(sys, "argv", [str(script), "--out", str(folder / "out"), *given])
    runpy.run_path(str(script), run_name="__main__")
    for name in ("last.pt", "best.pt"):
        state = read(folder / "run" / name)
        is_averaged = bool(state["average"]) and bool(state["average"]["n_averaged"])
        expected = state["average"] if is_averaged else state["state_dict"]
        found = torch.load(folder / "out" / name, weights_only=True)
        assert found
        for key, value in found.items():
            assert torch.equal(value, expected[f"module.{key}" if is_averaged else key]), key
