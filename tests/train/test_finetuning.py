"""`archlang finetune`: weights of an earlier run go on into another net, as far as they fit; the rest is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from archlang.cli import main
from archlang.lower import module
from archlang.program import program_of
from archlang.recipes import misfits
from archlang.recipes.freezing import frozen
from archlang.train.checkpoints import read
from archlang.train.data import open_data
from archlang.train.running import Where, run
from tests.train.recipes import lines_of, recipe_of

_LINES = lines_of(metric="metric accuracy", epochs="epochs 1").replace("width=4", "width=4, classes=10")
TEXT = _LINES.replace("fc: linear 10", "fc: linear classes")


@pytest.fixture
def folder(earlier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one, with the spec and a link to the earlier run."""
    (tmp_path / "spec.arch").write_text(TEXT, encoding="utf-8")
    (tmp_path / "earlier").symlink_to(earlier)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run on all ten digits."""
    made = recipe_of(TEXT.replace("epochs 1", "epochs 1; ema 0.8"))
    place = tmp_path_factory.mktemp("earlier") / "run"
    run(made.recipe, made.graph, Where(place), {})
    return place


def averaged(folder: Path) -> dict[str, torch.Tensor]:
    """Return the moving average of a checkpoint, which is what a run measures."""
    state = read(folder / "best.pt")["average"]
    return {name.removeprefix("module."): value for name, value in state.items() if name != "n_averaged"}


def test_a_net_gets_a_new_head(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data: Any = open_data(recipe_of(TEXT).recipe.data, None)
    images, labels = data.training.fields["image"], data.training.fields["label"]
    numpy.savez("five.npz", image=images[labels < 5].numpy(), label=labels[labels < 5].numpy())
    call = ["finetune", "spec.arch:tiny", "--weights", "earlier", "--data", "npz:five.npz", "--set", "classes=5"]
    assert main([*call, "--set", "epochs=1", "--freeze", "conv1", "bn*"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("finetune: tiny with ") and "1 epoch in batches of 32" in out
    lines = [
        "7 of 9 tensors of the net are from earlier/best.pt",
        "  left out: fc.weight: 10x64 in the file, 5x64 in the net, at spec.arch:5:18",
        "  left out: fc.bias: 10 in the file, 5 in the net, at spec.arch:5:18",
    ]
    assert "\n".join(lines) in out
    assert Path("runs/finetune/weights.txt").read_text(encoding="utf-8").splitlines() == lines
    before, after = averaged(Path("earlier")), read(Path("runs/finetune/last.pt"))["state_dict"]
    for name in ("conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias"):
        assert torch.equal(before[name], after[name]), name
    assert after["fc.weight"].shape == (5, 64)
    # images are prepared with the numbers of the run that the weights are from
    numbers = [
        json.loads((Path(one) / "trained.json").read_text())["transforms"] for one in ("earlier", "runs/finetune")
    ]
    assert numbers[0][-1] == numbers[1][-1]


def test_all_that_fit_are_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also by `train`, and the moving average begins with them."""
    text = TEXT.replace("sgd lr=0.1 momentum=0.9", "sgd lr=1e-30").replace("epochs 1", "steps 1; ema 0.5")
    Path("spec.arch").write_text(text, encoding="utf-8")
    assert main(["train", "spec.arch", "--weights", "earlier"]) == 0
    assert "9 of 9 tensors" in capsys.readouterr().out
    before = averaged(Path("earlier"))
    for found in (read(Path("runs/run/last.pt"))["state_dict"], averaged(Path("runs/run"))):
        for name, parameter in module(program_of(recipe_of(text).graph), 0).named_parameters():
            assert parameter.shape and torch.equal(found[name], before[name]), name


def test_a_recipe_of_the_spec_is_used_and_other_layers_start_anew(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = averaged(Path("earlier"))
    del state["fc.bias"]
    torch.save({**state, "extra.weight": torch.zeros(3)}, "part.pt")
    assert main(["finetune", "spec.arch", "--weights", "part.pt", "--freeze", "norms", "--set", "steps=1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("run: tiny with") and "batches of 64" in out
    assert "starts anew, not in the file: fc.bias" in out and "not used, not in the net: extra.weight" in out
    assert torch.equal(read(Path("runs/run/last.pt"))["state_dict"]["bn1.weight"], state["bn1.weight"])


@pytest.mark.parametrize(
    "call, told",
    [
        (["spec.arch"], "a net is trained further from weights"),
        (["spec.arch", "--weights", "none.pt"], "there is no file or folder none.pt"),
        (["spec.arch", "--weights", "earlier", "--freeze", "conv9"], "did you mean `conv1`?"),
        (["spec.arch", "--weights", "earlier", "--freeze", "x*"], "`x*` names no trainable parameter of tiny"),
        (["spec.arch", "--weights", "earlier", "--freeze", "*"], "all parameters of tiny are frozen"),
        (["spec.arch", "--weights", "earlier", "--data", "mnist"], "run trains on `data digits`"),
        (["spec.arch:tiny", "--weights", "earlier"], "`data imagefolder` is read from files"),
        (["spec.arch:tiny", "--weights", "earlier", "--data", "digits", "--set", "widht=2"], "did you mean `width`?"),
        (
            ["spec.arch:tiny", "--weights", "earlier", "--data", "digits", "--set", "optimizer.lr=0"],
            "`lr` of `sgd` is a number above 0",
        ),
        (
            ["ae.arch", "--weights", "earlier", "--data", "digits"],
            "from one image to scores of classes, and ae is none",
        ),
        (["other.arch", "--weights", "earlier", "--data", "digits"], "no weight of the file fits other"),
    ],
)
def test_wrong_calls_are_told_before_the_run(
    call: list[str], told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ae.arch").write_text("net ae { input image: 1x8x8; conv 3x3 1 pad=1; output }", encoding="utf-8")
    Path("other.arch").write_text(
        "net other { input image: 1x8x8; flatten -> out: linear 10; output }", encoding="utf-8"
    )
    assert main(["finetune", *call]) == 2
    assert told in capsys.readouterr().err
    assert not Path("runs").exists()


def test_patterns_name_the_shortest_paths() -> None:
    made = recipe_of(TEXT)
    for patterns, expected in (
        (["*1"], ["conv1", "bn1"]),
        (["fc", "biases"], ["fc", "biases"]),
        (["*.bias"], ["conv1.bias", "bn1.bias", "fc.bias"]),
    ):
        recipe = frozen(made.recipe, made.graph, patterns, "--freeze")
        assert [one.text for one in recipe.freezes[0].targets] == expected
        assert misfits(recipe, made.graph) == []


def test_the_trunk_of_the_shipped_transfer_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "recipes/transfer:alone", "--out", "before", "--epochs", "1"]) == 0
    call = ["finetune", "recipes/transfer:alone", "--weights", "before", "--freeze", "trunk"]  # `tuned` has 40 epochs
    assert main([*call, "--out", "after", "--epochs", "1"]) == 0
    before = read(Path("before/best.pt"))["state_dict"]
    after = read(Path("after/last.pt"))["state_dict"]
    parameters = [name for name in before if name.startswith("trunk") and "running" not in name and "num" not in name]
    assert len(parameters) == 9 and all(torch.equal(before[name], after[name]) for name in parameters)
    assert not torch.equal(before["head.weight"], after["head.weight"])
