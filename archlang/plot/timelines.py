"""The memory of nets over time: a panel for each, its operations from left to right, on one scale.

The area shows the bytes alive while each operation runs. Operations of repeated calls are drawn once, as wide as all of
them and as high as the highest.
"""

# matplotlib's own types leave out those of keywords
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from archlang.plot.paper import COLOURS, FAINT, INK, binary, check_format, figure, look, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from archlang.facts.memory import Memory

WIDTH, HEIGHT = 9.2, 2.9  # inches of a panel
LEFT, RIGHT, ABOVE, BELOW = 0.95, 2.3, 0.62, 0.4  # inches around its axes
_PHASES: Mapping[str, str] = dict(zip(("forward", "loss", "backward", "step"), COLOURS, strict=False))


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
    for phase, first, end in _phases(timeline):
        heights = [moment.peak_bytes for moment in moments[first:end]]
        axes.stairs(heights, ends[first : end + 1], fill=True, color=_PHASES[phase], alpha=0.75, linewidth=0, zorder=2)
        if ends[end] - ends[first] > ends[-1] * 0.03:
            middle = (ends[first] + ends[end]) / 2
            axes.text(middle, -0.03, phase, transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=8)
    _draw_peak(axes, timeline.memory, ends)


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
    lines = [f"{binary(size)}  {kind}" for kind, size in memory.by_kind.items() if size]
    axes.text(1.03, 1.0, "alive at the peak", transform=axes.transAxes, va="top", fontsize=8)
    axes.text(
        1.03, 0.86, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=7.5, color=FAINT, linespacing=1.5
    )


def _tick(value: float, _: object) -> str:
    return binary(value)
