"""A panel whose skips lie within each other, as a U: down on the left, up on the right, skips across."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from archlang.render.figure.lanes import lanes_of
from archlang.render.figure.metrics import reach_of, size_of, width
from archlang.render.figure.model import Link, Node, Panel, Text
from archlang.render.figure.painting import link_group, node_group
from archlang.render.figure.placing import LABEL
from archlang.render.figure.routing import Line, Point
from archlang.render.figure.scene import Scene

FEWEST = 2  # skips
DROP, TURN = 30.0, 40.0  # between boxes of a column; where a line turns between them
AROUND = 20.0  # what a label leaves free of its line


@dataclass(slots=True)
class _Shape:
    """The nodes of the path in order, which of them begin and end the skips, from the outermost, and their places."""

    panel: Panel
    path: list[Node]
    links: dict[tuple[int, int], Link]
    tails: list[int]
    heads: list[int]
    places: dict[int, Point] = field(default_factory=dict[int, Point])

    @property
    def left(self) -> range:
        """The nodes that stand on the left, those at the bottom included."""
        last, bottom = self.tails[-1], self.heads[-1]
        return range(bottom - 1 if bottom - last > 2 else bottom)

    def wide(self, at: int) -> float:
        return size_of(self.path[at])[0]

    def tall(self, at: int) -> float:
        return size_of(self.path[at])[1]

    def label(self, tail: int, head: int) -> float:
        return width(Text(self.links[tail, head].label, LABEL))


def u_scene(panel: Panel) -> Scene | None:
    """Return a panel as a U; None if its skips do not lie within each other around one path."""
    shape = _shape(panel)
    if shape is None:
        return None
    _place(shape)
    left = min(x - shape.wide(at) / 2 for at, (x, _) in shape.places.items())
    top = min(y - shape.tall(at) / 2 for at, (_, y) in shape.places.items())
    shape.places = {at: (x - left, y - top) for at, (x, y) in shape.places.items()}
    scene = Scene(
        max(x + shape.wide(at) / 2 for at, (x, _) in shape.places.items()),
        max(y + shape.tall(at) / 2 for at, (_, y) in shape.places.items()),
    )
    scene.add(*(link_group(panel, line) for line in _lines(shape)))
    scene.add(*(node_group(node, *shape.places[at]) for at, node in enumerate(shape.path)))
    return scene


def _shape(panel: Panel) -> _Shape | None:
    found = lanes_of(panel)
    if any(found.lanes.values()):
        return None
    path = sorted(panel.nodes, key=lambda node: found.ranks[node.key])
    at = {node.key: number for number, node in enumerate(path)}
    links = {(at[link.tail], at[link.head]): link for link in panel.links}
    skips = sorted(pair for pair in links if pair[1] - pair[0] > 1)
    nested = all(one[0] < other[0] and other[1] < one[1] for one, other in pairwise(skips))
    whole = all((number, number + 1) in links for number in range(len(path) - 1))
    worded = any(path[head].kind == "join" and len(path[head].rows) > 1 for _, head in skips)
    if len(skips) < FEWEST or not nested or not whole or worded or skips[-1][1] - skips[-1][0] < 2:
        return None
    return _Shape(panel, path, links, [tail for tail, _ in skips], [head for _, head in skips])


def _place(shape: _Shape) -> None:
    """Give each node its place: a level for each skip, between them what lies between their ends."""
    column = max(map(shape.wide, shape.left)) / 2
    ups = [at for level, _ in enumerate(shape.heads) for at in _above(shape, level)]
    narrow = max(shape.wide(at) for at in (*shape.heads, *ups, *range(shape.left.stop, shape.heads[-1]))) / 2
    skip = max(shape.label(*pair) for pair in zip(shape.tails, shape.heads, strict=True)) + AROUND
    join = column + skip + max(narrow, 12.0)
    y = 0.0
    for at in range(shape.tails[0]):
        shape.places[at] = 0.0, y + shape.tall(at) / 2
        y += shape.tall(at) + DROP
    y += _half(shape, 0)
    for level in range(len(shape.tails)):
        shape.places[shape.tails[level]] = 0.0, y
        shape.places[shape.heads[level]] = join, y
        _beside(shape, level, join, y)
        _down(shape, shape.tails[level] + 1, _stop(shape, level), y + shape.tall(shape.tails[level]) / 2)
        if level + 1 < len(shape.tails):
            y = _next(shape, level, join, y)
    at, low = shape.heads[-1], y + shape.tall(shape.heads[-1]) / 2
    if shape.left.stop < at:  # the last node below the innermost skip goes up again
        shape.places[shape.left.stop] = join, low + DROP + shape.tall(shape.left.stop) / 2


def _stop(shape: _Shape, level: int) -> int:
    return shape.tails[level + 1] if level + 1 < len(shape.tails) else shape.left.stop


def _down(shape: _Shape, first: int, stop: int, y: float) -> None:
    """Place nodes on the left, one below the other."""
    for at in range(first, stop):
        shape.places[at] = 0.0, y + DROP + shape.tall(at) / 2
        y += DROP + shape.tall(at)


def _half(shape: _Shape, level: int) -> float:
    """Return how far a level reaches up and down."""
    beside = range(shape.heads[level], min(shape.heads[level] + 2, _end(shape, level)))
    return max(shape.tall(at) for at in (shape.tails[level], *beside)) / 2


def _end(shape: _Shape, level: int) -> int:
    """Return the node at which the path has left a level on the right: the end of the next skip, or of the path."""
    return shape.heads[level - 1] if level else len(shape.path)


def _above(shape: _Shape, level: int) -> range:
    """Return the nodes that stand over the end of a skip. At the outermost level the path goes on to the right."""
    return range(min(shape.heads[level] + 2, _end(shape, level)), _end(shape, level)) if level else range(0)


def _beside(shape: _Shape, level: int, join: float, y: float) -> None:
    """Place what follows the end of a skip to the right of it: one node, at the outermost level all that follow."""
    stop = min(shape.heads[level] + 2, _end(shape, level)) if level else len(shape.path)
    x = join + max(reach_of(shape.path[at])[0] for at in shape.heads)
    for at in range(shape.heads[level] + 1, stop):
        gap = shape.label(at - 1, at) + AROUND
        if at == shape.heads[level] + 1:  # all levels alike
            gap = max(shape.label(head, head + 1) for head in shape.heads if head + 1 < len(shape.path)) + AROUND
        x += gap + shape.wide(at)
        shape.places[at] = x - shape.wide(at) / 2, y


def _next(shape: _Shape, level: int, join: float, y: float) -> float:
    """Return the height of the next level; place what stands between the two on the right."""
    left = sum(shape.tall(at) + DROP for at in range(shape.tails[level] + 1, shape.tails[level + 1]))
    ups = [*_above(shape, level + 1)]
    right = sum(shape.tall(at) + DROP for at in ups) + TURN
    below = y + _half(shape, level) + max(left + DROP, right) + _half(shape, level + 1)
    low = below - _half(shape, level + 1) - TURN
    for at in ups:
        shape.places[at] = join, low - shape.tall(at) / 2
        low -= shape.tall(at) + DROP
    return below


def _lines(shape: _Shape) -> Iterator[Line]:
    """Yield the lines of all links, each with its label."""
    for (tail, head), link in sorted(shape.links.items()):
        (x, y), (ex, ey) = shape.places[tail], shape.places[head]
        (out, deep), (inner, high) = reach_of(shape.path[tail]), reach_of(shape.path[head])
        wide = shape.label(tail, head)
        if abs(y - ey) < 0.01:
            points: Sequence[Point] = ((x + out, y), (ex - inner, y))
            at = ((x + out + ex - inner - 6) / 2, y)
        elif abs(x - ex) < 0.01:
            sign = 1 if ey > y else -1
            points = ((x, y + sign * deep), (x, ey - sign * high))
            at = (x + 6 + wide / 2, (y + sign * deep + ey - sign * high) / 2 + LABEL * 0.8 - sign * 3)
        elif ey < y and tail >= shape.heads[-1]:  # from beside the end of a skip, up and back to the column
            turn = y - _tallest(shape, y) - TURN / 2 + 4
            points = ((x, y - deep), (x, turn), (ex, turn), (ex, ey + high))
            at = ((x + ex) / 2, turn)
        else:  # from the bottom on the left to the bottom on the right
            points = ((x + out, y), (ex, y), (ex, ey + high))
            at = ((x + out + ex) / 2, y)
        yield Line(link, tuple(points), head - tail > 1, link.label, at)


def _tallest(shape: _Shape, y: float) -> float:
    """Return how far the nodes reach up that stand at a height on the right."""
    right = [at for at, (x, other) in shape.places.items() if abs(other - y) < 0.01 and x > shape.places[0][0] + 1]
    return max(shape.tall(at) for at in right) / 2
