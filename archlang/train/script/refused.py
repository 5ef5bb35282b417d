"""What a script cannot say: a located message for each setting, so that none is left out in silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any

from archlang.diagnostics import Diagnostic
from archlang.recipes.losses import LOSSES
from archlang.recipes.optimizers import OPTIMIZERS
from archlang.recipes.recipe import Freeze, Goal, Group, LossTerm, Named, Part, Penalty, Recipe, Schedule, Stage
from archlang.recipes.schedules import SCHEDULES, TIME_BASED, WARMUP
from archlang.recipes.transforms import MIXES, TRANSFORMS
from archlang.source import Span
from archlang.train.script.losing import COPIED, WITHOUT_CLASS
from archlang.train.script.plan import Plan, Script
from archlang.train.script.reading import kinds

WRITTEN = {
    Recipe: {
        "name", "net", "data", "losses", "optimizer", "batch", "epochs", "steps", "schedule", "stages", "mixes",
        "groups", "freezes", "metrics", "clip", "accumulate", "precision", "ema", "stop", "feeds", "goals", "seed",
        "span", "arguments", "origins", "penalties", "swa",
    },
    Part: {"word", "arguments", "span", "given"},
    LossTerm: {"part", "scale", "values", "own"},
    Group: {"targets", "settings", "span"},
    Freeze: {"targets", "until", "span"},
    Penalty: {"targets", "part"},
    Stage: {"where", "parts"},
    Schedule: {"parts", "by"},
    Named: {"text", "span"},
    Goal: {"metric", "comparison", "value", "seeds", "span"},
}  # fmt: skip
OWN = {"pcacolor"}  # transforms of archlang, which a script has as classes
_ARGUMENTS = {
    "held_out", "mode", "length", "by", "split", "classes", "ignore", "images", "masks", "labels", "most", "samples",
    "below", "seed", "target", "columns", "task", "standardize", "size",
}  # of kinds of data  # fmt: skip
_ONE_BY_ONE = {"custom", "imagefolder", "npy", "synthetic", "webdataset"}
_MEASURES = {"accuracy", "error", "loss", "perplexity", "iou", "mae", "rmse", "map"}


def refused(plan: Plan) -> list[Diagnostic]:
    """Return a diagnostic for everything in a recipe that a script cannot say."""
    recipe = plan.recipe
    found = list(_unknown(recipe, recipe.span, recipe))
    found += _words(recipe)
    if recipe.mixes and recipe.data.word in _ONE_BY_ONE and not _is_normalized(recipe):
        help = "write `normalize` in a `view` line"
        found.append(_not("`mix` of samples that are read one by one, without `normalize`", recipe.mixes[0].span, help))
    if any(layer.frozen for layer in plan.fitted.facts.layers):
        for freeze in recipe.freezes:
            if freeze.until is not None:
                found.append(_not("`freeze until=` in a net with frozen layers of its own", freeze.span))
    return found


def _is_normalized(recipe: Recipe) -> bool:
    """Return whether the samples of both parts pass a `normalize`."""
    stages = [(stage.where, part.word) for stage in recipe.stages for part in stage.parts]
    ways = {where for where, word in stages if word == "normalize"}
    return "view" in ways or ways >= {"augment", "evaluate"}


def _not(what: str, span: Span, help: str | None = None) -> Diagnostic:
    return Diagnostic("not-in-script", f"a training script cannot say {what}", span, help=help)


def _words(recipe: Recipe) -> Iterator[Diagnostic]:
    """Yield the words that name nothing of torch or torchvision, and no kind of data that a script reads."""
    if recipe.data.word not in kinds():
        listed = f"a script reads {', '.join(sorted(kinds()))}"
        yield _not(f"`data {recipe.data.word}`", recipe.data.span, listed)
        return
    for name in recipe.data.arguments:
        if name not in _ARGUMENTS:
            yield _not(f"`{name}` of `data {recipe.data.word}`", recipe.data.given.get(name, recipe.data.span))
    losses = {word: loss.known for word, loss in LOSSES.items()}
    schedules = {**SCHEDULES, "warmup": WARMUP, "timebased": TIME_BASED}
    for line, part, table in (
        *(
            ("loss", term.part, losses)
            for term in recipe.losses
            if term.part.word not in WITHOUT_CLASS and term.own is None
        ),
        ("optimizer", recipe.optimizer, OPTIMIZERS),
        *(("schedule", part, schedules) for part in recipe.schedule.parts),
        *((stage.where, part, TRANSFORMS) for stage in recipe.stages for part in stage.parts),
        *(("mix", part, MIXES) for part in recipe.mixes),
    ):
        if (
            part.word not in OWN and part.word not in COPIED and not table[part.word].name[0].isupper()
        ):  # it is archlang's, and no class of torch
            yield _not(f"`{line} {part.word}`", part.span)
    if len(recipe.schedule.parts) > 2 and recipe.schedule.parts[-1].word == "reduceonplateau":
        yield _not("`reduceonplateau` behind several schedules", recipe.schedule.parts[-1].span)
    for part in recipe.metrics:
        if part.word not in _MEASURES:
            yield _not(f"`metric {part.word}`", part.span)


def _unknown(value: Any, span: Span, recipe: Recipe) -> Iterator[Diagnostic]:
    """Yield the settings that the writers of a script do not know, wherever they differ from their defaults."""
    if isinstance(value, tuple):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _unknown(one, span, recipe)
        return
    if type(value) not in WRITTEN:
        return
    here = getattr(value, "span", span)
    for one in fields(value):
        held = getattr(value, one.name)
        if one.name in WRITTEN[type(value)]:
            yield from _unknown(held, here, recipe)
            continue
        is_set = bool(held) if one.default is MISSING else held != one.default
        if is_set:
            place = recipe.origins.get(one.name, getattr(held, "span", here))
            yield _not(f"`{one.name}`", place)


def clashes(plan: Plan, script: Script) -> list[Diagnostic]:
    """Return a diagnostic for each class of the net that has the name of something else in the script."""
    own = {row.split(" = ")[0] for row in script.constants if " = " in row}
    own |= {row.split()[-1] for row in script.imports}
    for text in script.functions:
        rows = [row for row in text.split("\n") if row.startswith(("def ", "class "))]
        own |= {row.partition("(")[0].split()[1] for row in rows}
    return [
        _not(f"two things called `{name}`: a class of the net, and a part of the script", plan.recipe.span)
        for name in sorted(own & plan.defined)
    ]
