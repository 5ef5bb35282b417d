"""`archlang render` draws a net, `archlang build` prints its PyTorch source."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import Command, allow_errors_option, checked_net, known_of, natural, positive, show_problems
from archlang.cli.memory import OPTIMIZER_NAMES, checked_format, memory_format_option, memory_or_save
from archlang.cli.output import check_target, output_options, weights_file_options

if TYPE_CHECKING:
    from archlang.compiler import Net
    from archlang.fit import Plan
    from archlang.ops.layouts import MemoryFormat
    from archlang.render import Look


def _render_options(parser: argparse.ArgumentParser) -> None:
    from archlang.render import COSTS, DIRECTIONS, STYLES, THEMES

    output_options(parser, "svg, png, pdf, tex (TikZ), dot or mmd (Mermaid), by its suffix", required=True)
    style = parser.add_mutually_exclusive_group()
    style.add_argument("--style", choices=STYLES, default="figure", help="a figure, boxes to scale, or every operator")
    style.add_argument("--full", action="store_const", const="full", dest="style", help="short for --style full")
    parser.add_argument("--direction", choices=DIRECTIONS, help="where it goes (the figure: right, full: down)")
    parser.add_argument(
        "--depth", type=natural, metavar="N", help="open N levels of the figure (default: about 14 items)"
    )
    parser.add_argument("--expand", action="append", default=[], metavar="PATH", help="open what is at this path")
    parser.add_argument("--costs", choices=COSTS, help="colour the boxes by what they cost")
    allow_errors_option(parser)
    parser.add_argument("--theme", choices=THEMES, help="the colours (svg: auto, others: light)")


def _render(arguments: argparse.Namespace) -> int:
    from archlang.compiler import Net
    from archlang.files import write_whole
    from archlang.library import CallError
    from archlang.render import FORMATS, picture

    format = arguments.output.suffix.lstrip(".").lower()
    if format not in FORMATS:
        raise CallError(
            f"{arguments.output}: the name of a picture must end in {', '.join('.' + name for name in FORMATS)}"
        )
    look = _look(arguments, format)
    if format not in look.formats:
        endings = ", ".join("." + name for name in look.formats)
        raise CallError(f"{arguments.output}: --style {look.style} is written as {endings}")
    checked = checked_net(arguments, allow_errors=arguments.allow_errors)
    check_target(arguments.output, arguments, checked.library.paths)
    if checked.diagnostics:
        show_problems(checked)
        write_whole(arguments.output, picture(known_of(checked), format, look=look))
        return 1
    write_whole(arguments.output, Net(checked.graphs[0]).render(format, look))
    return 0


def _look(arguments: argparse.Namespace, format: str) -> Look:
    """Return what the options ask of a picture."""
    from archlang.library import CallError
    from archlang.render import Look

    told = arguments
    try:
        look = Look(told.style, told.depth, tuple(told.expand), told.costs, told.theme, told.direction)
        look.theme_of(format)
    except ValueError as error:
        raise CallError(f"--style {told.style}: {error}") from None
    return look


def _build_options(parser: argparse.ArgumentParser) -> None:
    output_options(parser, "the file for the source (default: standard output)")
    parser.add_argument("--train", action="store_true", help="write the training of a recipe, as one Python file")
    parser.add_argument("--data", type=Path, metavar="PATH", help="with --train: the data that the file reads")
    parser.add_argument("--weights", type=Path, metavar="FILE", help=_WEIGHTS_HELP)
    parser.add_argument("--recompute", default="", metavar="PATHS", help=_RECOMPUTE_HELP)
    memory_format_option(parser)
    parser.add_argument(
        "--memory", type=memory_or_save, metavar="BYTES",
        help="recompute what lets a training step of --batch images fit in it, such as 24GiB, and print the plan; or "
        "`save`: keep less in training at little cost, with the same gradients",
    )  # fmt: skip
    parser.add_argument(
        "--optimize",
        choices=["inference"],
        help="in evaluation, apply each batch normalisation as a part of the convolution before it; the keys stay",
    )
    parser.add_argument("--batch", type=positive, metavar="N", help="with --memory: the batch of a step")
    parser.add_argument(
        "--optimizer", choices=OPTIMIZER_NAMES, help="with --memory: the optimizer whose state is counted (momentum)"
    )
    weights_file_options(parser)


_WEIGHTS_HELP = (
    "a .safetensors file, or one that torch.save wrote; checks that it fits the net. With -o NAME.py the weights are "
    "also written, to NAME.safetensors or NAME.pt, under the keys of the source"
)


_RECOMPUTE_HELP = "calls of blocks that the backward pass runs again, separated by commas, as `archlang fit` lists them"


def _build(arguments: argparse.Namespace) -> int:
    if arguments.train:
        from archlang.cli.training_script import build_script

        return build_script(arguments)
    from archlang.compiler import Net
    from archlang.files import write_whole
    from archlang.library import CallError
    from archlang.weights import WeightsFile, check_weights, converted

    if arguments.data is not None:
        raise CallError("--data is for --train: a net alone reads no data")
    checked = checked_net(arguments)
    net = Net(checked.graphs[0])
    file = WeightsFile(arguments.weights, arguments.entry, arguments.scaled_input) if arguments.weights else None
    if arguments.output is None:
        source = _source(net, arguments)
        if file is not None:
            check_weights(net.graph, file)
        print(source, end="")
        return 0
    beside = _checked_targets(arguments, checked.library.paths)
    source = _source(net, arguments)
    if file is not None:
        write_whole(beside, converted(net.graph, file))
    write_whole(arguments.output, source)
    return 0


def _source(net: Net, arguments: argparse.Namespace) -> str:
    """Return the source of a net, with the calls recomputed that `--recompute` names, in the `--memory-format`."""
    from archlang.facts.crashing import crashing
    from archlang.library import CallError

    format, recompute = checked_format(net.graph, arguments), arguments.recompute
    if arguments.memory == "save":
        return _slim(net, arguments, format)
    if arguments.memory is not None:
        plan = _planned(net, arguments, format)
        return net.source(plan.recomputed, format, arguments.optimize, slim=plan.slim)
    for name in ("batch", "optimizer"):
        if getattr(arguments, name) is not None:
            raise CallError(f"--{name} is for --memory: a source alone runs with any")
    try:
        paths = [path.strip() for path in recompute.split(",")] if recompute else []
        return net.source(paths, format, arguments.optimize)
    except ValueError as error:
        raise CallError(f"{'--memory-format' if format and crashing(net.graph) else '--recompute'}: {error}") from None


def _slim(net: Net, arguments: argparse.Namespace, format: MemoryFormat | None) -> str:
    """Return the source for `--memory save`; with a batch, print beside it what a step takes."""
    from archlang.facts.memory import Setup, memory
    from archlang.facts.memory.words import amount
    from archlang.library import CallError

    if arguments.recompute or arguments.optimize:
        raise CallError("--memory save is a plan for training by itself; give either that or another")
    source = net.source((), format, slim=True)
    if arguments.batch is not None:
        setup = Setup(arguments.batch, None, "training", arguments.optimizer or "momentum", memory_format=format)
        whole, less = (memory(net.graph, setup, slim=slim).with_scratch_bytes for slim in (False, True))
        out = sys.stdout if arguments.output else sys.stderr
        told = f"batch {setup.batch:,} takes {amount(less)}, where it took {amount(whole)}"
        out.write(f"{told}: normalised values are not kept for convolutions, but made again in the backward pass\n")
    return source


def _planned(net: Net, arguments: argparse.Namespace, format: MemoryFormat | None) -> Plan:
    """Return the plan for `--memory`; print it beside the source."""
    from archlang.cli.fit import plan_lines
    from archlang.facts.memory import Setup
    from archlang.fit import planned
    from archlang.library import CallError

    if arguments.recompute:
        raise CallError("--memory chooses what is recomputed; give either that or --recompute")
    if arguments.batch is None:
        raise CallError("--memory needs the batch of a step: --batch 32")
    setup = Setup(arguments.batch, None, "training", arguments.optimizer or "momentum", memory_format=format)
    try:
        found = planned(net.graph, setup, arguments.memory, slims=arguments.optimize is None)
    except ValueError as error:
        raise CallError(f"--memory: {error}") from None
    out = sys.stdout if arguments.output else sys.stderr  # the source is on standard output, or in a file
    out.write("".join(f"{line}\n" for line in plan_lines(net.graph, setup, arguments.memory, found)))
    return found


def _checked_targets(arguments: argparse.Namespace, read: list[Path]) -> Path:
    """Check the target of the source and that of the weights beside it. Returns the target of the weights."""
    from archlang.library import CallError
    from archlang.weights import is_safetensors

    weights: Path | None = arguments.weights
    read = [*read, weights] if weights else read
    check_target(arguments.output, arguments, read)
    beside: Path = arguments.output.with_suffix(".safetensors" if weights and is_safetensors(weights) else ".pt")
    if weights:
        check_target(beside, arguments, read)
        if beside == arguments.output:
            raise CallError(f"-o {beside}: source and weights would have the same name; give the source another one")
    return beside


RENDER = Command("draw a net as svg, png, pdf, TikZ, dot or Mermaid", _render, _render_options)
BUILD = Command("print the PyTorch source of a net, or of its training", _build, _build_options)
