"""A confusion matrix: how often samples of each class, a row, were taken for each class, a column."""

# matplotlib's own types leave out those of keywords
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence

from archlang.plot.paper import INK, check_format, figure, look, saved, width_of

NUMBERED, NAMED = 20, 60  # the most classes whose cells have numbers, and whose rows and columns have names
CELL, LEAST, MOST = 0.34, 2.6, 9.0  # inches of a cell, and of the whole matrix at least and at most
DARK = 0.55  # share of a row above which letters are white


def confusion_plot(counts: Sequence[Sequence[int]], classes: Sequence[str], format: str) -> bytes:
    """Return the bytes of a file of that format. `counts` has a row for each true class, a column for each prediction.

    Colours are shares of the row. Raises `Rejected` as `check_format` does, and ValueError if it is not square.
    """
    check_format(format)
    number = len(classes)
    if not number or len(counts) != number or any(len(row) != number for row in counts):
        raise ValueError(f"a confusion matrix of {number} classes has so many rows and columns")
    side = min(max(CELL * number, LEAST), MOST)
    names = list(classes) if number <= NAMED else []
    with look():
        room = 0.75 + width_of(names, 8)
        made = figure(room + side + 0.3, room + side + 0.3)
        whole = room + side + 0.3
        axes = made.add_axes((room / whole, 0.25 / whole, side / whole, side / whole))
        axes.imshow([_shares(row) for row in counts], cmap="Blues", vmin=0, vmax=1)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.tick_params(length=0)
        axes.set_xticks(range(len(names)), names, rotation=90 if width_of(names, 8) > 0.8 * CELL else 0, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        for at, row in enumerate(counts if number <= NUMBERED else ()):
            for column, (count, share) in enumerate(zip(row, _shares(row), strict=True)):
                if count:
                    colour = "white" if share > DARK else INK
                    axes.text(column, at, f"{count:,}", ha="center", va="center_baseline", fontsize=6.5, color=colour)
        return saved(made, format)


def _shares(row: Sequence[int]) -> list[float]:
    total = sum(row)
    return [count / total if total else 0.0 for count in row]
