"""What a finished run leaves for people: pictures, the matrix of classes, the worst samples, the summary."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from archlang.cli import main
from archlang.lower import module
from archlang.program import program_of
from archlang.recipes import Evaluated
from archlang.recipes.listing import listed
from archlang.source import Source
from archlang.train.checkpoints import read
from archlang.train.data import open_data
from archlang.train.findings import WORST, Findings
from archlang.train.running import Outcome, Where, run
from archlang.train.summary import panels, summarise
from tests.train.recipes import lines_of, recipe_of

TEXT = lines_of(metric="metric accuracy", expect="expect accuracy >= 0.999 at seeds=3")


@pytest.fixture(scope="module")
def made() -> Evaluated:
    return recipe_of(TEXT)


@pytest.fixture(scope="module")
def finished(made: Evaluated, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    outcome = run(made.recipe, made.graph, Where(tmp_path_factory.mktemp("runs") / "run"), {})
    assert summarise(outcome, {"spec.arch": Source("spec.arch", TEXT)}) is None
    return outcome


def by_hand(made: Evaluated, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the scores of the best weights on the held-out digits, and their labels, without archlang's transforms."""
    data: Any = open_data(made.recipe.data, None)
    pixels = data.training.fields["image"].double() / 255
    images = (data.held_out.fields["image"].double() / 255 - pixels.mean()) / pixels.std(correction=0)
    net = module(program_of(made.graph), 0)
    net.load_state_dict(read(folder / "best.pt")["state_dict"])
    with torch.no_grad():
        return net.eval()(images.float()), data.held_out.fields["label"]


def test_the_matrix_counts_what_each_class_was_taken_for(made: Evaluated, finished: Outcome) -> None:
    scores, labels = by_hand(made, finished.folder.path)
    expected = [[0] * 10 for _ in range(10)]
    for label, prediction in zip(labels.tolist(), scores.argmax(1).tolist(), strict=True):
        expected[label][prediction] += 1
    with (finished.folder.path / "confusion.csv").open() as file:
        head, *rows = list(csv.reader(file))
    assert head[1:] == [row[0] for row in rows] == [str(digit) for digit in range(10)]
    assert [[int(cell) for cell in row[1:]] for row in rows] == expected


def test_the_worst_samples_are_those_with_the_largest_loss(made: Evaluated, finished: Outcome) -> None:
    scores, labels = by_hand(made, finished.folder.path)
    losses = nn.functional.cross_entropy(scores, labels, reduction="none")
    found = Findings(finished.session.terms[0], "crossentropy")
    measures = finished.session.measure(finished.held_out, found.add)
    expected = losses.sort(descending=True)
    assert [one.index for one in found.worst] == expected.indices[:WORST].tolist()
    for one in found.worst:
        assert one.loss == pytest.approx(float(losses[one.index]), rel=1e-3)
        assert (one.label, one.prediction) == (int(labels[one.index]), int(scores[one.index].argmax()))
        assert one.share == pytest.approx(float(scores[one.index].softmax(0).max()), rel=1e-3)
    assert measures["loss"] == pytest.approx(float(losses.mean()), rel=1e-4)


def test_pictures_keep_their_text(finished: Outcome) -> None:
    for name, words in (
        ("curves.svg", ("loss", "held out", "held-out accuracy", "learning rate", "epoch")),
        ("confusion.svg", ("predicted", "true")),
        ("worst.svg", ("the held-out samples with the largest loss",)),
    ):
        text = (finished.folder.path / name).read_text(encoding="utf-8")
        assert text.count("<text") >= len(words)
        for word in words:
            assert f">{word}<" in text, word
    assert (finished.folder.path / "worst.svg").read_text(encoding="utf-8").count("<image") == WORST


def test_the_summary_stands_by_itself(finished: Outcome) -> None:
    html = (finished.folder.path / "summary.html").read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', html)
    assert len(sources) == 3 and all(one.startswith("data:image/svg+xml;base64,") for one in sources)
    markdown = (finished.folder.path / "summary.md").read_text(encoding="utf-8")
    for text in (html, markdown.replace("\\", "")):
        assert "torch" in text and torch.__version__ in text
        assert "optimizer.dampening" in text and "default" in text
        assert "with 1 of 3 seeds" in text and "is not kept" in text
        assert "train run = tiny {" in text  # the recipe
        assert "last.pt" in text and "best.pt" in text
    assert "| optimizer.lr | 0.1 | spec.arch:" in markdown


def test_without_matplotlib_the_summary_says_so(
    made: Evaluated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = run(recipe_of(TEXT, epochs="1").recipe, made.graph, Where(tmp_path), {})
    why = summarise(outcome, {})
    assert why is not None and 'pip install "archlang[plot]"' in why
    assert "There are no pictures" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert not list(tmp_path.glob("*.svg")) and (tmp_path / "confusion.csv").is_file()


def test_each_measure_has_a_panel() -> None:
    row: Mapping[str, float] = {
        "epoch": 1, "step": 2, "lr": 0.1, "training loss": 2.0, "held-out loss": 1.0, "held-out accuracy": 0.5,
        "held-out perplexity": 7.0,
    }  # fmt: skip
    made = panels([row])
    assert [panel.title for panel in made] == ["loss", "held-out accuracy", "held-out perplexity", "learning rate"]
    assert [panel.shares for panel in made] == [False, True, False, False]


def test_what_is_promised_is_measured(tmp_path: Path) -> None:
    """Without a line `metric`, too; and so is what ends the run."""
    made = recipe_of(lines_of(epochs="epochs 1", expect="expect error <= 0.5", stop="stop 3 on=accuracy"))
    outcome = run(made.recipe, made.graph, Where(tmp_path), {})
    assert outcome.last["held-out error"] == pytest.approx(1 - outcome.last["held-out accuracy"])


def test_parameters_that_two_words_of_a_group_name_train_once(tmp_path: Path) -> None:
    made = recipe_of(lines_of(epochs="epochs 1", group="group norms biases weight_decay=0"))
    outcome = run(made.recipe, made.graph, Where(tmp_path), {})
    groups = outcome.session.optimizer.param_groups
    assert [len(group["params"]) for group in groups] == [2, 4]  # the weights of conv1 and fc; bn1 and the biases


def test_every_setting_is_listed_with_its_origin() -> None:
    made = recipe_of(lines_of(group="group biases weight_decay=0", clip="clip norm=1"), optimizer__lr="0.2")
    found = {one.name: one for one in listed(made.recipe)}
    assert (found["optimizer.lr"].value, found["optimizer.lr"].origin) == ("0.2", "--set")
    assert found["optimizer.momentum"].origin.startswith("spec.arch:")
    assert (found["optimizer.nesterov"].value, found["optimizer.nesterov"].origin) == ("false", "default")
    assert found["accumulate"].origin == "default" and found["batch"].origin.startswith("spec.arch:")
    assert found["group biases"].value == "weight_decay=0" and found["clip.norm"].value == "1"


def test_the_runs_of_several_seeds_have_a_summary_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.arch"
    goals = {"metric": "metric accuracy", "goal": "expect accuracy >= 0.1 at seeds=2", "stop": "stop after=1"}
    spec.write_text(lines_of(data="data digits held_out=0.5", optimizer="optimizer sgd lr=0.3", **goals))
    out = tmp_path / "out"
    assert main(["train", str(spec), "--verify", "--out", str(out)]) == 0
    assert "of all seeds" in capsys.readouterr().out
    summary = (out / "summary.md").read_text()
    tables = [(out / f"seed-{seed}" / "metrics.csv").read_text().splitlines() for seed in (0, 1)]
    at = tables[0][0].split(",").index("held-out accuracy")
    values = [float(table[-1].split(",")[at]) for table in tables]
    shown = " | ".join(f"{value:.2%}" for value in (*values, sum(values) / 2))
    assert f"| held-out accuracy | {shown} |" in summary
    assert "is kept" in summary and "(curves.svg)" in summary
    for folder in (out, out / "seed-0", out / "seed-1"):
        assert {"summary.html", "summary.md", "curves.svg"} <= {one.name for one in folder.iterdir()}
    assert (out / "seed-1" / "confusion.svg").exists()
