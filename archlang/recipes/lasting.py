"""How long schedules and other settings last, against the length of the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archlang.diagnostics import Diagnostic
from archlang.recipes.recipe import Clock, Recipe
from archlang.recipes.schedules import LENGTHS
from archlang.source import Span

# the argument of a schedule after which it changes nothing more, or before which it changes nothing
_REACHES = {
    "warmup": "length", "constant": "total_iters", "multistep": "milestones", "step": "step_size",
    "cosineannealingwarmrestarts": "T_0", "reduceonplateau": "patience", "cyclic": "step_size_up", **LENGTHS,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reach:
    """Something that needs a run of more than `last` of its units, or of so many if `is_end`."""

    told: str
    last: int
    unit: Clock
    span: Span
    is_end: bool = True
    is_whole: bool = False  # must be as long as the run


def reaches(recipe: Recipe) -> Iterator[Reach]:
    """Yield what a recipe says of the length of the run, with the place where it is written."""
    total = 0
    for part in recipe.schedule.parts:
        named = _REACHES.get(part.word, "")
        value = part.arguments.get(named)
        last = value[-1] if isinstance(value, tuple) else value
        own = last if isinstance(last, int) else 0
        unit: Clock = "epoch" if part.word == "reduceonplateau" else recipe.schedule.by
        total = total + own if unit == recipe.schedule.by else own  # a warm-up of steps takes no epochs of a plateau
        if named in part.given:
            message = f"`{part.word}` reaches to {unit} {total:,}"
            yield Reach(message, total, unit, part.given[named], is_whole=part.word == "onecycle")
    for freeze in recipe.freezes:
        if freeze.until is not None:
            yield Reach(f"frozen until epoch {freeze.until}", freeze.until, "epoch", freeze.span, is_end=False)
    if recipe.swa is not None:
        start = int(recipe.swa.number("start"))
        told = f"the average of `swa` begins behind epoch {start}"
        yield Reach(told, start, "epoch", recipe.swa.given["start"], is_end=False)


def outlasting(recipe: Recipe) -> Iterator[Diagnostic]:
    """Yield what is longer than the run, as far as both are counted alike."""
    runs = {"epoch": recipe.epochs, "step": recipe.steps}
    for reach in reaches(recipe):
        run = runs[reach.unit]
        if run is not None and too_long(reach, run):
            yield Diagnostic("out-of-range", told(reach, run), reach.span)


def told(reach: Reach, run: int) -> str:
    """Return the message about something that is longer than a run of so many of its units."""
    ends = f"the run ends at {reach.unit} {run:,}" if reach.is_end else f"the run has {run:,} {reach.unit}s"
    return f"{reach.told}, and {ends}"


def too_long(reach: Reach, run: int) -> bool:
    """Return whether something is longer than a run of so many of its units, or shorter where it must not be."""
    return reach.last > run or (reach.last == run and not reach.is_end) or (reach.is_whole and reach.last != run)
