"""What is shown of a run while it goes on: lines for people, events for TensorBoard."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from archlang.cli import main
from archlang.cli.progress import duration
from archlang.diagnostics import Rejected
from archlang.train.events import EVERY, Events
from archlang.train.running import Where, run
from archlang.train.session import Session
from tests.train.recipes import lines_of, recipe_of

TEXT = lines_of(metric="metric accuracy")


def test_a_run_tells_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("archlang.cli.progress.EVERY", 0.0)  # a line for each step
    Path("spec.arch").write_text(TEXT, encoding="utf-8")
    assert main(["train", "spec.arch"]) == 0
    out, err = capsys.readouterr()
    assert re.search(
        r"^epoch 2: training loss \d\.\d{4}, held-out loss \d\.\d{4}, held-out accuracy [\d.]+%$", out, re.MULTILINE
    )
    assert "summary: runs/run/summary.md" in out
    state = r"epoch 2, loss [\d.]+, held-out accuracy [\d.]+%, [\d,]+ images/s(, [\d.]+ [MG]iB in use)?"
    assert re.search(rf"^step 30 of 46, \d+ s left: {state}$", err, re.MULTILINE), err
    assert re.search(r"^step 46 after \d+ s, [\d,]+ images/s", err, re.MULTILINE)


def test_durations_have_two_units() -> None:
    assert [duration(one) for one in (0.4, 59.4, 60, 725, 12_000)] == [
        "0 s",
        "59 s",
        "1 min 0 s",
        "12 min 5 s",
        "3 h 20 min",
    ]


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Return the values of each tag by step, as TensorBoard reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    tags: Any = found.Tags()["scalars"]
    return {tag: {one.step: one.value for one in found.Scalars(tag)} for tag in tags}


class Stop(Exception):
    """Stands for what kills a run."""


def test_events_hold_the_losses_and_measures_of_an_interrupted_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archlang.train.running.SAVED_EVERY", 0.0)  # a checkpoint after each step
    made, losses = recipe_of(TEXT), dict[int, float]()
    for resume in (False, True):
        with Events(tmp_path) as events:

            def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
                events(session, loss, row)
                if loss is not None:
                    losses[session.step] = loss
                    if session.step == 31 and not resume:  # noqa: B023
                        raise Stop

            try:
                run(made.recipe, made.graph, Where(tmp_path, resume=resume), {}, show)
            except Stop:
                assert not resume
    found = scalars(tmp_path)
    assert list(found["step/loss"]) == list(range(EVERY, 47, EVERY))
    for step, loss in found["step/loss"].items():
        assert loss == pytest.approx(losses[step], rel=1e-6)
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("training loss", "held-out loss", "held-out accuracy", "lr"):
        expected = {int(row["step"]): pytest.approx(float(row[name]), rel=1e-6) for row in rows}
        assert found[f"epoch/{name}"] == expected


def test_tensorboard_is_asked_for_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(Rejected) as caught:
        Events(tmp_path)
    assert caught.value.code == "missing-extra" and "archlang[tensorboard]" in str(caught.value.help)
