"""`archlang compare`: the figures of several nets, each with its ratio to the first net's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from archlang.cli.command import Command, format_option
from archlang.cli.nets import MANY_HELP, chosen_nets, to_the_right
from archlang.cli.tables import room_of, show_lines, show_sheet, wide_option

if TYPE_CHECKING:
    from archlang.compare import Figures
    from archlang.sheets import Cell, Sheet

MOST_BESIDE = 4  # up to this number, nets are columns; more are rows
_RATIO = "ratio"
_HEADINGS = {
    "depth": "weighted layers",
    "params": "parameters",
    "macs": "MACs",
    "backward_macs": "backward MACs",
    "output_values": "output values",
    "saved_bytes": "saved bytes",
}

Named = Sequence[tuple[str, "Figures"]]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.epilog = MANY_HELP
    format_option(parser, "csv", "md")
    wide_option(parser)


def _compare(arguments: argparse.Namespace) -> int:
    from archlang.compare import figures

    nets = [(net.name, figures(net.graph)) for net in chosen_nets(arguments)]
    if arguments.format == "text":
        _show(nets, room_of(arguments))
    else:
        print(_written(nets, arguments.format))
    return 0


def _written(nets: Named, format: str) -> str:
    from archlang.sheets import as_csv, as_markdown

    if format == "json":
        import json

        return json.dumps({"version": 1, "nets": [_as_json(name, one, nets[0][1]) for name, one in nets]}, indent=2)
    if format == "csv":
        return as_csv(_plain(nets))
    sheet = _beside(nets) if len(nets) <= MOST_BESIDE else _below(nets)
    # as_markdown aligns each column by its cell in the total
    return as_markdown(replace(sheet, rows=sheet.rows[:-1], total=sheet.rows[-1]))


def _show(nets: Named, room: int | None) -> None:
    """Print the table that fits: of few nets as columns, else, where that is too wide, as a list of the figures."""
    from archlang.sheets.fitting import briefed, fits, listed

    if len(nets) > MOST_BESIDE:
        sheet = _right(_below(nets))
        show_sheet(sheet, room, _giving_way(len(sheet.headings)))
        return
    sheet = _right(_beside(nets))
    brief = _right(briefed(_beside(nets)))
    if room is None or fits(sheet, room):
        show_sheet(sheet, None)
    elif fits(brief, room):
        show_sheet(brief, None)
    else:
        show_lines(listed(_joined(_beside(nets)), room))


def _right(sheet: Sheet) -> Sheet:
    """Return the table with its ratios aligned to the right."""
    return to_the_right(sheet, *(at for at, heading in enumerate(sheet.headings) if heading == _RATIO))


def _giving_way(count: int) -> tuple[int, ...]:
    """Return the columns of the table with a row for each net that go first: MACs and parameters stay longest."""
    last = [count - 1, count - 2]  # the input and the receptive field
    counts = [at for name in reversed(_HEADINGS) for at in _columns_of(name)]
    kept = [at for name in ("params", "macs") for at in _columns_of(name)]
    return (*last, *(at for at in counts if at not in kept))


def _columns_of(name: str) -> tuple[int, int]:
    """Return the columns of a figure in the table with a row for each net: its ratio, then the figure."""
    at = 1 + 2 * list(_HEADINGS).index(name)
    return at + 1, at


def _joined(sheet: Sheet) -> Sheet:
    """Return the table with a column for each net, each ratio put into the cell before it."""
    from archlang.sheets import Sheet, shown

    own = [at for at, heading in enumerate(sheet.headings) if heading != _RATIO]
    rows: list[tuple[Cell, ...]] = []
    for row in sheet.rows:
        cells = [*map(shown, row), ""]
        after = {at: cells[at + 1] for at in own if (*sheet.headings, "")[at + 1] == _RATIO}
        rows.append(tuple(f"{cells[at]} ({after[at]})" if after.get(at) else cells[at] for at in own))
    return Sheet(tuple(sheet.headings[at] for at in own), tuple(rows))


def _beside(nets: Named) -> Sheet:
    """Return a row for each figure and a column for each net; each net but the first has a column of ratios too."""
    from archlang.compare import COUNTS
    from archlang.sheets import Sheet

    base = nets[0][1]
    headings: list[str] = ["figure"]
    columns: list[list[Cell]] = [["input", "receptive field", *_HEADINGS.values()]]
    for at, (name, one) in enumerate(nets):
        headings.append(name)
        columns.append([*_words(one), *(_cell(one, count) for count in COUNTS)])
        if at:
            headings.append(_RATIO)
            columns.append(["", "", *_times([one], base)])
    return Sheet(tuple(headings), tuple(zip(*columns, strict=True)))


def _below(nets: Named) -> Sheet:
    """Return a row for each net and a column for each figure; each count has a column of ratios too."""
    from archlang.compare import COUNTS
    from archlang.sheets import Sheet

    every = [one for _, one in nets]
    headings = ["net"]
    columns: list[Sequence[Cell]] = [[name for name, _ in nets]]
    for count in COUNTS:
        headings += [_HEADINGS[count], _RATIO]
        columns += [[_cell(one, count) for one in every], _times(every, every[0], count)]
    headings += ["receptive field", "input"]
    columns += [[_words(one)[1] for one in every], [_words(one)[0] for one in every]]
    return Sheet(tuple(headings), tuple(zip(*columns, strict=True)))


def _plain(nets: Named) -> Sheet:
    """Return a row for each net, with the JSON's names as headings; a ratio to 0 is left empty."""
    from archlang.compare import COUNTS, ratio
    from archlang.sheets import Sheet

    base = nets[0][1]
    rows: list[tuple[Cell, ...]] = []
    for name, one in nets:
        cells: list[Cell] = [name, *_words(one, unknown="")]
        for count in COUNTS:
            times = ratio(getattr(one, count), getattr(base, count))
            cells += [_cell(one, count, unknown=""), "" if times is None else f"{times:.6g}"]
        rows.append(tuple(cells))
    names = [name for count in COUNTS for name in (count, f"{count}_ratio")]
    return Sheet(("net", "input", "receptive_field", *names), tuple(rows))


def _as_json(name: str, one: Figures, base: Figures) -> dict[str, object]:
    from archlang.compare import COUNTS, ratio

    input, field = _words(one, unknown="")
    return {
        "net": name,
        "input": input,
        "receptive_field": field or None,
        **{count: getattr(one, count) for count in COUNTS},
        "ratios": {count: ratio(getattr(one, count), getattr(base, count)) for count in COUNTS},
    }


def _cell(one: Figures, count: str, unknown: str = "?") -> Cell:
    found: int | None = getattr(one, count)
    return unknown if found is None else found


def _words(one: Figures, unknown: str = "-") -> tuple[str, str]:
    """Return the inputs and the receptive field as the language writes them."""
    from archlang.report.reach import SIZE, reach_text

    field = reach_text([one.receptive_field], SIZE) if one.receptive_field else ""
    return ", ".join(map(str, one.inputs)), field or unknown


def _times(every: Sequence[Figures], base: Figures, *counts: str) -> list[Cell]:
    """Return the ratios of these counts; of all counts if none is named."""
    from archlang.compare import COUNTS, ratio

    found = (ratio(getattr(one, name), getattr(base, name)) for one in every for name in counts or COUNTS)
    return ["-" if times is None else f"×{_rounded(times)}" for times in found]


def _rounded(times: float) -> str:
    """Format a ratio: two decimals, no decimals from 100 on, two significant digits below 0.1."""
    if times >= 100:
        return f"{times:,.0f}"
    return f"{times:.2f}" if times >= 0.1 else f"{times:.2g}"


COMPARE = Command("compare nets side by side, with ratios", _compare, _options, spec="many")
