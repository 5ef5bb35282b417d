"""The memory of nets over time: a panel for each, its operations from left to right, on one scale.

The bands show the bytes alive while each operation runs, by kind, what stays longest lowest. Operations of repeated
calls are drawn once, as wide as all of them and as high as the highest.
"""

# matplotlib's own types leave out those of keywords
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from archlang.facts.memory.heap import KINDS, Kind
from archlang.plot.paper import COLOURS, FAINT, GRID, INK, binary, check_format, figure, look, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from archlang.facts.memory import Memory

WIDTH, HEIGHT = 9.2, 2.9  # inches of a panel
LEFT, RIGHT, ABOVE, BELOW = 0.95, 2.3, 0.62, 0.4  # inches around its axes
_BANDS: Mapping[Kind, str] = {
    "parameters": COLOURS[0],
    "buffers": COLOURS[7],
    "optimizer state": COLOURS[6],
    "inputs": COLOURS[3],
    "kept by operators": COLOURS[4],
    "activations": COLOURS[1],
    "gradients of parameters": COLOURS[5],
    "gradients of activations": COLOURS[2],
    "temporaries": COLOURS[8],
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """The memory of a net, its name, and in words what is run."""

    name: str
    told: str
    memory: Memory


def timeline_plot(timelines: Sequence[Timeline], format: str) -> bytes:
    """Return the bytes of a file of that format.

    Raises `Rejected` as `check_format` does, and ValueError if there is no timeline.
    """
    check_format(format)
    if not timelines:
        raise ValueError("a plot shows at least one timeline")
    most = max(each.memory.peak_bytes for each in timelines)
    with look():
        height = HEIGHT * len(timelines)
        made = figure(WIDTH, height)
        for at, each in enumerate(timelines):
            low = HEIGHT * (len(timelines) - 1 - at) + BELOW
            place = (LEFT / WIDTH, low / height, (WIDTH - LEFT - RIGHT) / WIDTH, (HEIGHT - ABOVE - BELOW) / height)
            _draw(made.add_axes(place), each, most)
        return saved(made, format)


def _draw(axes: Axes, timeline: Timeline, most: int) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    moments = timeline.memory.timeline
    ends = list(accumulate((moment.times for moment in moments), initial=0))
    axes.set_xlim(0, max(ends[-1], 1))
    axes.set_ylim(0, max(most, 1) * 1.22)
    axes.yaxis.set_major_locator(MultipleLocator(2 ** max(0, max(most, 1).bit_length() - 2)))
    axes.yaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.grid(visible=True, axis="y")
    axes.set_title(timeline.name, loc="left", pad=14)
    axes.set_title(timeline.told, loc="right", pad=14, fontsize=8, color=FAINT)
    _draw_bands(axes, timeline.memory, ends)
    for phase, first, end in _phases(timeline):
        if first:
            across = axes.get_xaxis_transform()
            axes.vlines(ends[first], 0, 1, transform=across, color=GRID, linewidth=0.8, zorder=1)
        if ends[end] - ends[first] > ends[-1] * 0.03:
            middle = (ends[first] + ends[end]) / 2
            axes.text(middle, -0.03, phase, transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8)
    _draw_peak(axes, timeline.memory, ends)


def _draw_bands(axes: Axes, memory: Memory, ends: Sequence[int]) -> None:
    """Draw a band for each kind, one on top of the other."""
    below = [0] * len(memory.kinds)
    for kind in KINDS:
        tops = [low + sizes.get(kind, 0) for low, sizes in zip(below, memory.kinds, strict=True)]
        if tops != below:
            axes.stairs(tops, ends, baseline=below, fill=True, color=_BANDS[kind], alpha=0.8, linewidth=0, zorder=2)
        below = tops


def _phases(timeline: Timeline) -> Iterator[tuple[str, int, int]]:
    """Yield each phase with the number of its first moment, and of the first after it."""
    at = 0
    for phase, run in groupby(timeline.memory.timeline, lambda moment: moment.phase):
        count = sum(1 for _ in run)
        yield phase, at, at + count
        at += count


def _draw_peak(axes: Axes, memory: Memory, ends: Sequence[int]) -> None:
    """Draw the place of the peak, the operation that runs then, and beside the axes what is allocated."""
    at = next(at for at, moment in enumerate(memory.timeline) if moment.peak_bytes == memory.peak_bytes)
    middle = (ends[at] + ends[at + 1]) / 2
    axes.plot([middle], [memory.peak_bytes], marker=7, markersize=6, color=INK, zorder=4, clip_on=False)
    where = f"{memory.moment.path} ({memory.moment.op})" if memory.moment.path else memory.moment.op
    right = middle > ends[-1] / 2
    axes.annotate(
        f"peak {binary(memory.peak_bytes)}, {memory.moment.phase} of {where}",
        (middle, memory.peak_bytes),
        xytext=(-7 if right else 7, 4),
        textcoords="offset points",
        ha="right" if right else "left",
        fontsize=8,
        zorder=5,
    )
    _draw_kinds(axes, memory)


def _draw_kinds(axes: Axes, memory: Memory) -> None:
    """Draw beside the bands what they are, in their order, and how large each is at the peak."""
    from matplotlib.patches import Rectangle

    axes.text(1.03, 1.0, "alive at the peak", transform=axes.transAxes, va="top", fontsize=8)
    seen: list[Kind] = [kind for kind in KINDS if any(sizes.get(kind) for sizes in memory.kinds)]
    for at, kind in enumerate(reversed(seen)):
        height = 0.86 - at * 0.105
        square = Rectangle((1.03, height - 0.065), 0.016, 0.055, transform=axes.transAxes, clip_on=False)
        square.set(facecolor=_BANDS[kind], alpha=0.8, linewidth=0)
        axes.add_artist(square)
        told = f"{binary(memory.by_kind.get(kind, 0))}  {kind}"
        axes.text(1.055, height, told, transform=axes.transAxes, va="top", fontsize=7.5, color=FAINT)


def _tick(value: float, _: object) -> str:
    return binary(value)
