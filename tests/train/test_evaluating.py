"""`archlang evaluate`: trained weights measured on held-out samples, as the run measured them, or on other data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from archlang.cli import main
from archlang.diagnostics import Rejected
from archlang.lower import module
from archlang.program import program_of
from archlang.train.checkpoints import read
from archlang.train.evaluating import Where, evaluate
from archlang.train.record import read_record
from archlang.train.running import Where as Run
from archlang.train.running import run
from tests.train.recipes import lines_of, recipe_of

TEXT = lines_of(metric="metric accuracy", ema="ema 0.8", expect="expect accuracy >= 0.7")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run, beside its spec."""
    place = tmp_path_factory.mktemp("evaluated")
    (place / "spec.arch").write_text(TEXT, encoding="utf-8")
    made = recipe_of(TEXT)
    run(made.recipe, made.graph, Run(place / "run"), {})
    return place / "run"


def test_the_measures_are_those_of_the_run(folder: Path) -> None:
    """Of the moving average, which is what the run measured."""
    made = recipe_of(TEXT)
    found = evaluate(made.recipe, made.graph, Where(folder / "last.pt"))
    rows = read(folder / "last.pt")["rows"]
    assert found.samples == 359 and found.notes == ()
    assert found.measures == {name: rows[-1][f"held-out {name}"] for name in ("loss", "accuracy")}
    plain = module(program_of(made.graph), 0)
    plain.load_state_dict(read(folder / "last.pt")["state_dict"])
    torch.save(plain.state_dict(), folder / "plain.pt")
    assert evaluate(made.recipe, made.graph, Where(folder / "plain.pt")).measures != found.measures
    assert evaluate(made.recipe, made.graph, Where(folder, split="training")).samples == 1438
    assert evaluate(made.recipe, made.graph, Where(folder, split="all")).samples == 1797


def test_the_exit_status_tells_whether_promises_hold(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["evaluate", "spec.arch", "--weights", "run", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["weights"] == "run/best.pt" and found["samples"] == 359
    assert found["promises"][0]["kept"] and found["promises"][0]["measured"] == found["measures"]["accuracy"]
    text = TEXT.replace(">= 0.7", ">= 0.9999")
    Path("strict.arch").write_text(text, encoding="utf-8")
    assert main(["evaluate", "strict.arch", "--weights", "run"]) == 1
    assert ">= 99.99% is not kept" in capsys.readouterr().out
    # a promise is about the held-out samples
    assert main(["evaluate", "strict.arch", "--weights", "run", "--split", "training"]) == 0


def test_the_folder_of_a_run_is_enough(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["evaluate", "spec.arch", "--weights", "run"]) == 0
    wanted = capsys.readouterr().out
    for spec in ("run", "run/best.pt"):
        assert main(["evaluate", spec]) == 0
        assert capsys.readouterr().out == wanted
    assert main(["evaluate", "run", "--weights", "run/last.pt", "--split", "all"]) == 0
    assert "with run/last.pt, 1,797 samples\n" in capsys.readouterr().out
    assert main(["evaluate", "run", "--set", "batch=8"]) == 2
    assert "is a run with its own settings" in capsys.readouterr().err


def test_a_run_with_a_loss_of_ones_own_needs_its_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = "block own {\n  input a\n  input b\n  (a, b) -> add\n}\n"
    Path("s.arch").write_text(own + lines_of(loss="loss own it it", steps="steps 1", epochs=""))
    assert main(["train", "s.arch", "--out", "run"]) == 0
    assert main(["evaluate", "run"]) == 2
    assert "the folder run does not hold all of the recipe run; name the spec" in capsys.readouterr().err
    assert main(["evaluate", "s.arch", "--weights", "run"]) == 0


@pytest.mark.parametrize(
    "call, told",
    [
        (["spec.arch"], "spec.arch is no run: name the weights, `--weights FILE`"),
        (["spec.arch", "--weights", "nothing.pt"], "there is no file or folder nothing.pt"),
        (["spec.arch", "--weights", "."], "is no folder of a run"),
        (["spec.arch:tiny", "--weights", "run"], "names no recipe"),
        (["spec.arch", "--weights", "run", "--set", "width=8"], "conv1.weight"),
        (["spec.arch", "--weights", "run", "--data", "x"], "takes no `--data`"),
        (["spec.arch", "--weights", "run", "--device", "tpu"], "not tpu"),
    ],
)
def test_wrong_calls_are_told(
    call: list[str], told: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    assert main(["evaluate", *call]) == 2
    assert told in capsys.readouterr().err


def test_other_data_is_prepared_with_the_numbers_of_the_training_data(tmp_path: Path) -> None:
    generator = numpy.random.default_rng(0)  # noqa: TID251  seeded
    for name, low in (("dark", 0), ("bright", 128)):
        drawn = generator.integers(low, low + 128, (40, 1, 8, 8), dtype=numpy.uint8)
        numpy.savez(tmp_path / f"{name}.npz", image=drawn, label=numpy.arange(40) % 10)
    text = lines_of(data="data npz", batch="batch 8", metric="metric accuracy", epochs="epochs 1")
    made = recipe_of(text)
    run(made.recipe, made.graph, Run(tmp_path / "run", tmp_path / "dark.npz"), {})
    found = evaluate(made.recipe, made.graph, Where(tmp_path / "run", tmp_path / "bright.npz", "all"))

    with numpy.load(tmp_path / "dark.npz") as held, numpy.load(tmp_path / "bright.npz") as other:
        known: Any = torch.from_numpy(held["image"]).double() / 255
        known = known[[at for at in range(40) if at % 5 != 4]]  # every fifth is held out
        images, labels = torch.from_numpy(other["image"]).double() / 255, torch.from_numpy(other["label"])
    net = module(program_of(made.graph), 0)
    net.load_state_dict(read(tmp_path / "run" / "best.pt")["state_dict"])
    with torch.no_grad():
        scores = net.eval()(((images - known.mean()) / known.std(correction=0)).float())
    assert found.measures["loss"] == pytest.approx(float(torch.nn.functional.cross_entropy(scores, labels)), rel=1e-4)

    (tmp_path / "run" / "trained.json").unlink()  # weights alone: the note says whose numbers these are
    alone = evaluate(made.recipe, made.graph, Where(tmp_path / "run" / "best.pt", tmp_path / "bright.npz", "all"))
    assert alone.measures["loss"] != pytest.approx(found.measures["loss"], rel=1e-3)
    assert "from the training part of this data" in alone.notes[0]


TEXTS = """
net next(width=4) {
  input tokens: [4] dtype=int64
  embedding 3 width
  linear 3
  output
}
train run = next {
  data text length=4
  loss crossentropy
  optimizer sgd lr=0.5
  batch 4; epochs 1
}
"""


def test_another_alphabet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "abc.txt").write_text("abc" * 40, encoding="utf-8")
    (tmp_path / "abd.txt").write_text("abd" * 40, encoding="utf-8")
    made = recipe_of(TEXTS)
    run(made.recipe, made.graph, Run(tmp_path / "run", tmp_path / "abc.txt"), {})
    assert evaluate(made.recipe, made.graph, Where(tmp_path / "run", tmp_path / "abc.txt")).samples > 0
    with pytest.raises(Rejected, match="the first that differs is `d`, where they have `c`"):
        evaluate(made.recipe, made.graph, Where(tmp_path / "run", tmp_path / "abd.txt"))


def test_a_record_is_read_as_it_was_written(folder: Path) -> None:
    found = read_record(folder)
    assert found.graph == recipe_of(TEXT).graph
    assert (found.recipe, found.data, found.classes) == ("run", "digits", tuple("0123456789"))
    (normalize,) = found.transforms
    assert normalize.word == "normalize" and len(normalize.arguments["mean"]) == 1
    (folder.parent / "broken").mkdir()
    (folder.parent / "broken" / "trained.json").write_text("{", encoding="utf-8")
    with pytest.raises(Rejected, match="cannot be read"):
        read_record(folder.parent / "broken")
