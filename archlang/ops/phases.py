"""What each position sees of an axis, where it differs from position to position: tables, windows, parts of an axis."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from archlang.ops.answers import Ratio, Slide, Span


def phased(spans: Sequence[Span | None], step: Ratio, *, every: int = 1, axis: str = "") -> Slide:
    """Return the slide whose first positions see these spans, and the following ones the same, moved by the step.

    Its extent is that of the smallest window that moves by the step and holds what each position sees.
    """
    known = [(at * step, span) for at, span in enumerate(spans) if span is not None]
    before = max(start - first for start, (first, _) in known)
    extent = max(last - start for start, (_, last) in known) + before + 1
    return Slide(_plain(extent), step, _plain(before), axis, every=every, phases=tuple(spans))


def table(spans: Sequence[Span], *, every: int = 1, axis: str = "") -> Slide:
    """Return the slide whose positions see these spans, as the shortest pattern that repeats and moves evenly."""
    count = len(spans)
    for period in (period for period in range(1, count) if count % period == 0):
        turn = spans[period][0] - spans[0][0]
        if all(spans[at] == (first + turn, last + turn) for at, (first, last) in enumerate(spans[:-period], period)):
            return phased(spans[:period], _plain(Fraction(turn, period)), every=every, axis=axis)
    return phased(spans, 0, every=every, axis=axis)


def blocks(side: int, shift: int = 0) -> Slide:
    """Return the slide if each position sees the whole block of positions it is in; `shift` is where a block begins."""
    firsts = [(at - shift) // side * side + shift for at in range(side)]
    return phased([(first, first + side - 1) for first in firsts], 1)


def _plain(ratio: Ratio) -> Ratio:
    return ratio.numerator if ratio.denominator == 1 else ratio
