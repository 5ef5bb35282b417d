"""`archlang diff`: what changed from one net to another, and how the counts changed."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option
from archlang.cli.nets import chosen_nets, to_the_right

if TYPE_CHECKING:
    from archlang.diff import Diff, Row
    from archlang.sheets import Cell

_PLAIN = ("kind", "before", "after", "layer", "change", "output_before", "output_after", "params", "macs")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--all",
        action="store_true",
        help="list each layer whose shape or counts changed only because of changes before it",
    )
    format_option(parser, "csv", "md")
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
    print(_for_people(found, names, arguments) if for_people else _for_programs(found, names, arguments.format))
    return int(arguments.exit_code and not found.same)


# ---- for people


def _for_people(found: Diff, names: tuple[str, str], arguments: argparse.Namespace) -> str:
    from archlang.diff.table import sheet_of
    from archlang.sheets import as_markdown, as_text

    sheet = sheet_of(found, names, arguments.all)
    if sheet is None:
        return f"{' and '.join(dict.fromkeys(names))}: no difference"
    return as_markdown(sheet) if arguments.format == "md" else as_text(to_the_right(sheet, 5, 6)).strip("\n")


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
