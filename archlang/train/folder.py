"""The folder of a run: the spec as it was, the settings, the table of results, and checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from platform import python_version
from typing import Any

from archlang.files import UNFINISHED, write_whole
from archlang.recipes import Recipe
from archlang.recipes.listing import listed
from archlang.recipes.recipe import Part
from archlang.source import Source

LAST, BEST, TABLE = "last.pt", "best.pt", "metrics.csv"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run."""

    path: Path

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.path / LAST

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.path / BEST

    def clean(self) -> None:
        """Remove what a run that was killed within a write left: files whose names no reader knows."""
        for left in self.path.glob(f"{UNFINISHED[0]}*{UNFINISHED[1]}"):
            left.unlink(missing_ok=True)

    def begin(self, recipe: Recipe, sources: Mapping[str, Source]) -> None:
        """Write what the run is made from."""
        self.path.mkdir(parents=True, exist_ok=True)
        for at, source in enumerate(sources.values()):
            name = "spec.arch" if at == 0 else f"used-{at}.arch"
            write_whole(self.path / name, f"# {source.name}\n{source.text}")
        write_whole(self.path / "settings.json", json.dumps(settings(recipe), indent=2) + "\n")

    def table(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write the table of results: a row for each epoch."""
        if rows:
            names = list(rows[0])
            lines = [",".join(names), *(",".join(_number(row[name]) for name in names) for row in rows)]
            write_whole(self.path / TABLE, "\n".join(lines) + "\n")


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else repr(value)


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return every setting of a recipe with its value, and where it was written; and the versions that run it."""
    import torch

    def part(one: Part | None) -> Any:
        return None if one is None else {one.word: dict(one.arguments)}

    return {
        "recipe": recipe.name,
        "net": recipe.net,
        "data": part(recipe.data),
        "stages": [{stage.where: [part(one) for one in stage.parts]} for stage in recipe.stages],
        "mixes": [part(one) for one in recipe.mixes],
        "losses": [
            {"scale": term.scale, "values": [value.text for value in term.values], "loss": part(term.part)}
            for term in recipe.losses
        ],
        "optimizer": part(recipe.optimizer),
        "groups": [{"targets": [target.text for target in group.targets], **group.settings} for group in recipe.groups],
        "freezes": [
            {"targets": [target.text for target in freeze.targets], "until": freeze.until} for freeze in recipe.freezes
        ],
        "schedule": {"by": recipe.schedule.by, "parts": [part(one) for one in recipe.schedule.parts]},
        "epochs": recipe.epochs,
        "steps": recipe.steps,
        "batch": recipe.batch,
        "accumulate": recipe.accumulate,
        "precision": recipe.precision,
        "clip": part(recipe.clip),
        "ema": part(recipe.ema),
        "swa": part(recipe.swa),
        "rest": None
        if recipe.rest is None
        else {"targets": [one.text for one in recipe.rest.targets], "optimizer": part(recipe.rest.part)},
        "penalties": [
            {"targets": [one.text for one in penalty.targets], **penalty.part.arguments} for penalty in recipe.penalties
        ],
        "stop": part(recipe.stop),
        "feeds": {name: source.text for name, source in recipe.feeds.items()},
        "metrics": [part(one) for one in recipe.metrics],
        "seed": recipe.seed,
        "origins": [[one.name, one.value, one.origin] for one in listed(recipe)],
        "versions": {"python": python_version(), "torch": torch.__version__},
    }
