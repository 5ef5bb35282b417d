"""The shipped recipes: each fits its net, and trains two steps here. Their full runs are in docs/training.md."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from archlang.cli import main
from archlang.paths import SPECS
from tests.train.recipes import file_of

RECIPES = SPECS / "recipes"
NAMES = [
    f"{path.relative_to(SPECS).with_suffix('').as_posix()}:{name}"
    for path in sorted(RECIPES.glob("*.arch"))
    for name in (one.text for one in file_of(path.read_text(encoding="utf-8")).recipes)
]


def test_all_are_found() -> None:
    assert len(NAMES) >= 11


@pytest.mark.parametrize("name", NAMES)
def test_each_trains(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", name]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{name.partition(':')[2]}: trains ")
    text = tmp_path / "text.txt"
    text.write_text("so much depends upon a red wheel barrow " * 200, encoding="utf-8")
    data = ["--data", str(text)] if name.startswith("recipes/gpt") else []
    warmup = (
        ["--set", "warmup=1"] if "(warmup=" in (SPECS / f"{name.partition(':')[0]}.arch").read_text("utf-8") else []
    )
    small = ["--set", "steps=2", "--set", "batch=8", *warmup]
    folder = tmp_path / "run"
    assert main(["train", name, *small, "--out", str(folder), *data]) == 0
    (row,) = csv.DictReader((folder / "metrics.csv").read_text(encoding="utf-8").splitlines())
    assert row["step"] == "2" and float(row["held-out loss"]) > 0
