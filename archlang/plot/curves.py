"""Curves over the epochs of a training run: a panel for each quantity, one below the other, on one axis of epochs."""

# matplotlib's own types leave out those of keywords
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archlang.plot.paper import COLOURS, check_format, figure, look, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 7.6, 2.3  # inches of a panel
LEFT, RIGHT, ABOVE, BELOW = 0.85, 1.75, 0.35, 0.45  # inches around its axes
FEW = 30  # up to so many epochs, each has a mark


@dataclass(frozen=True, slots=True)
class Curve:
    """The values of a quantity, one for each epoch."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves on one scale. `shares` are from 0 to 1, and shown as percentages; a `log` scale takes values above 0."""

    title: str
    curves: Sequence[Curve]
    shares: bool = False
    log: bool = False


def curves_plot(epochs: Sequence[float], panels: Sequence[Panel], format: str) -> bytes:
    """Return the bytes of a file of that format; the curves of each panel have one value for each of the `epochs`.

    Raises `Rejected` as `check_format` does, and ValueError if there is no panel or a curve of another length.
    """
    check_format(format)
    if not panels or any(len(curve.values) != len(epochs) for panel in panels for curve in panel.curves):
        raise ValueError("a plot shows at least one panel, with a value of each curve for each epoch")
    with look():
        height = HEIGHT * len(panels)
        made = figure(WIDTH, height)
        for at, panel in enumerate(panels):
            low = HEIGHT * (len(panels) - 1 - at) + BELOW
            place = (LEFT / WIDTH, low / height, (WIDTH - LEFT - RIGHT) / WIDTH, (HEIGHT - ABOVE - BELOW) / height)
            _draw(made.add_axes(place), epochs, panel)
        return saved(made, format)


def _draw(axes: Axes, epochs: Sequence[float], panel: Panel) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    if panel.log and all(value > 0 for curve in panel.curves for value in curve.values):
        axes.set_yscale("log")
    for at, curve in enumerate(panel.curves):
        colour = COLOURS[at % len(COLOURS)]
        mark = "o" if len(epochs) <= FEW else ""
        axes.plot(epochs, curve.values, color=colour, marker=mark, markersize=3, linewidth=1.4, label=curve.name)
    if panel.shares:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontsize=8)
    axes.tick_params(length=0)
    axes.grid(visible=True)
    axes.set_title(panel.title, loc="left")
    if len(panel.curves) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.04), fontsize=8, handlelength=1.2)
