"""Training scripts have the losses, averages and measures that torch lacks: they end with the same weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.recipes import lines_of, recipe_of
from tests.train.scripts import assert_same_weights, script_of
from tests.train.test_own_losses import DICE
from tests.train.test_words import raw

YOLO = """
net cells {
  input image: 3x16x16
  conv 4x4/4 8 -> relu -> conv 2x2/2 12
  output
}

train run = cells {
  data shapes size=16 samples=60 classes=2 most=2
  augment randomhorizontalflip
  view normalize
  loss yolov1 it boxes coord=4
  optimizer adam lr=0.01
  batch 16; epochs 2
  metric map; metric map iou=0.3
}
"""


def test_a_script_detects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert_same_weights(recipe_of(YOLO), tmp_path, monkeypatch)
    measured = dict(one.rsplit(" ", 1) for one in capsys.readouterr().out.splitlines()[-1].split(", "))
    table = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    expected = dict(zip(table[0].split(","), table[-1].split(","), strict=True))
    assert float(measured["map iou=0.3"]) == round(float(expected["held-out map iou=0.3"]), 4)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_script_has_losses_of_the_users_own(reduction: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = f"loss 0.5 * dice it target smooth=0.25 reduction={reduction}; loss dice it target; loss mse it target"
    text = DICE + raw(data="data synthetic samples=100", loss=loss, optimizer="optimizer sgd lr=0.001")
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch)


def test_a_loss_of_ones_own_takes_the_shapes_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy

    numpy.savez(tmp_path / "rows.npz", x=numpy.arange(60.0).reshape(20, 3) % 7, y=numpy.arange(40.0).reshape(20, 2) % 5)
    text = DICE + (
        "net line {\n  input x: [3]\n  linear 2\n  output\n}\n"
        "train run = line {\n  data npz\n  loss dice it y\n  optimizer sgd lr=0.01\n  batch 4; epochs 2\n}\n"
    )
    assert_same_weights(recipe_of(text), tmp_path, monkeypatch, tmp_path / "rows.npz")


@pytest.mark.parametrize(
    "lines",
    [
        {"swa": "swa start=1 lr=0.05", "view": "", "epochs": "epochs 3"},
        {
            "swa": "swa start=1 lr=0.05 anneal_epochs=2 anneal_strategy=linear",
            "schedule": "schedule warmup 5 by=step",
            "augment": "augment randomcrop 8 padding=1",
            "epochs": "steps 13",
        },
        {
            "swa": "swa start=2 lr=0.05",
            "schedule": "schedule warmup 7 -> reduceonplateau patience=0 by=step",
            "epochs": "epochs 4",
        },
        {
            "swa": "swa start=3 lr=0.05",
            "schedule": "schedule warmup 2 -> reduceonplateau patience=0 by=epoch",
            "epochs": "epochs 5",
        },
        {"swa": "swa start=2 lr=0.05", "schedule": "schedule reduceonplateau patience=0", "epochs": "epochs 4"},
    ],
)
def test_a_script_averages_the_last_epochs(
    lines: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe_of(lines_of(data="data digits held_out=0.8", **lines))
    assert "update_bn" in script_of(made)
    assert_same_weights(made, tmp_path, monkeypatch)
