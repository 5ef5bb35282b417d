"""`archlang why`: the formulas of a layer with its numbers, or the parts of a sum."""

from __future__ import annotations

import argparse

from archlang.cli.command import Command, checked_net, format_option


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        default="",
        metavar="PATH",
        help="a path in the report, such as layer1.0.conv2 (default: the whole net)",
    )
    format_option(parser)


def _why(arguments: argparse.Namespace) -> int:
    from archlang.why import why
    from archlang.why.text import why_text

    checked = checked_net(arguments)
    answer = why(checked.graphs[0], arguments.path)
    if arguments.format == "json":
        import json

        print(json.dumps(answer.to_json(), indent=2))
    else:
        print(why_text(answer, checked.sources))
    return 0


WHY = Command("explain the shape, parameters and MACs of a layer, with the numbers filled in", _why, _options)
