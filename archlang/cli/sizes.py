"""`archlang sizes`: at which sizes of its inputs a net is valid."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from archlang.cli.command import Command, checked_net, format_option
from archlang.cli.tables import room_of, show_sheet, wide_option

if TYPE_CHECKING:
    from archlang.net.open_sizes import Sizes

MOST = 2**16  # the most sizes in a range


def sizes_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--range", action="append", default=[], dest="ranges", metavar="NAME=FROM..TO",
        help="the range of an open size to try (from 1 to twice the default); repeatable",
    )  # fmt: skip
    parser.add_argument("--sweep", action="store_true", help="print the costs at each valid size as a table")
    format_option(parser, "csv")
    wide_option(parser)


def ranges(texts: list[str]) -> dict[str, range]:
    """Parse `H=1..1024` as a range that includes its end."""
    from archlang.library import CallError

    found: dict[str, range] = {}
    for text in texts:
        match = re.fullmatch(r"(\w+)=(\d{1,9})\.\.(\d{1,9})", text)
        if match is None or not 1 <= int(match[2]) <= int(match[3]):
            raise CallError(f"--range {text}: write --range H=1..1024")
        found[match[1]] = range(int(match[2]), int(match[3]) + 1)
        if len(found[match[1]]) > MOST:
            raise CallError(f"--range {text}: at most {MOST:,} sizes are tried")
    return found


def _print_sweep(found: Sizes, format: str, room: int | None) -> None:
    """Print the costs at each valid size: the parameters stay the same, MACs and activations grow."""
    from archlang.net.open_sizes import costs
    from archlang.sheets import Sheet, as_csv

    for size in found.values():
        rows = [costs(one) for one in size.tried if one.counts is not None]
        table = tuple(tuple(row.values()) for row in rows)
        if format == "csv":
            print(as_csv(Sheet((size.name, *list(rows[0])[1:]), table)))
        else:
            show_sheet(Sheet((size.name, "parameters", "MACs", "output values", "output bytes"), table), room)


def _sizes(arguments: argparse.Namespace) -> int:
    from archlang.diagnostics import render
    from archlang.sizes import described

    costs = arguments.sweep or arguments.format == "json"
    checked = checked_net(arguments)
    found = checked.net.sizes(ranges(arguments.ranges), costs=costs)
    if arguments.format == "json":
        import json

        print(json.dumps(found.to_json(), indent=2))
        return 0
    if arguments.sweep:
        _print_sweep(found, arguments.format, room_of(arguments))
        return 0
    for size in found.values():
        print(f"{size.name}: {described(size)}")
    for size in found.values():
        wrong = size.telling
        if wrong is not None and wrong.wrong is not None:
            print(f"\n{size.name}={wrong.size} is not valid:\n{render(wrong.wrong, checked.sources)}")
    return 0


SIZES = Command("find the input sizes at which a net is valid", _sizes, sizes_options)
