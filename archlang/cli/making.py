"""`archlang render` and `archlang build`: what is made of a net and written to a file."""

from __future__ import annotations

import argparse
from pathlib import Path

from archlang.cli.command import Command, net_of


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


def _build(arguments: argparse.Namespace) -> int:
    from archlang.files import write_whole

    source = net_of(arguments).source()
    if arguments.output is None:
        print(source, end="")
    else:
        write_whole(arguments.output, source)
    return 0


RENDER = Command("draw a net as svg, png, pdf or dot", _render, _render_options)
BUILD = Command("print the PyTorch source of a net", _build, _build_options)
