"""`archlang sizes`: at which sizes of its inputs a net is valid."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option, settings_of

if TYPE_CHECKING:
    from archlang.facts.work import Totals
    from archlang.sizes import OpenSize

MOST = 2**16  # the most sizes in a range


def sizes_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--range", action="append", default=[], dest="ranges", metavar="NAME=FROM..TO",
        help="the range of an open size to try (from 1 to twice the default); repeatable",
    )  # fmt: skip
    parser.add_argument("--sweep", action="store_true", help="print the costs at each valid size as a table")
    format_option(parser, "csv")


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


def as_json(found: list[OpenSize]) -> str:
    """Return the valid sizes, the diagnostic at a size that is not valid, and the costs."""
    import json

    from archlang.diagnostics import as_json as diagnostic_json

    rows: list[dict[str, object]] = []
    for size in found:
        wrong = size.telling
        rows.append(
            {
                "name": size.name,
                "places": [{"input": port, "axis": axis} for port, axis in size.places],
                "default": size.default,
                "tried": [size.tried[0].size, size.tried[-1].size],
                "right": size.right,
                "wrong": wrong and wrong.wrong and {"size": wrong.size, **diagnostic_json(wrong.wrong)},
                "costs": [_costs(one.size, one.counts) for one in size.tried if one.counts is not None],
            }
        )
    return json.dumps({"version": 1, "sizes": rows}, indent=2)


def _costs(size: int, counts: Totals) -> dict[str, int]:
    return {
        "size": size, "params": counts.params, "macs": counts.macs, "output_values": counts.output_values,
        "output_bytes": counts.output_bytes,
    }  # fmt: skip


def _print_sweep(found: list[OpenSize], format: str) -> None:
    """Print the costs at each valid size: the parameters stay the same, MACs and activations grow."""
    from archlang.sheets import Sheet, as_csv, as_text

    for size in found:
        rows = [_costs(one.size, one.counts) for one in size.tried if one.counts is not None]
        table = tuple(tuple(row.values()) for row in rows)
        if format == "csv":
            print(as_csv(Sheet((size.name, *list(rows[0])[1:]), table)))
        else:
            print(as_text(Sheet((size.name, "parameters", "MACs", "output values", "output bytes"), table)).strip("\n"))


def _sizes(arguments: argparse.Namespace) -> int:
    from archlang.compiler import sizes_of
    from archlang.sizes import described

    costs = arguments.sweep or arguments.format == "json"
    checked, found = sizes_of(arguments.spec, settings_of(arguments), ranges(arguments.ranges), costs, arguments.root)
    if arguments.format == "json":
        print(as_json(found))
        return 0
    if arguments.sweep:
        _print_sweep(found, arguments.format)
        return 0
    for size in found:
        print(f"{size.name}: {described(size)}")
    for size in found:
        wrong = size.telling
        if wrong is not None and wrong.wrong is not None:
            print(f"\n{size.name}={wrong.size} is not valid:\n{checked.told(wrong.wrong)}")
    return 0


SIZES = Command("find the input sizes at which a net is valid", _sizes, sizes_options)
