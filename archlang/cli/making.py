"""`archlang render` and `archlang build`: what is made of a net and written to a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import Command, net_of

if TYPE_CHECKING:
    from archlang.compiler import Net


def _render_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="svg, png, pdf or dot, by its suffix"
    )


def _render(arguments: argparse.Namespace) -> int:
    from archlang.files import write_whole
    from archlang.library import CallError
    from archlang.render import FORMATS

    format = arguments.output.suffix.lstrip(".").lower()
    if format not in FORMATS:
        raise CallError(f"{arguments.output}: a picture ends in {', '.join('.' + name for name in FORMATS)}")
    write_whole(arguments.output, net_of(arguments).render(format))
    return 0


def _build_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where the source goes (standard output)")
    parser.add_argument("--weights", type=Path, metavar="FILE", help=_WEIGHTS_HELP)
    parser.add_argument("--entry", default="", metavar="NAME", help="which of several state dicts in the file")
    parser.add_argument(
        "--scaled-input", action="store_true", help="images will come in the range that a published file's net works on"
    )


_WEIGHTS_HELP = (
    "a .safetensors file, or what torch.save wrote, that has to fit the net; with -o NAME.py its weights are written "
    "beside, as NAME.safetensors or NAME.pt, under the names of the source"
)


def _build(arguments: argparse.Namespace) -> int:
    from archlang.files import write_whole

    net = net_of(arguments)
    source = net.source()
    weights = _weights(net, arguments) if arguments.weights else None
    if arguments.output is None:
        print(source, end="")
        return 0
    if weights is not None:
        write_whole(*weights)
    write_whole(arguments.output, source)
    return 0


def _weights(net: Net, arguments: argparse.Namespace) -> tuple[Path, bytes] | None:
    """Where the weights go that fit the source, and their bytes; None where they are only checked."""
    from archlang.library import CallError
    from archlang.weights import WeightsFile, check_weights, converted, is_safetensors

    file = WeightsFile(arguments.weights, arguments.entry, arguments.scaled_input)
    if arguments.output is None:
        check_weights(net.graph, file)
        return None
    target = arguments.output.with_suffix(".safetensors" if is_safetensors(file.path) else ".pt")
    if target.resolve() == file.path.resolve():
        raise CallError(f"--weights {file.path} would be overwritten; give the source another name")
    if target == arguments.output:
        raise CallError(f"-o {arguments.output}: the source cannot have the name of the weights beside it")
    return target, converted(net.graph, file)


RENDER = Command("draw a net as svg, png, pdf or dot", _render, _render_options)
BUILD = Command("print the PyTorch source of a net", _build, _build_options)
