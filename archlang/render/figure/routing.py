"""The lines of the links, corner by corner, and the places of their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from archlang.render.figure.metrics import reach_of, width
from archlang.render.figure.model import Link, Node, Text
from archlang.render.figure.placing import ARROW, CHANNEL, GAP, LABEL, SLOT, Placed, forks_above, joins_above, lane_of

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A link as a line; `is_skip` if it only goes past other nodes. A label stands above `at`, if there is room."""

    link: Link
    points: tuple[Point, ...]
    is_skip: bool
    label: str = ""
    at: Point = (0.0, 0.0)


def lines_of(made: Placed) -> list[Line]:
    """Return the lines of all links; those past other nodes come last."""
    nodes = {node.key: node for node in made.panel.nodes}
    ways = {link: tuple(_cleaned(_points(made, link, nodes))) for link in made.panel.links}
    points = {link: tuple(map(made.on_page, way)) for link, way in ways.items()}
    parts = [part for corners in points.values() for part in pairwise(corners)]
    told: set[tuple[str, str]] = set()
    labels: list[tuple[Point, Point]] = []
    found: list[Line] = []
    for link, corners in points.items():
        place = _place_down if made.down else _label
        label, at = place(made, link, corners) if (link.tail, link.label) not in told else ("", (0.0, 0.0))
        if label:
            half = width(Text(label, LABEL)) / 2
            box = (at[0] - half, at[1] - 12), (at[0] + half, at[1] - 1.2)
            if any(_meets(box, part) for part in (*parts, *labels)):
                label = ""  # a shape that could not be read is left out
            else:
                told.add((link.tail, link.label))
                labels.append(box)
        found.append(Line(link, corners, _is_skip(made, link), label, at))
    return sorted(found, key=lambda line: line.is_skip)


def _meets(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Return whether two rectangles, or a rectangle and a straight line, have something in common."""
    (ax, ay), (bx, by) = other
    across = one[0][0] < max(ax, bx) and min(ax, bx) < one[1][0]
    return across and one[0][1] < max(ay, by) and min(ay, by) < one[1][1]


def _is_skip(made: Placed, link: Link) -> bool:
    lanes, ranks = made.lanes.lanes, made.lanes.ranks
    lane = lane_of(made, link)
    return ranks[link.head] - ranks[link.tail] > 1 and lane not in (lanes[link.tail], lanes[link.head])


def _points(made: Placed, link: Link, nodes: dict[str, Node]) -> Iterator[Point]:
    """Yield the corners of a link, from its tail to its head."""
    tail, head = nodes[link.tail], nodes[link.head]
    lane, ranks = lane_of(made, link), made.lanes.ranks
    yield from _leaving(made, tail, lane)
    row, last = made.row_of(ranks[tail.key]), made.row_of(ranks[head.key])
    at = made.rows.index(row)
    while row is not last:
        slot, count = row.leaving.index(link), len(row.leaving)
        x = row.right - SLOT * (count - slot) + SLOT
        y = row.bottom + CHANNEL * (slot + 1)
        yield x, row.middles[lane]
        yield x, y
        at += 1
        row = made.rows[at]
        yield SLOT * (count - slot) - SLOT, y
        yield SLOT * (count - slot) - SLOT, row.middles[lane]
    yield from _entering(made, head, lane)


def _leaving(made: Placed, tail: Node, lane: int) -> Iterator[Point]:
    """Yield the corners from a node to its lane."""
    x, y = made.centre(tail.key)
    rank, own = made.lanes.ranks[tail.key], made.lanes.lanes[tail.key]
    row = made.row_of(rank)
    wide, tall = _reach(made, tail)
    if lane == own:
        yield x + wide, y
    elif forks_above(made, tail, lane):
        yield x, y + (tall if lane > own else -tall)
        yield x, row.middles[lane]
    else:
        trunk = made.columns[rank][1] + GAP / 2 + SLOT * made.out[rank].index(tail.key)
        yield x + wide, y
        yield trunk, y
        yield trunk, row.middles[lane]


def _entering(made: Placed, head: Node, lane: int) -> Iterator[Point]:
    """Yield the corners from a lane into a node."""
    x, y = made.centre(head.key)
    rank, own = made.lanes.ranks[head.key], made.lanes.lanes[head.key]
    row = made.row_of(rank)
    wide, tall = _reach(made, head)
    if lane == own:
        yield x - wide, y
    elif joins_above(made, head, lane):
        yield x, row.middles[lane]
        yield x, y + (tall if lane > own else -tall)
    else:
        trunk = made.columns[rank][0] - ARROW - SLOT * made.into[rank].index(head.key)
        yield trunk, row.middles[lane]
        yield trunk, y
        yield x - wide, y


def _reach(made: Placed, node: Node) -> Point:
    """Return how far the outline of a node is from its middle, along the flow and across it."""
    wide, tall = reach_of(node, made.down)
    return (tall, wide) if made.down else (wide, tall)


def _cleaned(points: Iterator[Point]) -> Iterator[Point]:
    """Yield the points without those that repeat, or that lie on the line between their neighbours."""
    kept: list[Point] = []
    for point in points:
        if kept and abs(kept[-1][0] - point[0]) < 0.01 and abs(kept[-1][1] - point[1]) < 0.01:
            continue
        if len(kept) > 1 and _straight(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    yield from kept


def _straight(a: Point, b: Point, c: Point) -> bool:
    return (abs(a[0] - b[0]) < 0.01 and abs(b[0] - c[0]) < 0.01) or (
        abs(a[1] - b[1]) < 0.01 and abs(b[1] - c[1]) < 0.01
    )


def _place_down(made: Placed, link: Link, points: tuple[Point, ...]) -> tuple[str, Point]:
    """Return the label of a link that goes down: beside a part that does, or over the line to the next column."""
    wide = width(Text(link.label, LABEL))
    for a, b in pairwise(points) if made.labelled else ():
        if abs(a[0] - b[0]) < 0.01 and b[1] - a[1] >= LABEL + 12:
            return link.label, (a[0] + 5 + wide / 2, (a[1] + b[1] - ARROW / 2) / 2 + LABEL * 0.7)
        if abs(a[1] - made.lift) < 0.01 > abs(a[1] - b[1]) and abs(a[0] - b[0]) > wide + 8:
            return link.label, ((a[0] + b[0]) / 2, a[1])
    return "", (0.0, 0.0)


def _label(made: Placed, link: Link, points: tuple[Point, ...]) -> tuple[str, Point]:
    """Return the label of a link and where it stands: over the part behind the column, or over its longest part."""
    if not made.labelled:
        return "", (0.0, 0.0)
    wide = width(Text(link.label, LABEL))
    rank = made.lanes.ranks[link.tail]
    right = made.columns[rank][1] + GAP + SLOT * max(0, len(made.out.get(rank, ())) - 1)
    own = made.centre(link.tail)[1]
    parts = [(a, b) for a, b in pairwise(points) if abs(a[1] - b[1]) < 0.01]
    for a, b in parts:
        low, high = sorted((a[0], b[0]))
        low = max(low, right) if abs(a[1] - own) < 0.01 else low + 8
        high -= 12
        if a[0] < b[0] and high - low >= wide - 0.5 and made.row_of(rank).bottom > a[1]:
            at = low + wide / 2 + 2 if abs(a[1] - own) < 0.01 else (low + high) / 2
            return link.label, (min(at, high - wide / 2), a[1])
    for a, b in parts:
        if a[0] > b[0] and a[0] - b[0] > wide + 20:
            return link.label, ((a[0] + b[0]) / 2, a[1])
    return "", (0.0, 0.0)
