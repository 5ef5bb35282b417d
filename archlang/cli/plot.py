"""`archlang plot`: nets by accuracy, MACs and parameters, or how a quantity is distributed over their layers."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlang.cli.command import Command, positive
from archlang.cli.nets import MANY_HELP, Chosen, chosen_nets
from archlang.cli.output import check_target, output_options
from archlang.shapes import SHORT_DTYPES

if TYPE_CHECKING:
    from archlang.plot import Point

QUANTITIES = ("macs", "params", "output_bytes", "saved_bytes", "memory")
RUN = ("batch", "dtype", "mode", "optimizer", "autocast", "memory_format")  # what memory over time depends on
PUBLISHED = "top-1 accuracy on ImageNet, %"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = MANY_HELP
    output_options(parser, "svg, png or pdf, by its suffix", required=True)
    parser.add_argument(
        "--accuracy",
        action="append",
        default=[],
        type=_accuracy,
        metavar="NAME=PERCENT",
        help="the accuracy of a net, instead of the published one; repeatable",
    )
    parser.add_argument("--log", action="store_true", help="MACs on a logarithmic axis")
    parser.add_argument(
        "--profile",
        choices=QUANTITIES,
        help="plot how this quantity is distributed over the layers, instead of accuracy",
    )
    parser.add_argument(
        "--depth", type=positive, metavar="N", help="sum the layers of a profile below N levels of their paths"
    )
    parser.add_argument("--full", action="store_true", help="a bar of a profile for each layer, however many there are")
    memory = parser.add_argument_group("memory over time", "as `archlang memory` takes them; with --profile memory")
    memory.add_argument("--batch", type=positive, metavar="N", help="batch size (1)")
    memory.add_argument("--dtype", metavar="DTYPE", help=f"one of {', '.join(SHORT_DTYPES)} (that of the spec)")
    memory.add_argument("--mode", metavar="MODE", help="training or inference (training)")
    memory.add_argument("--optimizer", metavar="NAME", help="the optimizer whose state is counted (momentum)")
    memory.add_argument("--autocast", metavar="DTYPE", help="run under torch.autocast with bf16 or fp16")
    memory.add_argument("--memory-format", metavar="FORMAT", help="convert inputs and weights to channels_last")


def _accuracy(text: str) -> tuple[str, float]:
    name, equals, value = text.rpartition("=")
    if not equals or not re.fullmatch(r"\d+(\.\d+)?", value) or not 0 <= float(value) <= 100:
        raise argparse.ArgumentTypeError(f"`{text}` is not NAME=PERCENT, such as resnet50=76.1")
    return name, float(value)


def _plot(arguments: argparse.Namespace) -> int:
    from archlang.files import write_whole

    format = _format(arguments)
    nets = chosen_nets(arguments)
    check_target(arguments.output, arguments, [file for net in nets for file in net.files])
    draw = _timelines if arguments.profile == "memory" else _profiles if arguments.profile else _accuracies
    write_whole(arguments.output, draw(arguments, nets, format))
    return 0


def _format(arguments: argparse.Namespace) -> str:
    """Return the format that the file's suffix names. Raises CallError for options that exclude each other."""
    from archlang.library import CallError
    from archlang.plot import FORMATS

    format: str = arguments.output.suffix.lstrip(".").lower()
    if format not in FORMATS:
        raise CallError(
            f"{arguments.output}: the name of a plot must end in {', '.join('.' + name for name in FORMATS)}"
        )
    if arguments.profile and (arguments.accuracy or arguments.log):
        raise CallError("--profile cannot be combined with --accuracy or --log")
    if arguments.depth and arguments.profile in (None, "memory"):
        raise CallError("--depth needs a profile by layers, such as --profile macs")
    if arguments.full and (arguments.depth or arguments.profile in (None, "memory")):
        raise CallError("--full needs a profile by layers, such as --profile macs, without --depth")
    for name in RUN:
        if getattr(arguments, name) is not None and arguments.profile != "memory":
            raise CallError(f"--{name.replace('_', '-')} needs --profile memory")
    return format


def _timelines(arguments: argparse.Namespace, nets: Sequence[Chosen], format: str) -> bytes:
    from archlang.facts.memory import memory, setup_of
    from archlang.facts.memory.words import described
    from archlang.library import CallError
    from archlang.plot import Timeline, timeline_plot

    given = {name: getattr(arguments, name) for name in RUN if getattr(arguments, name) is not None}
    try:
        setup = setup_of(given.pop("mode", "training"), given)
        found = [(net.name, memory(net.graph, setup)) for net in nets]
        least = {name: ", at least" if one.untold else "" for name, one in found}
        made = [Timeline(name, f"{described(setup)}{least[name]}", one) for name, one in found]
    except ValueError as error:
        raise CallError(str(error)) from None
    return timeline_plot(made, format)


def _profiles(arguments: argparse.Namespace, nets: Sequence[Chosen], format: str) -> bytes:
    from archlang.facts.untold import UnknownFact
    from archlang.library import CallError
    from archlang.plot import profile, profile_plot

    try:
        every = [profile(net.graph, arguments.profile, arguments.depth, net.name, arguments.full) for net in nets]
    except UnknownFact as error:
        raise CallError(str(error)) from None
    return profile_plot(every, format)


def _accuracies(arguments: argparse.Namespace, nets: Sequence[Chosen], format: str) -> bytes:
    from archlang.library import CallError
    from archlang.plot import accuracy_plot

    given = dict(arguments.accuracy)
    for name in given.keys() - {net.name for net in nets}:
        raise CallError(
            f"--accuracy {name}: no net of this plot has that name; the nets are {', '.join(net.name for net in nets)}"
        )
    points = {net.name: point for net in nets if (point := _point(net, given.get(net.name)))}
    unknown = [net for net in nets if net.name not in points]
    lacking = [net.name for net in unknown if net.alone] or ([] if points else [net.name for net in unknown])
    if lacking:
        raise CallError(f"no published accuracy is known for {', '.join(lacking)}; add --accuracy {lacking[0]}=PERCENT")
    if unknown:
        listed = ", ".join(net.name for net in unknown)
        print(f"archlang: left out, since their accuracy is not known: {listed}", file=sys.stderr)
    label = PUBLISHED if not given else "accuracy, %"
    try:
        made = accuracy_plot(list(points.values()), format, arguments.log, label)
    except ValueError as error:
        raise CallError(f"--log: {error}") from None
    bare = [name for name, point in points.items() if not point.params]
    if bare:
        print(f"archlang: a circle shows parameters, and there are none in {', '.join(bare)}", file=sys.stderr)
    return made


def _point(net: Chosen, given: float | None) -> Point | None:
    """Return the net as a point with the given or the published accuracy; None if neither is known."""
    from archlang.facts.net import NetFacts
    from archlang.plot import Point
    from archlang.zoo import entry, measured

    one = entry(NetFacts(net.graph), net.family, net.text)
    if given is not None:
        return Point(net.name, net.family, one.macs, one.params, given)
    found = measured(str(net.files[0]), net.graph, one) if net.as_shipped else None
    if found is None:
        return None
    macs = one.macs if found.macs is None else found.macs
    return Point(net.name, net.family, macs, one.params, found.top1, found.macs is not None, found.side)


PLOT = Command("plot nets: accuracy, work and parameters, or a profile", _plot, _options, spec="many")
