"""Runs a recipe from the command line: options, progress, and what is printed of it."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.library import CallError

if TYPE_CHECKING:
    from archlang.library import Library
    from archlang.recipes import Evaluated
    from archlang.train.running import Outcome
    from archlang.train.session import Session

INTERRUPTED = 130  # 128 and SIGINT's number


def run_recipe(arguments: argparse.Namespace, made: Evaluated, library: Library) -> int:
    """Train by a recipe, print what happens, and return the exit status."""
    from archlang.train.data import check_path
    from archlang.train.memory import check_device, predicted

    recipe = made.recipe
    check_device(arguments.device)
    check_path(recipe.data, arguments.data)
    folder = _folder(arguments, recipe.name)
    if recipe.stages:
        check_transforms()
    print(_headline(made))
    print(predicted(recipe, made.graph, arguments.device))
    if arguments.verify:
        return _verified(arguments, made, library, folder)
    outcome = _run(arguments, made, library, folder)
    return _told(outcome, folder, library)


def check_transforms() -> None:
    """Import the transforms of images, and print a warning if they run without their compiled operators."""
    from archlang.train.vision import transforms_v2

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        transforms_v2()
    for one in told:
        print(f"archlang: {one.message}", file=sys.stderr)


def _folder(arguments: argparse.Namespace, name: str) -> Path:
    """Return the folder of the run: that of `--resume`, that of `--out`, which must be new, or a free name."""
    from archlang.files import fresh_path

    if arguments.resume is not None:
        if not any((arguments.resume / name).is_file() for name in ("last.pt", "settings.json")):
            raise CallError(f"--resume {arguments.resume}: that folder holds no run")
        chosen: Path = arguments.resume
        return chosen
    if arguments.out is None:
        return fresh_path(Path("runs") / name)
    if arguments.out.exists() and any(arguments.out.iterdir()):
        raise CallError(f"--out {arguments.out}: that folder holds files; name a new one, or go on with --resume")
    out: Path = arguments.out
    return out


def _headline(made: Evaluated) -> str:
    from archlang.facts.work import totals

    recipe = made.recipe
    count, unit = (recipe.steps, "step") if recipe.steps is not None else (recipe.epochs or 0, "epoch")
    length = f"{count:,} {unit}" + ("s" if count != 1 else "")
    params = totals(made.graph).trainable_params
    return f"{recipe.name}: {recipe.net} with {params:,} trainable parameters, {length} in batches of {recipe.batch:,}"


def _run(arguments: argparse.Namespace, made: Evaluated, library: Library, folder: Path) -> Outcome:
    from archlang.cli.progress import Progress
    from archlang.train.events import Events
    from archlang.train.running import Where, run

    where = Where(
        folder,
        arguments.data,
        arguments.device,
        arguments.workers,
        resume=arguments.resume is not None,
        anyway=arguments.resume_anyway,
        weights=arguments.weights,
        scaled_input=arguments.scaled_input,
    )
    with ExitStack() as stack:
        progress = stack.enter_context(Progress())
        events = stack.enter_context(Events(folder)) if arguments.tensorboard else None

        def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
            progress(session, loss, row)
            if events is not None:
                events(session, loss, row)

        return run(made.recipe, made.graph, where, library.sources, show, print)


def _told(outcome: Outcome, folder: Path, library: Library) -> int:
    if outcome.interrupted:
        print(f"interrupted; checkpoint: {folder / 'last.pt'}; go on with --resume {folder}", file=sys.stderr)
        return INTERRUPTED
    from archlang.train.summary import summarise

    why = summarise(outcome, library.sources)
    if why is not None:
        print(f"archlang: no pictures: {why}", file=sys.stderr)
    print(f"run: {folder}, with the weights of the last epoch in last.pt and of the best one in best.pt")
    print(f"summary: {folder / 'summary.md'}, with its pictures also in summary.html")
    return 0


def _verified(arguments: argparse.Namespace, made: Evaluated, library: Library, folder: Path) -> int:
    """Train once for each seed that the recipe promises something for, and compare the means with its promises."""
    from archlang.train.figures import verdicts

    goals = made.recipe.goals
    if not goals:
        raise CallError(f"--verify: {made.recipe.name} promises nothing, as `expect accuracy >= 0.98` would")
    rows: list[Mapping[str, float]] = []
    for seed in range(max(goal.seeds for goal in goals)):
        print(f"seed {seed}")
        one = replace(made, recipe=replace(made.recipe, seed=seed))
        outcome = _run(arguments, one, library, folder / f"seed-{seed}")
        if outcome.interrupted:
            return _told(outcome, folder / f"seed-{seed}", library)
        rows.append({name.removeprefix("held-out "): value for name, value in outcome.last.items()})
    found = verdicts(goals, rows)
    print("\n".join(map(str, found)))
    return 0 if all(one.is_kept for one in found) else 1
