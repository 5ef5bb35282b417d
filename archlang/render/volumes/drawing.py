"""Slabs in perspective, in rows, with what made them below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from archlang.render.figure.composing import SPACE, badness, page_of
from archlang.render.figure.metrics import width
from archlang.render.figure.model import SMALL, TEXT, Text
from archlang.render.figure.scene import Group, Path, Scene, Words
from archlang.render.volumes.choosing import Slab, Volumes

SCALE = (
    "to scale, by square roots: height and width of maps,",
    "channels (to the right), and units of vectors, each with its own unit",
)
TALL, BAR, THICK = 170.0, 150.0, 30.0  # points of the largest map, the longest vector, the most channels
RECEDES = 0.4  # of a width, to the right and upwards
GAP, SEEN, BETWEEN = 9.0, 0.42, 12.0  # between slabs, what is seen of a side behind the next, between groups
BAND = TEXT + SMALL + 10  # the height of a label of two lines
MOST_ROWS = 4
SMALLEST_WINDOW = 6.0
LANE = 12.0  # between the lines of skips


@dataclass(frozen=True, slots=True)
class Solid:
    """A slab with its size in points; `x` is its left side, and its middle lies at height 0."""

    slab: Slab
    thick: float
    tall: float
    deep: float
    x: float = 0.0

    @property
    def right(self) -> float:
        return self.x + self.thick

    @property
    def top(self) -> float:
        return (self.deep - self.tall) / 2

    @property
    def bottom(self) -> float:
        return self.top + self.tall

    def side(self, along: float, down: float) -> tuple[float, float]:
        """Return a place on the side that recedes, by shares of its width and height."""
        return self.right + along * self.deep, self.top + down * self.tall - along * self.deep


def scene_of(volumes: Volumes) -> Scene:
    """Return the volumes as a scene, in the rows that give it the shape of a page."""
    groups = _sized(volumes)
    rows = 1 if volumes.skips else min(MOST_ROWS, len(groups))  # lines of skips lie over one row
    bodies = (_rows(groups, count, volumes.skips) for count in range(1, rows + 1))
    pages = (page_of(volumes.name, volumes.totals, volumes.families, body, SCALE) for body in bodies)
    return min(pages, key=badness)


def _sized(volumes: Volumes) -> list[list[Solid]]:
    """Return the slabs in points: sizes are square roots, so that the small ones can still be seen."""
    slabs = [slab for group in volumes.groups for slab in group]
    maps = [slab.sizes for slab in slabs if slab.is_map]
    side = TALL / sqrt(max(size for sizes in maps for size in sizes[1:]))
    channel = THICK / sqrt(max(sizes[0] for sizes in maps))
    unit = BAR / sqrt(max((slab.sizes[0] for slab in slabs if not slab.is_map), default=1))

    def sized(slab: Slab) -> Solid:
        if not slab.is_map:
            return Solid(slab, 6, unit * sqrt(slab.sizes[0]), 5)
        channels, tall, wide = slab.sizes
        return Solid(slab, channel * sqrt(channels), side * sqrt(tall), RECEDES * side * sqrt(wide))

    return [[sized(slab) for slab in group] for group in volumes.groups]


def _rows(groups: Sequence[Sequence[Solid]], count: int, skips: Sequence[tuple[int, int]]) -> Scene:
    """Return the groups in about so many rows, with arrows from one to the next."""
    whole = _width(groups) / count
    rows: list[list[Sequence[Solid]]] = [[]]
    for group in groups:
        if len(rows) < count and rows[-1] and _width([*rows[-1], group]) > whole * 1.02:
            rows.append([])
        rows[-1].append(group)
    scene = Scene()
    end: tuple[float, float] | None = None
    for row in rows:
        made, middle, first, right = _row(row, skips)
        left, top = (20.0 if len(rows) > 1 else 0.0), scene.tall + (SPACE if scene.tall else 0.0)
        if end:
            between = top - SPACE / 2
            turn = max(end[0], scene.wide) + 10
            way = (end, (turn, end[1]), (turn, between), (0.0, between),
                   (0.0, top + middle), (left + first - 4, top + middle))  # fmt: skip
            scene.add(Group((Path(way, "link"),), "the row goes on below", "link"))
        scene.put(made, left, top)
        end = (left + right + 4, top + middle)
    scene.wide += 14 if len(rows) > 1 else 0
    return scene


def _width(groups: Sequence[Sequence[Solid]]) -> float:
    return _row(groups, ())[3]


def _row(groups: Sequence[Sequence[Solid]], skips: Sequence[tuple[int, int]]) -> tuple[Scene, float, float, float]:
    """Return one row of groups; the height at which its slabs have their middle, where they begin, and end."""
    labels = [_label(group) for group in groups]
    placed = _placed(groups, labels)
    first = min(_middle(group) - wide / 2 for group, (_, _, wide) in zip(placed, labels, strict=True))
    shift = max(0.0, -first)
    solids = [solid for group in placed for solid in group]
    up = max(solid.deep - solid.top for solid in solids)
    arcs = list(_arcs(solids, skips, up))
    up += max((lane for _, lane in arcs), default=0) * LANE
    low = max(solid.bottom for solid in solids)
    scene = Scene()
    for at, (group, label) in enumerate(zip(placed, labels, strict=True)):
        scene.add(_told(group, label, low + 14 + (at % 2) * BAND))
    for one, other in zip(solids, [*solids[1:], None], strict=True):
        scene.add(_solid(one), *_windows(one, other))
    scene.add(*(arc for arc, _ in arcs))
    moved = Scene(groups=[group.moved(shift, up) for group in scene.groups])
    ends = [_middle(group) + wide / 2 for group, (_, _, wide) in zip(placed, labels, strict=True)]
    right = solids[-1].right + solids[-1].deep
    moved.wide = shift + max([*ends, *(solid.right + solid.deep for solid in solids)])
    moved.tall = up + low + 14 + (min(len(groups), 2)) * BAND
    return moved, up, shift + solids[0].x, shift + right


def _arcs(solids: Sequence[Solid], skips: Sequence[tuple[int, int]], up: float) -> Iterator[tuple[Group, int]]:
    """Yield the skips as lines over all slabs, the short ones below, each with its lane."""
    taken: list[tuple[int, int, int]] = []
    for tail, head in sorted(skips, key=lambda skip: skip[1] - skip[0]):
        lane = 1 + max((lane for start, end, lane in taken if start <= head and tail <= end), default=0)
        taken.append((tail, head, lane))
        one, other = solids[tail], solids[head]
        (x, y), (ex, ey) = one.side(1, 0), other.side(1, 0)
        x, ex = x - one.thick / 2, ex - other.thick / 2
        way = ((x, y), (x, -up - lane * LANE + 4), (ex, -up - lane * LANE + 4), (ex, ey))
        yield Group((Path(way, "skip", 1.4),), f"{one.slab.title} → {other.slab.title}", "link"), lane


def _middle(group: Sequence[Solid]) -> float:
    return (group[0].x + group[-1].right) / 2


def _label(group: Sequence[Solid]) -> tuple[Text, Text, float]:
    """Return what made a group, its shape, and the width of both."""
    times = f" ×{len(group)}" if len(group) > 1 else ""
    head, shape = Text(group[0].slab.words + times, TEXT, True), Text(group[0].slab.shape, SMALL, tone="faint")
    return head, shape, max(width(head), width(shape))


def _placed(groups: Sequence[Sequence[Solid]], labels: Sequence[tuple[Text, Text, float]]) -> list[list[Solid]]:
    """Place groups from left to right: labels stand in two lines in turn, and no leader goes through a label."""
    placed: list[list[Solid]] = []
    x = 0.0
    for at, (group, (_, _, wide)) in enumerate(zip(groups, labels, strict=True)):
        row = _at(group, x)
        least = row[0].x
        if at:
            upper = wide if at % 2 == 0 else labels[at - 1][2]  # of the label beside the leader of the lower one
            least = max(least, _middle(placed[-1]) + upper / 2 + 5 - (_middle(row) - row[0].x))
        if at > 1:
            both = (wide + labels[at - 2][2]) / 2 + 8
            least = max(least, _middle(placed[-2]) + both - (_middle(row) - row[0].x))
        row = _at(group, least)
        placed.append(row)
        x = row[-1].right + _gap(row[-1]) + BETWEEN
    return placed


def _at(group: Sequence[Solid], x: float) -> list[Solid]:
    found: list[Solid] = []
    for solid in group:
        found.append(Solid(solid.slab, solid.thick, solid.tall, solid.deep, x))
        x += solid.thick + _gap(solid)
    return found


def _gap(solid: Solid) -> float:
    return GAP + SEEN * solid.deep


def _told(group: Sequence[Solid], label: tuple[Text, Text, float], y: float) -> Group:
    """Return the label of a group, with a line that leads to it."""
    head, shape, _ = label
    x = _middle(group)
    bottom = max(solid.bottom for solid in group)
    leader = Path(((x, bottom), (x, y - 2)), "frame", 0.8, arrow=False)
    words = (
        Words(head, x, y + TEXT, width(head)),
        Words(shape, x, y + TEXT + SMALL + 3, width(shape)),
    )
    return Group((leader, *words), f"{head.words} · {shape.words}", "label")


def _solid(solid: Solid) -> Group:
    """Return the three sides of a slab that are seen."""
    x, right, top, bottom, deep = solid.x, solid.right, solid.top, solid.bottom, solid.deep
    line = f"line {solid.slab.family}" if solid.slab.family != "port" else "line norm"
    fill = solid.slab.fill
    front = Path(((x, top), (right, top), (right, bottom), (x, bottom)), line, 0.9, fill=fill)
    corners = tuple(solid.side(along, down) for along, down in ((0, 0), (1, 0), (1, 1), (0, 1)))
    side = Path(corners, line, 0.9, fill=f"side {fill}")
    upper = Path(
        ((x, top), (right, top), (right + deep, top - deep), (x + deep, top - deep)), line, 0.9, fill=f"top {fill}"
    )
    return Group((upper, side, front), solid.slab.title)


def _windows(solid: Solid, after: Solid | None) -> Iterator[Group]:
    """Yield the window that slides over a map, and what it sees of it, where it is large enough to be seen."""
    slab = solid.slab
    if after is None or slab.window is None or not slab.is_map:
        return
    tall, wide = slab.window[0] / slab.sizes[1], slab.window[1] / slab.sizes[2]
    if tall * solid.tall < SMALLEST_WINDOW or wide > SEEN - 0.1 or tall > 0.6:
        return
    left, top = 0.08, 0.5 - tall / 2
    corners = [solid.side(left + a * wide, top + b * tall) for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    aim = (after.x, after.top + after.tall / 2)
    lines = [Path((corners[at], aim), "ink", 0.6, arrow=False) for at in (1, 2)]
    words = f"{slab.window[0]}×{slab.window[1]} window over {slab.shape}"
    yield Group((Path(tuple(corners), "ink", 0.8, fill="page"), *lines), words, "link")
