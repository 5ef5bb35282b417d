"""Lines with round corners and the heads of arrows, as every format draws them."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.render.figure.routing import Point
from archlang.render.figure.scene import Path

CORNER = 7.0
HEAD = 7.5  # the length of an arrow's head


def curve_of(points: tuple[Point, ...], arrow: bool) -> Iterator[tuple[Point, ...]]:
    """Yield the start of a line, then its parts: a straight one by its end, a corner by its middle and its end."""
    yield (points[0],)
    for at, point in enumerate(points[1:-1], 1):
        before, after = points[at - 1], points[at + 1]
        radius = min(CORNER, _distance(before, point) / 2, _distance(point, after) / 2)
        yield (_towards(point, before, radius),)
        yield point, _towards(point, after, radius)
    end = points[-1]
    yield (_towards(end, points[-2], min(HEAD - 1, _distance(end, points[-2]))) if arrow else end,)


def arrow_of(points: tuple[Point, ...]) -> tuple[Point, Point, Point]:
    """Return the corners of the head of an arrow."""
    (ax, ay), (bx, by) = points[-2:]
    length = max(_distance((ax, ay), (bx, by)), 0.001)
    dx, dy = (bx - ax) / length, (by - ay) / length
    x, y = bx - dx * HEAD, by - dy * HEAD
    return (bx, by), (x - dy * 3, y + dx * 3), (x + dy * 3, y - dx * 3)


def _distance(a: Point, b: Point) -> float:
    return float(((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5)


def _towards(a: Point, b: Point, by: float) -> Point:
    """Return the point on the way from one to another, at some distance from the first."""
    length = max(_distance(a, b), 0.001)
    return a[0] + (b[0] - a[0]) * by / length, a[1] + (b[1] - a[1]) * by / length


def bezier(path: Path) -> Iterator[Point]:
    """Yield a line with round corners as one curve."""
    (start,), *parts = curve_of(path.points, path.arrow)
    at = start
    yield start
    for part in parts:
        end = part[-1]
        middle = part[0] if len(part) > 1 else None
        if middle is None:
            yield from (at, end, end)
        else:
            yield _between(at, middle)
            yield _between(end, middle)
            yield end
        at = end


def _between(end: Point, middle: Point) -> Point:
    """Return the control point of a cubic curve that is this quadratic one."""
    return end[0] + 2 / 3 * (middle[0] - end[0]), end[1] + 2 / 3 * (middle[1] - end[1])


def number(value: float) -> str:
    """Return a length as it is written: two digits behind the point, and no zeros at the end."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
