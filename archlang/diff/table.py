"""The changes as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archlang.diff.listing import Row, rows
from archlang.facts.work import Totals
from archlang.sheets import Cell, Sheet
from archlang.sheets.fitting import Brief

if TYPE_CHECKING:
    from archlang.diff.comparing import Diff

HEADINGS = ("", "path", "layer", "change", "output", "parameters", "MACs")
_MARKS = {"added": "+", "removed": "-", "changed": "~", "follows": "="}


def sheet_of(found: Diff, names: tuple[str, str], every: bool, brief: bool = False) -> Sheet:
    """Return the changes as a table for people. `every` layer that only follows is listed; `brief` gives SI units."""
    written = list(rows(found.changes))
    shown = [row for row in written if every or row.change.kind != "follows" or row.change.is_port]
    told = {id(row) for row in shown}
    following = [row for row in written if id(row) not in told and not row.indent]
    before, after = found.totals
    cells = [_cells(row, brief) for row in shown]
    if following:
        cells.append(_followers(following, brief))
    above = (
        f"{names[0]} to {names[1]}",
        f"parameters: {_from_to(before.params, after.params)}",
        f"MACs: {_from_to(before.macs, after.macs)}",
    )
    total = ("", "total", "", "", "", *_differences(found.totals, brief))
    return Sheet(HEADINGS, tuple(cells), total, above=above)


def _cells(row: Row, brief: bool) -> tuple[Cell, ...]:
    change = row.change
    place = row.before if row.after is None else row.after
    if row.before and row.after and change.renamed and row.before != row.after:
        place = f"{row.before} → {row.after}"
    return (
        _MARKS[change.kind],
        "  " * row.indent + (place or ""),
        layer_text(row),
        said_text(row),
        " → ".join(dict.fromkeys(filter(None, change.shapes))),
        _signed(row.params, brief),
        _signed(row.macs, brief),
    )


def layer_text(row: Row) -> str:
    """Return a layer as written, `conv 3x3 64 pad=1`, if it was added, removed or replaced; else its word alone."""
    change = row.change
    if change.kind in ("added", "removed") or change.words[0] != change.words[1]:
        written = dict.fromkeys(row.written(side) for side in (0, 1) if change.words[side])
    else:
        written = dict.fromkeys(change.words)
    times = f" ×{change.times}" if change.times > 1 else ""
    return " → ".join(written) + times


def said_text(row: Row) -> str:
    """Return the changed arguments, as `stride 1 → 2`; a missing argument is written `none`."""
    change = row.change
    said = [f"{each.name} {each.before or 'none'} → {each.after or 'none'}" for each in change.arguments]
    said += ["renamed"] * change.renamed + ["moved"] * change.moved
    return ", ".join(said)


def _followers(following: Sequence[Row], brief: bool) -> tuple[Cell, ...]:
    count = sum(row.change.times * _layers(row) for row in following)
    called = "1 other layer" if count == 1 else f"{count} other layers"
    params, macs = sum(row.params for row in following), sum(row.macs for row in following)
    return (
        _MARKS["follows"],
        called,
        "",
        "follow" if count > 1 else "follows",
        "",
        _signed(params, brief),
        _signed(macs, brief),
    )


def _layers(row: Row) -> int:
    """Return the number of layers in a row that follows: one, or the layers within it."""
    return sum(1 for change in row.change.every() if not change.parts)


def _differences(totals: tuple[Totals, Totals], brief: bool) -> tuple[str, str]:
    before, after = totals
    return _signed(after.params - before.params, brief), _signed(after.macs - before.macs, brief)


def _signed(number: int, brief: bool) -> str:
    if brief and number:
        return f"{'+' if number > 0 else ''}{Brief(number)}"
    return f"{number:+,}" if number else ""


def _from_to(before: int, after: int) -> str:
    """Return two numbers and how they differ: `11,689,512 → 21,797,672 (+10,108,160, ×1.865)`."""
    if before == after:
        return f"{after:,}"
    return f"{before:,} → {after:,} ({after - before:+,}{_ratio(before, after)})"


def _ratio(before: int, after: int) -> str:
    """Return `, ×1.865`, with enough digits that different numbers are never shown as ×1."""
    texts = (f"{after / before:.{digits}g}" for digits in (4, 6, 9, 12, 17)) if before else ()
    return next((f", ×{text}" for text in texts if text != "1"), "")
