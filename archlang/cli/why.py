"""`archlang why`: the law of a layer with its numbers, or the sum of a scope by its parts."""

from __future__ import annotations

import argparse

from archlang.cli.command import Command, checked_net


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="?", default="", metavar="PATH", help="as in the report: layer1.0.conv2 (the net)"
    )
    parser.add_argument("--format", choices=["text", "json"], default="text", help="how it is printed")


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


WHY = Command("tell what a layer gives, weighs and costs, with the numbers filled in", _why, _options)
