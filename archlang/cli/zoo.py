"""`archlang zoo`: lists the shipped nets with counts, year and published accuracy."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option
from archlang.cli.tables import room_of, show_sheet, wide_option

if TYPE_CHECKING:
    from pathlib import Path

    from archlang.zoo import Entry, Selection

ORDERS = ("name", "params", "macs", "year", "top1")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SHOWN = ("name", "params", "macs", "input", "year", "top1", "measured_on", "weights")
_HEADINGS = ("net", "parameters", "MACs", "input", "year", "top-1 %", "at px", "published as")
_GIVING_WAY = (7, 3, 4, 6, 1)  # the columns that go first where a terminal is narrow
_PLAIN = ("name", "family", "params", "macs", "input", "year", "arxiv", "top1", "top5", "measured_on", "weights")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="names of nets, or patterns such as 'resnet*' (default: all)"
    )
    parser.add_argument(
        "--family",
        action="append",
        default=[],
        metavar="NAME",
        help="only nets of this file of shipped specs, or of a pattern such as 'lectures/*'; repeatable",
    )
    parser.add_argument(
        "--max-params", type=_number, default=inf, metavar="N", help="at most N parameters, such as 30M"
    )
    parser.add_argument("--max-macs", type=_number, default=inf, metavar="N", help="at most N MACs, such as 1.5G")
    parser.add_argument("--min-top1", type=float, metavar="PERCENT", help="at least this published top-1 accuracy")
    parser.add_argument(
        "--sort", choices=ORDERS, default="", help="sort by this column (default: the order of the files)"
    )
    parser.add_argument("--print", action="store_true", help="print the text of the spec that holds these nets")
    parser.add_argument("--descending", action="store_true", help="sort the largest first")
    format_option(parser, "csv")
    wide_option(parser)


def _number(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text.replace("_", ""))
    if match is None:
        raise argparse.ArgumentTypeError(f"{text} is not a number such as 30M")
    return float(match[1]) * _UNITS[match[2]]


def _zoo(arguments: argparse.Namespace) -> int:
    from archlang.sheets import Sheet, as_csv
    from archlang.zoo import Selection, selected

    selection = Selection(
        tuple(arguments.names),
        tuple(arguments.family),
        arguments.max_params,
        arguments.max_macs,
        arguments.min_top1,
        arguments.sort,
        arguments.descending,
    )
    if arguments.print:
        print(_text(selection), end="")
        return 0
    chosen = selected(_entries(selection), selection)
    if arguments.format == "json":
        import json
        from dataclasses import asdict

        print(json.dumps([asdict(one) for one in chosen], indent=2))
    elif arguments.format == "csv":
        rows = tuple(tuple(_cell(one, name, "") for name in _PLAIN) for one in chosen)
        print(as_csv(Sheet(_PLAIN, rows)))
    elif chosen:
        rows = tuple(tuple(_cell(one, name, "-") for name in _SHOWN) for one in chosen)
        show_sheet(Sheet(_HEADINGS, rows), room_of(arguments), _GIVING_WAY)
    else:
        print("no shipped net matches")
    return 0


def _text(selection: Selection) -> str:
    """Return the text of the one shipped spec that is selected, by its own name or by those of its nets."""
    from archlang.library import CallError
    from archlang.shipped import near_shipped, shipped_nets
    from archlang.zoo import may_hold

    if not selection.names and not selection.families:
        raise CallError("--print needs the name of a spec or net, as in `archlang zoo resnet18 --print`")
    named = [
        path
        for path, names in shipped_nets()
        if _family(path) in selection.names or may_hold(selection, _family(path), names)
    ]
    if len(named) > 1:
        raise CallError(f"these are in several specs; name one of {', '.join(map(_family, named))}")
    if not named:
        near = near_shipped(selection.names[0]) if selection.names else None
        raise CallError("no shipped net matches" + (f"; did you mean {near}?" if near else ""))
    return named[0].read_text(encoding="utf-8")


def _family(path: Path) -> str:
    from archlang.paths import SPECS

    return path.relative_to(SPECS).with_suffix("").as_posix()


def _entries(selection: Selection) -> Iterator[Entry]:
    """Count each net that needs no arguments and may be selected, by its name and its file."""
    from functools import partial

    from archlang.compiler import SpecError, check
    from archlang.paths import SPECS
    from archlang.shipped import shipped_nets
    from archlang.zoo import entry, may_hold

    for path, names in shipped_nets():
        family = _family(path)
        if not may_hold(selection, family, names):
            continue
        asked = partial(_may_be, selection, family)
        checked = check(str(path), root=SPECS, counts_alone=True, wanted=asked)
        if checked.diagnostics:
            raise SpecError(checked)
        for facts in checked.facts:
            yield entry(facts, family, checked.source.text)


def _may_be(selection: Selection, family: str, name: str) -> bool:
    from archlang.zoo import may_hold

    return may_hold(selection, family, [name])


def _cell(one: Entry, name: str, unknown: str) -> str | int:
    value: str | int | float | None = getattr(one, name)
    if value is None:
        return unknown
    if name in ("year", "measured_on"):  # as text: without a thousands separator, aligned to the left
        return str(value)
    return f"{value:.3f}" if isinstance(value, float) else value


ZOO = Command("list the shipped nets: counts, year, published accuracy", _zoo, _options, spec="")
