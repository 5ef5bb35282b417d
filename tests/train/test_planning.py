"""Runs within a memory: the same weights, fewer bytes, and a plan that the folder keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.train.planning import MemoryPlan, asked_before, planned
from archlang.train.world import ALONE, World
from tests.train.recipes import recipe_of
from tests.train.test_running import assert_equal, ran

NET = """
block unit(width) {
  input x
  conv 3x3 width pad=1 bias=false -> batchnorm -> relu -> dropout 0.1
  conv 3x3 width pad=1 bias=false -> batchnorm -> relu
  output
}
net tiny(width=8) {
  input image: 1x8x8
  conv 3x3 width pad=1 -> a: unit width -> b: unit width -> c: unit width -> maxpool 2x2
  flatten -> linear 10
  output
}
"""
BUDGET = 2 * 2**20


def text(**changed: str) -> str:
    """Return a recipe of the net, with some of its lines replaced, or added."""
    lines = {"optimizer": "optimizer sgd lr=0.1 momentum=0.9", "length": "steps 4", **changed}
    own = "".join(f"  {line}\n" for line in lines.values())
    return f"{NET}train run = tiny {{\n  data digits; view normalize; loss crossentropy; batch 64\n{own}}}\n"


def plan_of(**changed: str) -> MemoryPlan:
    """Return the plan of the recipe within the budget."""
    made = recipe_of(text(**changed))
    return planned(made.recipe, made.graph, BUDGET, ALONE)


def test_weights_are_those_without_a_plan_and_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archlang.train.running.SAVED_EVERY", 0.0)  # a checkpoint after each step
    made, plan = recipe_of(text(ema="ema 0.9")), plan_of()
    assert plan.recomputed and plan.chosen.memory.needed_bytes <= BUDGET
    whole, planned_run, broken = (tmp_path / name for name in ("whole", "planned", "broken"))
    assert ran(made, whole) is not None
    outcome = ran(made, planned_run, plan=plan)
    assert (outcome is not None and "recompute(self.a, " in str(outcome.session.module.__doc__ or "")) or outcome
    assert_equal(whole, planned_run)
    assert ran(made, broken, stop_at=2, plan=plan) is None
    assert asked_before(broken) == BUDGET
    assert ran(made, broken, plan=plan, resume=True) is not None
    assert_equal(whole, broken)
    assert ran(made, broken, resume=True) is not None  # without a plan, the folder does not tell of one any more
    assert asked_before(broken) is None


def test_a_run_keeps_fewer_bytes_for_its_backward_pass(tmp_path: Path) -> None:
    """Of what autograd saves, counted by its own hooks in a step of the run's module."""
    sizes: list[int] = []
    for name, plan in (("whole", None), ("planned", plan_of())):
        outcome = ran(recipe_of(text(length="steps 1")), tmp_path / name, plan=plan)
        assert outcome is not None
        saved: dict[int, int] = {}

        def pack(x: torch.Tensor, saved: dict[int, int] = saved) -> torch.Tensor:
            saved[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            outcome.session.module.train()(torch.rand(64, 1, 8, 8))
        sizes.append(sum(saved.values()))
    assert sizes[1] < 0.6 * sizes[0]


def test_a_slim_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    made = recipe_of(text(length="steps 3").replace(" -> dropout 0.1", ""))
    plan = planned(made.recipe, made.graph, "save", ALONE)
    assert plan.is_slim and str(plan).endswith("no normalised value is kept for a convolution")
    outcome = ran(made, tmp_path / "slim", plan=plan)
    assert outcome is not None and any(type(one).__name__ == "SlimConv2d" for one in outcome.session.module.modules())
    assert ran(made, tmp_path / "whole") is not None
    assert_equal(tmp_path / "whole", tmp_path / "slim")
    assert asked_before(tmp_path / "slim") == "save"


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("spec.arch").write_text(text(length="steps 1"))
    assert main(["train", "spec.arch", "--out", "whole"]) == 0
    assert main(["train", "spec.arch", "--out", "small", "--memory", "2MiB"]) == 0
    said = capsys.readouterr().out
    kept = json.loads(Path("small/memory.json").read_text())
    assert kept["memory"] == BUDGET and kept["recomputed"]
    line = next(line for line in said.splitlines() if line.startswith("memory: within 2.00 MiB a step takes "))
    assert line.endswith(f"recomputed in the backward pass are {', '.join(kept['recomputed'])}")
    assert line.removeprefix("memory: ") in Path("small/summary.md").read_text()
    assert main(["train", "spec.arch", "--resume", "small", "--set", "steps=2", "--resume-anyway"]) == 0
    assert line in capsys.readouterr().out.splitlines()  # the same plan again
    Path("small/memory.json").write_text("{")
    assert main(["train", "spec.arch", "--resume", "small"]) == 2
    assert "memory.json cannot be read" in capsys.readouterr().err


def test_what_cannot_be_planned_is_refused() -> None:
    made = recipe_of(text())
    with pytest.raises(Rejected, match="no choice of blocks") as caught:
        planned(made.recipe, made.graph, 1000, ALONE)
    assert caught.value.code == "does-not-fit"
    half = recipe_of(text(precision="precision bf16"))
    with pytest.raises(Rejected, match="recomputed calls under autocast cannot be simulated"):
        planned(half.recipe, half.graph, 2**19, ALONE)
    with pytest.raises(Rejected, match="the optimiser adadelta is not simulated"):
        plan_of(optimizer="optimizer adadelta")
    with pytest.raises(Rejected, match="with `--shard` is not simulated"):
        planned(made.recipe, made.graph, BUDGET, World(2, shards=True))
    for budget in (BUDGET, "save"):
        with pytest.raises(Rejected, match="sync-batchnorm"):
            planned(made.recipe, made.graph, budget, World(2, syncs=True))
    assert planned(made.recipe, made.graph, 2**30, World(2, syncs=True)).recomputed == ()
