"""The places of names beside circles: near, and not over anything else if there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin

_ANGLES = [turn * pi / 8 for turn in (0, 8, 4, 12, 2, 6, 14, 10, 1, 15, 7, 9, 3, 5, 13, 11)]
_STEP, _STEPS = 4.0, 22  # the points of one step by which a name is moved away, and the most steps
_OVER_A_NAME, _OVER_A_CENTRE, _OVER_A_CIRCLE = 400.0, 90.0, 14.0  # the points of distance that each is as bad as


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle in points, and the width and height of its name."""

    x: float
    y: float
    radius: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a name, in points: its left, lower, right and upper side."""

    left: float
    low: float
    right: float
    high: float

    def overlaps(self, other: Box) -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.low < other.high and other.low < self.high

    def holds(self, other: Box) -> bool:
        across = self.left <= other.left and other.right <= self.right
        return across and self.low <= other.low and other.high <= self.high

    def distance(self, x: float, y: float) -> float:
        """Return the distance from a position to the box; 0 within it."""
        return hypot(max(self.left - x, 0, x - self.right), max(self.low - y, 0, y - self.high))


def placed(circles: Sequence[Circle], frame: Box) -> list[Box]:
    """Return a place within the frame for the name of each circle.

    Greedy: the names of small circles, which have the least room, come first; each takes the place that is nearest and
    covers least. If no place is free, names overlap.
    """
    found: dict[int, Box] = {}
    for at in sorted(range(len(circles)), key=lambda at: (circles[at].radius, circles[at].x, circles[at].y, at)):
        found[at] = _best(circles, at, list(found.values()), frame)
    return [found[at] for at, _ in enumerate(circles)]


def _best(circles: Sequence[Circle], at: int, taken: Sequence[Box], frame: Box) -> Box:
    best: tuple[float, Box] | None = None
    for distance, box in _candidates(circles[at]):
        if best is not None and best[0] <= distance:  # all candidates that follow are farther away
            break
        bad = distance + _badness(circles, at, taken, box) + (0 if frame.holds(box) else 10 * _OVER_A_NAME)
        if best is None or bad < best[0]:
            best = bad, box
    assert best is not None
    return best[1]


def _candidates(circle: Circle) -> Iterator[tuple[float, Box]]:
    """Yield places around a circle, the near ones first, and how far each is from it, in points."""
    for step in range(_STEPS):
        away = circle.radius + 2 + step * _STEP
        for turn, angle in enumerate(_ANGLES):
            x, y = circle.x + away * cos(angle), circle.y + away * sin(angle)
            # the box touches the position with the side, or the corner, that faces the circle
            left = x - circle.width * (1 - cos(angle)) / 2
            low = y - circle.height * (1 - sin(angle)) / 2
            yield step * _STEP + turn / 100, Box(left, low, left + circle.width, low + circle.height)


def _badness(circles: Sequence[Circle], at: int, taken: Sequence[Box], box: Box) -> float:
    bad = _OVER_A_NAME * sum(map(box.overlaps, taken))
    for other, circle in enumerate(circles):
        distance = box.distance(circle.x, circle.y)
        if distance < 3:
            bad += _OVER_A_CENTRE
        if other != at and distance < circle.radius:
            bad += _OVER_A_CIRCLE * (1 - distance / circle.radius) + 1
    return bad
