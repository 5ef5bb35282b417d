"""The card of memory: the bytes alive over time as a small picture, and what they are at the peak."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from archlang.cards import card, table_html
from archlang.facts.memory.words import amount, described, where
from archlang.facts.untold import listed

if TYPE_CHECKING:
    from archlang.facts.memory.results import Memory

WIDE, HIGH = 640, 120
_COLOURS = {
    "forward": "#4878b8", "loss": "#3c9d8f", "recompute": "#8a7cc0", "backward": "#c4687c", "step": "#98923a",
}  # fmt: skip


def memory_card(made: Memory) -> str:
    """Return the card as HTML."""
    least = "at least " if made.untold else ""
    lines = [f"{described(made.setup)}: peak {least}{amount(made.peak_bytes)} {where(made.moment)}"]
    lines += [f"temporaries are missing: {listed(made.untold)}"] if made.untold else []
    kinds = [
        (kind, amount(size), f"{100 * size / made.peak_bytes:.1f}%") for kind, size in made.by_kind.items() if size
    ]
    table = table_html(("alive at the peak", "bytes", "share"), kinds, numbers=2)
    return card(made.name, lines, _picture(made), table)


def _picture(made: Memory) -> str:
    """Return an SVG without names of its own: an area for each phase, and a line to the peak."""
    ends = list(accumulate((moment.times for moment in made.timeline), initial=0))
    scale = WIDE / max(ends[-1], 1)
    most = max(made.peak_bytes, 1)
    areas = "".join(_areas(made, [end * scale for end in ends], HIGH / most))
    at = next(at for at, moment in enumerate(made.timeline) if moment == made.moment)
    x = (ends[at] + ends[at + 1]) / 2 * scale
    mark = f'<path d="M{x:.1f} {HIGH + 14}l-5 9h10z" fill="currentColor"/>'
    words = escape(f"memory over time, peak {amount(made.peak_bytes)} {where(made.moment)}")
    return (
        f'<svg viewBox="0 0 {WIDE} {HIGH + 26}" width="{WIDE}" height="{HIGH + 26}" role="img" aria-label="{words}">'
        f"{areas}{mark}</svg>"
    )


def _areas(made: Memory, ends: list[float], scale: float) -> Iterator[str]:
    for phase, run in groupby(enumerate(made.timeline), lambda one: one[1].phase):
        moments = list(run)
        first, last = moments[0][0], moments[-1][0]
        steps = "".join(
            f"V{HIGH + 10 - moment.peak_bytes * scale:.1f}H{ends[number + 1]:.1f}" for number, moment in moments
        )
        yield f'<path d="M{ends[first]:.1f} {HIGH + 10}{steps}V{HIGH + 10}z" fill="{_COLOURS[phase]}" opacity=".85">'
        yield f"<title>{escape(phase)}, {last - first + 1} operations</title></path>"
