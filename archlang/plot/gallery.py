"""A gallery: pictures in rows, each with lines of text below it."""

# matplotlib's own types leave out those of keywords
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archlang.plot.paper import check_format, figure, look, saved, width_of

ACROSS = 5  # pictures in a row
SIDE, GAP, LINE, ABOVE = 1.25, 0.15, 0.15, 0.35  # inches: a picture, between two, a line of text, the title
LETTERS = 7.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and the lines below it. `pixels` is an array h x w or h x w x 3 of bytes."""

    pixels: Any
    lines: Sequence[str]


def gallery_plot(title: str, pictures: Sequence[Picture], format: str) -> bytes:
    """Return the bytes of a file of that format.

    Raises `Rejected` as `check_format` does, and ValueError if there is no picture.
    """
    check_format(format)
    if not pictures:
        raise ValueError("a gallery shows at least one picture")
    with look():
        wide = max(SIDE, width_of([line for one in pictures for line in one.lines], LETTERS))
        high = SIDE + LINE * max(len(one.lines) for one in pictures)
        across = min(ACROSS, len(pictures))
        rows = -(-len(pictures) // across)
        width, height = (wide + GAP) * across + GAP, (high + GAP) * rows + ABOVE + GAP
        made = figure(width, height)
        made.text(GAP / width, 1 - ABOVE / 2 / height, title, va="center", fontsize=10)
        for at, one in enumerate(pictures):
            row, column = divmod(at, across)
            left = GAP + column * (wide + GAP) + (wide - SIDE) / 2
            top = ABOVE + row * (high + GAP)
            axes = made.add_axes((left / width, 1 - (top + SIDE) / height, SIDE / width, SIDE / height))
            axes.imshow(one.pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_axis_off()
            middle = (GAP + column * (wide + GAP) + wide / 2) / width
            text = "\n".join(one.lines)
            made.text(middle, 1 - (top + SIDE + 0.04) / height, text, ha="center", va="top", fontsize=LETTERS)
        return saved(made, format)
