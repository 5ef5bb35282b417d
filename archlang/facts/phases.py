"""What each position of a value sees along one axis of the input, exactly, where it differs from position to position.

After an upsampling, a window of attention or another order of positions no line holds it. It repeats after some
positions, its phases: position q*len(spans) + k sees what position k sees, moved by q*`turn`. An end may be infinite,
where all positions before or behind are seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd, inf, isinf, lcm

from archlang.ops.base import Ratio, Slide, Span

Ends = tuple[int | float, int | float]  # the first and the last position seen
MOST = 4096  # phases beyond which the smallest window that holds all of them stands for them


@dataclass(frozen=True, slots=True)
class Phases:
    """What the first positions see, and by how much this moves until it repeats. None: nothing.

    An infinite end is at one of the `limits`, which are the first and the last position that is seen from anywhere.
    """

    spans: tuple[Ends | None, ...]
    turn: int
    limits: Ends = (-inf, inf)

    @property
    def step(self) -> Ratio:
        """By how much what is seen moves from one position to the next, on the average."""
        return plain(Fraction(self.turn, len(self.spans)))

    def at(self, position: int) -> Ends | None:
        """Return what a position sees."""
        turns, at = divmod(position, len(self.spans))
        span = self.spans[at]
        return span and (span[0] + turns * self.turn, span[1] + turns * self.turn)


@dataclass(frozen=True, slots=True)
class Measured:
    """The largest window that a position sees, and the smallest moving one that holds what each position sees."""

    size: int
    extent: Ratio
    pad: Ratio
    is_whole: bool


def plain(ratio: Fraction) -> Ratio:
    """Return a fraction, as an int if it is whole."""
    return ratio.numerator if ratio.denominator == 1 else ratio


def line(extent: Ratio, stride: Ratio, pad: Ratio) -> Phases | None:
    """Return the phases of a window that moves by `stride`; None if they are too many."""
    told = Slide(extent, stride, pad)
    if Fraction(stride).denominator > MOST:
        return None
    return Phases(told.spans, Fraction(stride).numerator)


@lru_cache(maxsize=4096)
def through(phases: Phases, slide: Slide, count: int) -> Phases | None:
    """Return what the positions behind an operator see, of `count` positions before it; None if phases are too many."""
    spans, period = slide.spans, len(phases.spans)
    turn = int(slide.step * len(spans))
    if slide.past and not phases.turn and 1 < period < count <= MOST:
        phases, period = Phases(tuple(map(phases.at, range(count))), 0), count
    again = period // gcd(period, turn) if turn else 1
    if len(spans) * again > MOST:
        return None
    moved = [span and (span[0] + turns * turn, span[1] + turns * turn) for turns in range(again) for span in spans]
    # positions that are listed one by one have none beyond them
    listed = count if period >= count > 1 else None
    seen = tuple(span and _seen(phases, span, slide, listed) for span in moved)
    limits = (_all(phases, count) or phases.limits) if slide.past and not _is_endless(phases) else phases.limits
    return Phases(seen, phases.turn * again * turn // period, _within(limits, phases.limits))


def _seen(phases: Phases, span: Span, slide: Slide, listed: int | None) -> Ends | None:
    """Return what is seen of the input through these positions of a value, of which it has as many as are listed."""
    period, (first, last) = len(phases.spans), span
    if slide.past:
        first = 0 if listed else last - period + 1
    taps = range(first, last + 1, slide.every)
    if listed:
        skipped = max(0, -(first // slide.every))
        taps = range(first + skipped * slide.every, min(taps.stop, listed), slide.every)
    seen = hull(phases.at(tap) for tap in (taps if len(taps) <= 2 * period else {*taps[:period], *taps[-period:]}))
    if slide.past and seen and phases.turn and not listed:
        return (-inf, seen[1]) if phases.turn > 0 else (seen[0], inf)
    return seen


def _within(one: Ends, other: Ends) -> Ends:
    return max(one[0], other[0]), min(one[1], other[1])


def hull(spans: Iterable[Ends | None]) -> Ends | None:
    """Return the smallest span that holds all of them; None if none sees anything."""
    known = [span for span in spans if span is not None]
    return (min(first for first, _ in known), max(last for _, last in known)) if known else None


def union(one: Phases, other: Phases, count: int) -> Phases | None:
    """Return what `count` positions see along either of two paths of one step; None if the phases are too many."""
    period = lcm(len(one.spans), len(other.spans))
    if period > MOST:
        return None
    spans = tuple(hull((one.at(at), other.at(at))) for at in range(period))
    turn = one.turn * (period // len(one.spans))
    limits = hull(side.limits if _is_endless(side) else _all(side, count) for side in (one, other))
    return Phases(spans, turn, limits or (-inf, inf))


def _is_endless(phases: Phases) -> bool:
    return any(span and (isinf(span[0]) or isinf(span[1])) for span in phases.spans)


def _all(phases: Phases, count: int) -> Ends | None:
    """Return the first and the last position that any of the first and the last of `count` positions sees."""
    period = len(phases.spans)
    return hull(map(phases.at, (*range(min(period, count)), *range(max(count - period, 0), count))))


@lru_cache(maxsize=4096)
def measured(phases: Phases, count: int, size: int) -> Measured:
    """Return the measures of what each of `count` positions sees of an axis of this size.

    The border cuts what is seen from everywhere, or without end. It does not cut a window that moves.
    """
    period, known = len(phases.spans), [span for span in phases.spans if span]
    is_endless = _is_endless(phases)
    least, most = _within((0, size - 1), phases.limits if is_endless else (0, size - 1))
    ends = range(max(count - period, 0), count) if is_endless else ()
    spans = [(at, span) for at in {*range(min(period, count)), *ends} if (span := phases.at(at))]
    if not spans:
        return Measured(0, 0, 0, is_whole=False)
    cut = [(at, max(first, least), min(last, most)) for at, (first, last) in spans]
    told = cut if is_endless else [(at, *span) for at, span in spans]
    lengths = [int(last - first) + 1 for _, first, last in (told if phases.turn and not is_endless else cut)]
    pad = max(at * phases.step - Fraction(first) for at, first, _ in told)
    end = max(Fraction(last) - at * phases.step for at, _, last in told)
    is_whole = len(spans) >= min(period, count) and lengths == [size] * len(spans)
    is_fixed = not phases.turn or all(isinf(end) for span in known for end in span)
    return Measured(max(*lengths, 0), plain(end + pad + 1), plain(pad), is_whole and is_fixed)
