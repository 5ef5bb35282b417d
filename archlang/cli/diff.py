"""`archlang diff`: what changed from one net to another, and how the counts changed."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option
from archlang.cli.nets import chosen_nets, to_the_right
from archlang.cli.tables import room_of, show_lines, show_sheet, wide_option

if TYPE_CHECKING:
    from archlang.diff import Diff, Row
    from archlang.sheets import Cell

_COUNTS = 5, 6  # the columns of signed counts, which are texts
_PLAIN = ("kind", "before", "after", "layer", "change", "output_before", "output_after", "params", "macs")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all",
        action="store_true",
        help="list each layer whose shape or counts changed only because of changes before it",
    )
    format_option(parser, "csv", "md")
    wide_option(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit with status 1 if the nets differ")


def _diff(arguments: argparse.Namespace) -> int:
    from archlang.diff import diff
    from archlang.library import CallError

    if len(arguments.spec) != 2:
        raise CallError(f"diff takes two SPECs, not {len(arguments.spec)}")
    before, after = chosen_nets(arguments, only=True)
    for_people = arguments.format in ("text", "md")
    found = diff(before.graph, after.graph, fold=for_people and not arguments.all)
    names = before.name, after.name
    if not for_people:
        print(_for_programs(found, names, arguments.format))
    elif found.same:
        print(f"{' and '.join(dict.fromkeys(names))}: no difference")
    else:
        _show(found, names, arguments)
    return int(arguments.exit_code and not found.same)


# ---- for people


def _show(found: Diff, names: tuple[str, str], arguments: argparse.Namespace) -> None:
    """Print the table of changes; where it is too wide even with SI units, a list of them."""
    from archlang.diff.table import sheet_of
    from archlang.sheets import as_markdown
    from archlang.sheets.fitting import fits, listed

    made, room = sheet_of(found, names, arguments.all), room_of(arguments)
    if arguments.format == "md":
        print(as_markdown(made))
        return
    sheet = to_the_right(made, *_COUNTS)
    if room is not None and not fits(sheet, room):
        sheet = to_the_right(sheet_of(found, names, arguments.all, brief=True), *_COUNTS)
    if room is None or fits(sheet, room):
        show_sheet(sheet, room)
    else:
        show_lines(listed(made, room, heads=3))


# ---- for programs


def _for_programs(found: Diff, names: tuple[str, str], format: str) -> str:
    from archlang.diff import rows
    from archlang.sheets import Sheet, as_csv

    if format == "csv":
        return as_csv(Sheet(_PLAIN, tuple(map(_plain, rows(found.changes)))))
    import json

    return json.dumps(replace(found, names=names).to_json(), indent=2)


def _plain(row: Row) -> tuple[Cell, ...]:
    from archlang.diff.table import layer_text, said_text

    shapes = row.change.shapes
    return (
        row.change.kind,
        row.before or "",
        row.after or "",
        layer_text(row),
        said_text(row),
        *shapes,
        row.params,
        row.macs,
    )


DIFF = Command(
    "show what changed from one net to another, and by how much the counts changed", _diff, _options, spec="many"
)
