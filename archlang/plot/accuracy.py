"""Accuracy against work, as Canziani, Paszke and Culurciello 2017 draw it (arXiv:1605.07678, figure 2).

The x axis has the multiply-accumulates of one image, the y axis the accuracy; the area of a circle is proportional to
the parameters.
"""

# matplotlib's own types leave out those of keywords
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10, sqrt
from typing import TYPE_CHECKING

from archlang.plot.labels import Box, Circle, placed
from archlang.plot.paper import COLOURS, FAINT, INK, check_format, figure, look, renderer_of, saved, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST = 54.0  # points across the circle of the net with most parameters
CROWD = 24  # nets from which the figure is larger, and its letters smaller
_FRAME = 0.068, 0.09, 0.762, 0.88  # of the axes in the figure: left, low, width, height
_BESIDE = 0.16  # of the figure's width, to the right of the axes
_HATCHES = ("", "////", "....")  # of the families that share a colour


@dataclass(frozen=True, slots=True)
class Point:
    """A net: multiply-accumulates for one image, parameters, and accuracy in percent.

    Nets of one `family` have one colour. `side` is the size in pixels of the images if it is to stand beside the name.
    If the accuracy was measured on images of another size than that of the counts, `same_size` is False, and the circle
    is dashed.
    """

    name: str
    family: str
    macs: int
    params: int
    accuracy: float
    same_size: bool = True
    side: int | None = None

    @property
    def label(self) -> str:
        """What stands beside the circle."""
        return f"{self.name}, {self.side} px" if self.side else self.name


def accuracy_plot(points: Sequence[Point], format: str, log: bool = False, label: str = "accuracy, %") -> bytes:
    """Return the bytes of a file of that format; `log` gives MACs a logarithmic axis, `label` names the other.

    Raises `Rejected` as `check_format` does, and ValueError if there is no point, or if one has no MACs and the axis is
    logarithmic.
    """
    check_format(format)
    if not points:
        raise ValueError("a plot shows at least one net")
    without = [point.name for point in points if not point.macs]
    if log and without:
        raise ValueError(f"a logarithmic axis has no place for nets without MACs: {', '.join(without)}")
    with look():
        crowded = len(points) > CROWD
        made = figure(12.5, 8.2) if crowded else figure(9.2, 5.8)
        axes = made.add_axes(_FRAME)
        _draw_axes(axes, points, log, label)
        styles = _styles(points)
        _draw_circles(axes, points, styles)
        _draw_names(made, axes, points, 7.0 if crowded else 8.5)
        _draw_families(axes, styles)
        _draw_sizes(made, points)
        return saved(made, format)


def _area(params: int, most: int) -> float:
    """Square points of a circle's bounding square, as matplotlib has it."""
    return LARGEST**2 * params / most if most else 0.0


def _styles(points: Sequence[Point]) -> dict[str, tuple[str, str]]:
    """Return the colour and the hatch of each family, in the order in which they come."""
    families = dict.fromkeys(point.family for point in points)
    count = len(COLOURS)
    return {family: (COLOURS[at % count], _HATCHES[at // count % len(_HATCHES)]) for at, family in enumerate(families)}


def _draw_axes(axes: Axes, points: Sequence[Point], log: bool, label: str) -> None:
    """Draw the axes, wide enough for every circle."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    macs, accuracies = [point.macs for point in points], [point.accuracy for point in points]
    if log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        decades = max(log10(max(macs) / min(macs)), 0.3)
        axes.set_xlim(min(macs) / 10 ** (decades * 0.09), max(macs) * 10 ** (decades * 0.09))
    else:
        most = max(*macs, 1)
        axes.set_xlim(-most * 0.06, most * 1.1)
    room = max(max(accuracies) - min(accuracies), 1.0) * 0.12
    axes.set_ylim(min(accuracies) - room, min(max(accuracies) + room, 104))
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xlabel("multiply-accumulates for one image")
    axes.set_ylabel(label)
    axes.grid(visible=True)
    axes.tick_params(length=0)


def _tick(value: float, _: object) -> str:
    return short(value)


def _draw_circles(axes: Axes, points: Sequence[Point], styles: dict[str, tuple[str, str]]) -> None:
    most = max(point.params for point in points)
    for point in sorted(points, key=lambda point: -point.params):
        colour, hatch = styles[point.family]
        line = "-" if point.same_size else (0, (2.5, 1.8))
        at, area = ([point.macs], [point.accuracy]), _area(point.params, most)
        axes.scatter(*at, s=area, c=colour, alpha=0.35, linewidths=0, hatch=hatch, zorder=2)
        axes.scatter(*at, s=area, facecolors="none", edgecolors=colour, linewidths=1, linestyles=[line], zorder=3)
        axes.scatter(*at, s=5, c=colour, linewidths=0, zorder=4)


def _draw_names(made: Figure, axes: Axes, points: Sequence[Point], size: float) -> None:
    """Draw the names beside their circles, with a line to each name that had to be moved away."""
    renderer, scale = renderer_of(made), 72 / made.dpi
    most = max(point.params for point in points)
    circles: list[Circle] = []
    for point in points:
        x, y = axes.transData.transform((point.macs, point.accuracy)) * scale
        text = axes.text(0, 0, point.label, fontsize=size)
        told = text.get_window_extent(renderer)
        text.remove()
        radius = sqrt(_area(point.params, most)) / 2
        circles.append(Circle(float(x), float(y), radius, told.width * scale + 2, told.height * scale))
    frame = axes.get_window_extent(renderer)
    within = Box(frame.x0 * scale, frame.y0 * scale, frame.x1 * scale, frame.y1 * scale)
    for point, circle, box in zip(points, circles, placed(circles, within), strict=True):
        _draw_name(axes, point, circle, box, size)


def _draw_name(axes: Axes, point: Point, circle: Circle, box: Box, size: float) -> None:
    middle = ((box.left + box.right) / 2 - circle.x, (box.low + box.high) / 2 - circle.y)
    is_far = box.distance(circle.x, circle.y) > circle.radius + 5
    line = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 1.5}
    axes.annotate(
        point.label,
        (point.macs, point.accuracy),
        xytext=middle,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=size,
        color=INK,
        arrowprops=line if is_far else None,
        zorder=5,
    )


def _draw_families(axes: Axes, styles: dict[str, tuple[str, str]]) -> None:
    """Draw the families beside the axes, where they cover nothing."""
    from matplotlib.patches import Patch

    if len(styles) > 1:
        keys = [
            Patch(facecolor=f"{colour}66", edgecolor=colour, hatch=hatch, label=family)
            for family, (colour, hatch) in styles.items()
        ]
        axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(1.01, 1.01), handlelength=1.2)


def _draw_sizes(made: Figure, points: Sequence[Point]) -> None:
    """Draw the legend of areas: nested circles of round sizes, each with a line to its number."""
    most = max(point.params for point in points)
    wide, high = made.get_figwidth() * 72 * _BESIDE, LARGEST + 60
    axes = made.add_axes((1 - _BESIDE, _FRAME[1], _BESIDE, high / 72 / made.get_figheight()))
    axes.set(xlim=(0, wide), ylim=(0, high))
    axes.set_axis_off()
    sizes = _round_sizes(most)
    for size in sizes:
        area = _area(size, most)
        top = sqrt(area)
        axes.scatter([LARGEST / 2 + 8], [top / 2 + 2], s=area, facecolors="none", edgecolors=FAINT, linewidths=1)
        axes.plot([LARGEST / 2 + 8, LARGEST + 16], [top + 2, top + 2], color=FAINT, linewidth=0.6)
        axes.text(LARGEST + 19, top + 2, short(size), va="center_baseline", fontsize=8)
    if sizes:
        axes.text(8, LARGEST + 14, "parameters")
    if not all(point.same_size for point in points):
        axes.text(8, LARGEST + 32, "dashed: accuracy\nof larger images", fontsize=8, color=FAINT)


def _round_sizes(most: int) -> list[int]:
    """Return up to three round numbers of parameters, the largest at most `most`."""
    if most < 1:
        return []
    power = 10 ** int(log10(most))
    top = max(size for size in (1, 2, 5) if size * power <= most) * power
    return [size for size in (top // 20, top // 4, top) if size]
