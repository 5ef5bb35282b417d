"""Runs a recipe from the command line: options, progress, and what is printed of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from archlang.cli.output import check_target
from archlang.library import CallError

if TYPE_CHECKING:
    from archlang.ir import Graph
    from archlang.library import Library
    from archlang.recipes import Evaluated, Recipe
    from archlang.train.planning import MemoryPlan
    from archlang.train.running import Outcome
    from archlang.train.session import Session
    from archlang.train.world import World

INTERRUPTED = 130  # 128 and SIGINT's number


Tell = Callable[["Outcome", float], None]  # tells of a run that came to its end, and how many seconds it took


def run_or_launch(arguments: argparse.Namespace, made: Evaluated, library: Library, tell: Tell | None = None) -> int:
    """Train by a recipe in this process, or in those that torchrun starts; return the exit status.

    At its end, `tell` is called, and the epochs are told on standard error; without it, `-o` is written.
    """
    from archlang.packages import need

    need("torch", "a net is trained by")
    need("tqdm", "the progress of training is shown by")
    from archlang.train.launching import Places, check_places, launch, together
    from archlang.train.memory import check_device
    from archlang.train.world import is_launched

    if arguments.output is not None:
        check_target(arguments.output, arguments, library.paths)
    places = Places(arguments.devices, arguments.nodes, arguments.rendezvous)
    if not is_launched():
        check_device(arguments.device)
        check_places(places, arguments.device, arguments.shard, arguments.sync_batchnorm)
        if places.are_several:
            return launch(arguments.words, places)
    with together(arguments.device, arguments.shard, arguments.sync_batchnorm) as world:
        arguments.device = world.device(arguments.device)
        if world.is_first:
            return run_recipe(arguments, made, library, world, tell)
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            return run_recipe(arguments, made, library, world, tell)


def run_recipe(
    arguments: argparse.Namespace, made: Evaluated, library: Library, world: World, tell: Tell | None = None
) -> int:
    """Train by a recipe, print what happens, and return the exit status."""
    from archlang.train.data import check_path
    from archlang.train.memory import check_device, predicted
    from archlang.train.vision import check_transforms_of
    from archlang.train.world import shared

    recipe = made.recipe
    check_device(arguments.device)
    check_path(recipe.data, arguments.data)
    check_transforms_of(recipe, made.graph)
    folder = world.told(_folder(arguments, recipe.name) if world.is_first else Path())
    print(_headline(made) + (f", by {world.size:,} processes" if world.size > 1 else ""))
    plan = _planned(arguments, shared(recipe, world), made.graph, folder, world)
    again, slim = (plan.recomputed, plan.is_slim) if plan is not None else ((), False)
    print(predicted(shared(recipe, world), made.graph, arguments.device, world.here, again, slim=slim))
    run = partial(_run, arguments, library=library, world=world, plan=plan)
    if arguments.verify:
        return _verified(arguments, made, library, folder, world, run)
    began = perf_counter()
    outcome = run(made, folder=folder, aside=tell is not None)
    seconds = perf_counter() - began
    status = _told(outcome, folder, library, world)
    if status != 0 or not world.is_first:
        return status
    if tell is not None:
        tell(outcome, seconds)
    elif arguments.output is not None:
        print(f"checkpoint: {write_weights(outcome, made.graph, arguments.output, replace=True)}")
    return status


def write_weights(outcome: Outcome, graph: Graph, path: Path, *, replace: bool) -> Path:
    """Write the weights of a run's last epoch as a file of their own, and return its path.

    Without `replace`, the next free name is used if the file exists.
    """
    from archlang.train.checkpoints import read, save_weights
    from archlang.train.resuming import restore

    session, recipe = outcome.session, outcome.session.recipe
    restore(session, read(outcome.folder.last))
    meta = {"net": graph.name, "arguments": graph.arguments, "seed": recipe.seed, "epochs": int(outcome.last["epoch"])}
    return save_weights(path, session.measured.state_dict(), meta, replace=replace)


def _folder(arguments: argparse.Namespace, name: str) -> Path:
    """Return the folder of the run: that of `--resume`, that of `--out`, which must be new, or a free name."""
    from archlang.files import fresh_path, portable

    if arguments.resume is not None:
        if not any((arguments.resume / name).is_file() for name in ("last.pt", "settings.json")):
            raise CallError(f"--resume {arguments.resume}: that folder holds no run")
        chosen: Path = arguments.resume
        return chosen
    if arguments.out is None:
        return fresh_path(Path("runs") / portable(name))
    if arguments.out.exists() and any(arguments.out.iterdir()):
        raise CallError(f"--out {arguments.out}: that folder holds files; name a new one, or go on with --resume")
    out: Path = arguments.out
    return out


def _planned(
    arguments: argparse.Namespace, recipe: Recipe, graph: Graph, folder: Path, world: World
) -> MemoryPlan | None:
    """Return the plan for `--memory`, or for that of the run that goes on, and print it."""
    from archlang.train.planning import asked_before, planned

    budget = arguments.memory
    if budget is None and arguments.resume is not None:
        budget = world.told(asked_before(folder) if world.is_first else None)
    if budget is None:
        return None
    plan = planned(recipe, graph, budget, world)
    print(f"memory: {plan}")
    return plan


def _headline(made: Evaluated) -> str:
    from archlang.recipes.freezing import trained_params

    recipe = made.recipe
    count, unit = (recipe.steps, "step") if recipe.steps is not None else (recipe.epochs or 0, "epoch")
    length = f"{count:,} {unit}" + ("s" if count != 1 else "")
    params = trained_params(recipe, made.graph)
    return f"{recipe.name}: {recipe.net} with {params:,} trainable parameters, {length} in batches of {recipe.batch:,}"


def _run(
    arguments: argparse.Namespace,
    made: Evaluated,
    library: Library,
    folder: Path,
    world: World,
    plan: MemoryPlan | None,
    *,
    aside: bool = False,
) -> Outcome:
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
        world=world,
        plan=plan,
    )
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(aside=aside))
        events = stack.enter_context(Events(folder)) if arguments.tensorboard and world.is_first else None

        def show(session: Session, loss: float | None, row: Mapping[str, float] | None) -> None:
            progress(session, loss, row)
            if events is not None:
                events(session, loss, row)

        return run(made.recipe, made.graph, where, library.sources, show, print)


def _told(outcome: Outcome, folder: Path, library: Library, world: World) -> int:
    if outcome.interrupted:
        print(f"interrupted; checkpoint: {folder / 'last.pt'}; go on with --resume {folder}", file=sys.stderr)
        return INTERRUPTED
    if not world.is_first:
        return 0
    from archlang.train.summary import summarise

    why = summarise(outcome, library.sources)
    if why is not None:
        print(f"archlang: no pictures: {why}", file=sys.stderr)
    print(f"run: {folder}, with the weights of the last epoch in last.pt and of the best one in best.pt")
    print(f"summary: {folder / 'summary.md'}, with its pictures also in summary.html")
    return 0


def _verified(
    arguments: argparse.Namespace,
    made: Evaluated,
    library: Library,
    folder: Path,
    world: World,
    run: Callable[..., Outcome],
) -> int:
    """Train once for each seed that the recipe promises something for, and compare the means with its promises."""
    from archlang.train.figures import verdicts
    from archlang.train.seeds import summarise_seeds

    goals = made.recipe.goals
    if arguments.output is not None:
        raise CallError("--verify trains several times: `-o` takes the weights of one run")
    if not goals:
        raise CallError(f"--verify: {made.recipe.name} promises nothing, as `expect accuracy >= 0.98` would")
    runs: list[Sequence[Mapping[str, float]]] = []
    for seed in range(max(goal.seeds for goal in goals)):
        print(f"seed {seed}")
        one = replace(made, recipe=replace(made.recipe, seed=seed))
        outcome = run(one, folder=folder / f"seed-{seed}")
        status = _told(outcome, folder / f"seed-{seed}", library, world)
        if status != 0:
            return status
        runs.append(outcome.rows)
    last = [{name.removeprefix("held-out "): value for name, value in rows[-1].items()} for rows in runs]
    found = verdicts(goals, last)
    print("\n".join(map(str, found)))
    if world.is_first:
        summarise_seeds(folder, made.recipe, runs, found)
        print(f"summary: {folder / 'summary.md'}, of all seeds, with their curves also in summary.html")
    return 0 if all(one.is_kept for one in found) else 1
