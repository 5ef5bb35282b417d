"""`archlang export`: a net with its weights as a file that runs without archlang, checked before it is written."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from archlang.cli.command import Command, checked_net
from archlang.cli.output import check_target, output_options, weights_file_options
from archlang.export import FORMATS, SUFFIXES, format_of

if TYPE_CHECKING:
    from archlang.export import Exported
    from archlang.ir import Graph


def _options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Instead of a SPEC, name a run's folder: it knows net and weights."
    output_options(parser, "the file to write", required=True)
    parser.add_argument(
        "--format", choices=FORMATS, help=f"the format (default: by the suffix of FILE: {', '.join(SUFFIXES)})"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="a file of weights or the folder of a run (the run's best.pt)"
    )
    weights_file_options(parser)


def _export(arguments: argparse.Namespace) -> int:
    """Write the file, and print what it takes and how it was checked."""
    from archlang.compiler import CallError

    format = format_of(arguments.output, arguments.format)
    if format is None:
        raise CallError(f"-o {arguments.output}: no format has this suffix; name one of --format {', '.join(FORMATS)}")
    graph, read, weights = _found(arguments)
    check_target(arguments.output, arguments, [*read, *([weights] if weights else [])])
    print(_exported(graph, weights, format, arguments))
    if weights is None:
        print("note: the weights are random, those of seed 0; --weights FILE gives trained ones", file=sys.stderr)
    return 0


def _found(arguments: argparse.Namespace) -> tuple[Graph, list[Path], Path | None]:
    """Return the net, the files that it was read from, and the file of its weights."""
    from archlang.compiler import CallError

    given: Path | None = arguments.weights
    if Path(arguments.spec).is_dir():
        from archlang.train.located import located
        from archlang.train.record import read_record

        if arguments.settings:
            raise CallError("--set: the folder of a run holds a net as it was compiled")
        return read_record(Path(arguments.spec)).graph, [], located(given or Path(arguments.spec))[0]
    checked = checked_net(arguments)
    if given is not None and given.is_dir():
        from archlang.train.located import located

        given = located(given)[0]
    return checked.graphs[0], checked.library.paths, given


def _exported(graph: Graph, weights: Path | None, format: str, arguments: argparse.Namespace) -> Exported:
    """Export the net with its weights: of a run's checkpoint with a moving average, those of the average."""
    from archlang.compiler import CallError, Net

    if weights is None:
        for option, value in (("--entry", arguments.entry), ("--scaled-input", arguments.scaled_input)):
            if value:
                raise CallError(f"{option} is for --weights: no file of weights is read")
        return Net(graph).export(arguments.output, format=format)
    from archlang.weights import WeightsFile, check_input, fitted_state, tensors

    found = tensors(weights, arguments.entry, preferred="average")
    state = fitted_state(graph, found, str(weights))
    check_input(graph, WeightsFile(weights, arguments.entry, arguments.scaled_input))
    module = Net(graph).module()
    module.load_state_dict(state)
    return Net(graph).export(arguments.output, module, format)


EXPORT = Command("write a net with its weights as onnx, pt2 or torchscript", _export, _options)
