"""Measures trained weights on the data of a recipe, or on other data of the same kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.recipes import Recipe
from archlang.recipes.fitting_data import misfits_of_data
from archlang.train.batches import held_out_batches
from archlang.train.data import Data, Sample, Samples, open_data
from archlang.train.located import located, measured_tensors
from archlang.train.record import Record
from archlang.train.session import session_of
from archlang.train.survival import restored
from archlang.train.transforming import Transformed, behind, transformed
from archlang.weights import fitted_state

Split = Literal["held-out", "training", "all"]
SPLITS: tuple[Split, ...] = ("held-out", "training", "all")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measures of some weights by name, and how many samples they are of. `weights` is the file they came from.

    `notes` tell what a reader must know to compare them with other figures.
    """

    measures: Mapping[str, float]
    samples: int
    weights: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """Which weights are measured, on which files and part of the data, and on which device."""

    weights: Path
    data: Path | None = None
    split: Split = "held-out"
    device: str = "cpu"
    workers: int = 0


def evaluate(recipe: Recipe, graph: Graph, where: Where) -> Evaluation:
    """Return what a recipe measures of trained weights.

    Raises `Rejected` if the weights do not fit the net, or the data does not fit the net, or has other classes than the
    data that the weights were trained on.
    """
    file, record = located(where.weights)
    given = measured_tensors(file)
    state = fitted_state(graph, given, str(file))
    data = open_data(recipe.data, where.data, graph)
    notes: list[str] = []
    samples = _prepared(recipe, data, where.split, record, notes)
    _check(recipe, graph, data, samples, record)
    with restored(where.device):
        session = session_of(recipe, graph, samples[0, 0], len(samples), len(data.classes), where.device)
        session = replace(session, average=None)
        session.module.load_state_dict(state)
        batches = held_out_batches(samples, -(-recipe.batch // recipe.accumulate), where.workers, where.device)
        return Evaluation(session.measure(batches), len(samples), file, tuple(notes))


def _prepared(recipe: Recipe, data: Data, split: Split, record: Record | None, notes: list[str]) -> Transformed:
    """Return the samples of a part of the data behind the transforms of held-out samples."""
    every: Mapping[Split, Samples] = {
        "held-out": data.held_out,
        "training": data.training,
        "all": Joined(data.training, data.held_out),
    }
    samples = every[split]
    own = [part.word for stage in recipe.stages if stage.where != "augment" for part in stage.parts]
    if record is not None and [one.word for one in record.transforms] == own:
        return behind(samples, record.transforms, recipe.seed)
    if record is not None:
        notes.append("the recipe has other transforms than the run of these weights: those of the recipe are used")
    if any(part.word == "normalize" and len(part.given) < 2 for stage in recipe.stages for part in stage.parts):
        notes.append("`normalize` takes mean and deviation from the training part of this data")
    _, held_out = transformed(recipe, data)
    return behind(samples, held_out.every, recipe.seed)


@dataclass(frozen=True, slots=True)
class Joined:
    """Samples of two parts, one behind the other."""

    first: Samples
    second: Samples

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, index: int) -> Sample:
        before = len(self.first)
        return self.first[index] if index < before else self.second[index - before]


def _check(recipe: Recipe, graph: Graph, data: Data, samples: Transformed, record: Record | None) -> None:
    """Raise `Rejected` if the samples do not fit the net, or their classes are others than those of the run."""
    if record is not None and record.classes and record.classes != data.classes:
        odd = next(
            (here, there)
            for here, there in zip([*data.classes, ""], [*record.classes, ""], strict=False)
            if here != there
        )
        message = f"the data has {len(data.classes)} classes and the weights were trained on {len(record.classes)}"
        message += f"; the first that differs is `{odd[0]}`, where they have `{odd[1]}`"
        raise Rejected("data-does-not-fit", message)
    shapes = {
        name: (tuple(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in samples[0, 0].items()
    }
    wrong = misfits_of_data(recipe, graph, shapes, len(data.classes), data.extremes)
    if wrong is not None:
        raise Rejected("data-does-not-fit", wrong)
