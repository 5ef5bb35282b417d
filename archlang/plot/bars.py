"""Profiles as bars from top to bottom, in the order of the net; several nets are side by side."""

# matplotlib's own types leave out those of keywords
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from archlang.plot.paper import COLOURS, FAINT, GRID, OTHER, check_format, figure, look, saved, short, width_of
from archlang.plot.profiles import Bar, Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, THIN = 0.19, 0.115  # inches from bar to bar: up to MANY bars, and with more
MANY, MOST = 64, 140  # with more than MOST bars, names stand where a scope begins and nowhere else
TALLEST = 16.0  # inches that all bars of a net take at most
ABOVE, BELOW, ACROSS, GAP = 0.85, 0.55, 3.9, 0.35  # inches: around the bars, along the longest, between two nets
KEY = 1.3  # inches that a word of the legend takes
_TITLES = {"macs": "MACs", "params": "parameters", "output_bytes": "bytes of outputs", "saved_bytes": "saved bytes"}


def profile_plot(profiles: Sequence[Profile], format: str) -> bytes:
    """Return the bytes of a file of that format, with a panel for each net on one scale.

    Raises `Rejected` as `check_format` does, and ValueError if there is no profile or they are not of one quantity.
    """
    check_format(format)
    if len({each.quantity for each in profiles}) != 1:
        raise ValueError("a plot shows at least one profile, and all of one quantity")
    longest = max(1, *(len(each.bars) for each in profiles))
    letters = 8.0 if longest <= MANY else 5.5 if longest <= MOST else 7.0
    pitch = min(WIDE if longest <= MANY else THIN, TALLEST / longest)
    colours = _colours(profiles)
    with look():
        rooms = [width_of([name for _, name in _names(each)], letters) + GAP for each in profiles]
        width = sum(rooms) + (ACROSS + GAP) * len(profiles)
        keys = max(1, int(width / KEY))
        below = BELOW + 0.2 * ((len(colours) - 1) // keys)
        height = longest * pitch + ABOVE + below
        made = figure(width, height)
        most = max((bar.total for each in profiles for bar in each.bars), default=0)
        left = 0.0
        for each, room in zip(profiles, rooms, strict=True):
            tall = max(len(each.bars), 1) * pitch
            place = ((left + room) / width, 1 - (ABOVE + tall) / height, ACROSS / width, tall / height)
            axes = made.add_axes(place)
            _draw_axes(axes, each, most, letters)
            _draw_bars(axes, each, most, colours, longest <= MANY)
            left += room + ACROSS + GAP
        _draw_legend(made, colours, keys, below / 2 / height)
        return saved(made, format)


def _colours(profiles: Sequence[Profile]) -> dict[str, str]:
    """Return a colour for each operator, those with most of the quantity first; those beyond the palette share one."""
    totals = Counter[str]()
    for bar in (bar for each in profiles for bar in each.bars):
        totals.update(bar.values)
    words = sorted((word for word in totals if totals[word]), key=lambda word: (-totals[word], word))
    return {word: COLOURS[at] if at < len(COLOURS) else OTHER for at, word in enumerate(words)}


def _names(profile: Profile) -> Iterator[tuple[int, str]]:
    """Yield the names beside the bars, with their numbers: all, or of each scope of the net once."""
    if len(profile.bars) <= MOST:
        yield from ((at, bar.path) for at, bar in enumerate(profile.bars))
    else:
        yield from ((first, top) for top, first, _ in _tops(profile.bars))


def _tops(bars: Sequence[Bar]) -> Iterator[tuple[str, int, int]]:
    """Yield the first parts of the paths, each with the numbers of the bars from it up to the next."""
    at = 0
    for top, run in groupby(bars, lambda bar: bar.path.split(".")[0]):
        count = sum(1 for _ in run)
        yield top, at, at + count
        at += count


def _draw_axes(axes: Axes, profile: Profile, most: int, letters: float) -> None:
    """Draw the scale above the bars, the names beside them, and a band behind every second scope."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    unit = "B" if profile.quantity.endswith("bytes") else ""

    def told(value: float, _: object) -> str:
        return short(value, unit)

    count = max(len(profile.bars), 1)
    axes.set_xlim(0, max(most, 1) * 1.16)
    axes.set_ylim(count - 0.5, -0.5)
    named = list(_names(profile))
    axes.set_yticks([at for at, _ in named], [name for _, name in named], fontsize=letters)
    axes.xaxis.tick_top()
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(told))
    axes.tick_params(length=0)
    axes.tick_params(axis="x", labelsize=8, labelcolor=FAINT)
    axes.grid(visible=True, axis="x")
    for side in ("top", "bottom"):
        axes.spines[side].set_visible(False)
    title, total = _TITLES[profile.quantity], short(profile.total, unit)
    axes.set_title(f"{profile.name}: {f'{title}, {total}' if unit else f'{total} {title}'}", loc="left", pad=10)
    for number, (_, first, end) in enumerate(_tops(profile.bars)):
        if number % 2:
            axes.axhspan(first - 0.5, end - 0.5, color=GRID, alpha=0.45, linewidth=0, zorder=0)


def _draw_bars(axes: Axes, profile: Profile, most: int, colours: dict[str, str], told: bool) -> None:
    """Draw the bars, each divided into its operators, with sums at their ends if wanted."""
    unit = "B" if profile.quantity.endswith("bytes") else ""
    for word, colour in colours.items():
        with_it = [at for at, bar in enumerate(profile.bars) if bar.values.get(word)]
        before = [_before(profile.bars[at], word, colours) for at in with_it]
        values = [profile.bars[at].values[word] for at in with_it]
        axes.barh(with_it, values, left=before, height=0.74, color=colour, linewidth=0, zorder=2)
    for at, bar in enumerate(profile.bars if told else ()):
        axes.text(bar.total + most * 0.012, at, short(bar.total, unit), va="center_baseline", fontsize=6.5, color=FAINT)


def _before(bar: Bar, word: str, colours: dict[str, str]) -> int:
    """Return the part of a bar to the left of an operator."""
    words = list(colours)
    return sum(bar.values.get(other, 0) for other in words[: words.index(word)])


def _draw_legend(made: Figure, colours: dict[str, str], beside: int, height: float) -> None:
    """Draw the legend of the operators with a colour of their own, in rows below the bars."""
    from matplotlib.patches import Patch

    own = [(word, colour) for word, colour in colours.items() if colour != OTHER]
    keys = [Patch(color=colour, label=word) for word, colour in own]
    if len(own) < len(colours):
        keys.append(Patch(color=OTHER, label="others"))
    made.legend(
        handles=keys,
        loc="center left",
        bbox_to_anchor=(0.02, height),
        ncols=min(beside, len(keys)),
        fontsize=8,
        handlelength=1,
        handleheight=1,
        columnspacing=1.4,
    )
