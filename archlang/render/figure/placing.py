"""Places for the nodes of a panel: rows that wrap like text, columns for the ranks, heights for the lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from archlang.render.figure.lanes import Lanes, crossing
from archlang.render.figure.metrics import size_of, width
from archlang.render.figure.model import Link, Node, Panel, Text

SLOT = 9.0  # between lines that run side by side
GAP, ARROW = 11.0, 15.0  # behind a column, and before one
BETWEEN = 16.0  # between lanes
CHANNEL = 18.0  # between the lines that lead from one row to the next
LABEL = 10.0  # points of the letters on links
HALVINGS = 8  # steps to the narrowest rows


@dataclass(slots=True)
class Row:
    """A row of a panel: its ranks, the height of each lane, and where it stands."""

    first: int
    last: int
    heights: dict[int, float] = field(default_factory=dict[int, float])
    middles: dict[int, float] = field(default_factory=dict[int, float])
    right: float = 0.0
    bottom: float = 0.0
    leaving: list[Link] = field(default_factory=list[Link])


@dataclass(slots=True)
class Placed:
    """A panel with places: `columns` are the left and right side of each rank.

    All places are as if the panel went to the right. `on_page` says where they are in one that goes `down`.
    """

    panel: Panel
    lanes: Lanes
    rows: list[Row]
    labelled: bool
    sizes: dict[str, tuple[float, float]]
    columns: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])
    out: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    into: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    wide: float = 0.0
    tall: float = 0.0
    down: bool = False

    @property
    def lift(self) -> float:
        """The room for labels above the columns of a panel that goes down."""
        return LABEL + 4 if self.down and self.labelled and len(self.rows) > 1 else 0.0

    def on_page(self, point: tuple[float, float]) -> tuple[float, float]:
        """Return where a place of the layout is on the page."""
        return (point[1], point[0] + self.lift) if self.down else point

    def row_of(self, rank: int) -> Row:
        return next(row for row in self.rows if row.first <= rank <= row.last)

    def centre(self, key: str) -> tuple[float, float]:
        """Return the middle of a node."""
        rank = self.lanes.ranks[key]
        left, right = self.columns[rank]
        return (left + right) / 2, self.row_of(rank).middles[self.lanes.lanes[key]]

    def is_open(self, rank: int, one: int, other: int) -> bool:
        """Return whether no node stands in a column between two lanes, the first included."""
        step = 1 if other > one else -1
        between = set(range(one, other, step))
        return not any(rank == at and self.lanes.lanes[key] in between for key, at in self.lanes.ranks.items())


def placed(panel: Panel, lanes: Lanes, most: float, labelled: bool, down: bool = False) -> Placed:
    """Return a panel in rows of at most that width, if its columns allow; one that goes down, in columns."""
    sizes = {node.key: size_of(node, down) for node in panel.nodes}
    if down:
        sizes = {key: (tall, wide) for key, (wide, tall) in sizes.items()}
    made = Placed(panel, lanes, [], labelled, sizes, down=down)
    _slots(made)
    _break(made, most)
    _heights(made)
    top = 0.0
    for row in made.rows:
        top = _stack(made, row, top)
    made.tall = made.rows[-1].bottom if made.rows else 0.0
    made.wide = max((row.right for row in made.rows), default=0.0)
    return made


def joins_above(made: Placed, head: Node, lane: int) -> bool:
    """Return whether a link enters a join from above or below, through the free column of the join.

    It does not go through the words below a join, nor through the name of a dot.
    """
    rank, own = made.lanes.ranks[head.key], made.lanes.lanes[head.key]
    if lane == own or head.kind not in ("join", "dot"):
        return False
    worded = bool(head.rows) if head.kind == "dot" else len(head.rows) > 1 and lane > own
    return not worded and made.is_open(rank, lane, own)


def forks_above(made: Placed, tail: Node, lane: int) -> bool:
    """Return whether a link leaves a dot or a join upwards or downwards."""
    return joins_above(made, tail, lane)


def lane_of(made: Placed, link: Link) -> int:
    """Return the lane in which a link runs: its track, or for a link to the next rank that of its tail.

    From a dot or a join, which it can leave upwards, a link runs in the lane of its head.
    """
    lane = made.lanes.tracks.get((link.tail, link.head))
    if lane is not None:
        return lane
    below = made.lanes.lanes[link.head]
    tail = next(node for node in made.panel.nodes if node.key == link.tail)
    return below if forks_above(made, tail, below) else made.lanes.lanes[link.tail]


def _slots(made: Placed) -> None:
    """Find the vertical lines behind and before each column."""
    nodes = {node.key: node for node in made.panel.nodes}
    ranks, lanes = made.lanes.ranks, made.lanes.lanes
    for link in made.panel.links:
        lane, tail, head = lane_of(made, link), nodes[link.tail], nodes[link.head]
        if lane != lanes[tail.key] and not forks_above(made, tail, lane):
            _add(made.out.setdefault(ranks[tail.key], []), tail.key)
        if lane != lanes[head.key] and not joins_above(made, head, lane):
            _add(made.into.setdefault(ranks[head.key], []), head.key)


def _add(found: list[str], key: str) -> None:
    if key not in found:
        found.append(key)


def _behind(made: Placed, rank: int) -> float:
    return GAP + SLOT * len(made.out.get(rank, ()))


def _before(made: Placed, rank: int) -> float:
    return ARROW + SLOT * len(made.into.get(rank, ()))


def _label_width(made: Placed, rank: int) -> float:
    """Return the width of the widest label behind a column."""
    if not made.labelled:
        return 0.0
    ranks = made.lanes.ranks
    told = [link.label for link in made.panel.links if ranks[link.tail] == rank]
    if made.down:
        return LABEL + 6 if any(told) else 0.0
    return max((width(Text(label, LABEL)) for label in told), default=0.0) + 6


@dataclass(frozen=True, slots=True)
class _Column:
    """What a rank takes of a row: its width, what lies before and behind it, the label between; lines to a new row."""

    wide: float
    ahead: float
    behind: float
    label: float
    lines: int


def _columns(made: Placed) -> list[_Column]:
    ranks = made.lanes.ranks
    count = max(ranks.values(), default=-1) + 1
    wides = [0.0] * count
    for key, rank in ranks.items():
        wides[rank] = max(wides[rank], made.sizes[key][0])
    return [
        _Column(
            wides[rank],
            _before(made, rank) if rank else 0.0,
            _behind(made, rank),
            _label_width(made, rank - 1) if rank else 0.0,
            len(crossing(made.lanes, made.panel.links, rank)) if rank else 0,
        )
        for rank in range(count)
    ]


def _cuts(columns: Sequence[_Column], most: float) -> tuple[int, list[tuple[float, bool]]]:
    """Return how many rows of at most that width the columns need; the left side of each, and if it begins a row."""
    found: list[tuple[float, bool]] = []
    x, rows = 0.0, 0
    for column in columns:
        new = not found or x + column.label + column.ahead + column.wide + column.behind > most
        if new:
            rows += 1
            x = SLOT * (column.lines + 1 if column.lines else 0)
        left = x + (0.0 if new else column.label) + column.ahead
        found.append((left, new))
        x = left + column.wide + column.behind
    return rows, found


def _break(made: Placed, most: float) -> None:
    """Cut the ranks into rows, as narrow as the same number of rows allows, and place the columns."""
    columns = _columns(made)
    count, found = _cuts(columns, most)
    low, high = 0.0, most
    for _ in range(HALVINGS if count > 1 else 0):
        middle = (low + high) / 2
        rows, cuts = _cuts(columns, middle)
        if rows == count:
            high, found = middle, cuts
        else:
            low = middle
    for rank, (column, (left, new)) in enumerate(zip(columns, found, strict=True)):
        if new:
            made.rows.append(Row(rank, rank))
        made.columns[rank] = left, left + column.wide
        row = made.rows[-1]
        row.last, row.right = rank, left + column.wide
    for row in made.rows[:-1]:
        row.leaving = sorted(
            crossing(made.lanes, made.panel.links, row.last + 1), key=lambda link: -abs(lane_of(made, link))
        )
        row.right += _behind(made, row.last) + SLOT * len(row.leaving)


def _heights(made: Placed) -> None:
    """Find how high each lane is in each row."""
    ranks = made.lanes.ranks
    for key, lane in made.lanes.lanes.items():
        row = made.row_of(ranks[key])
        row.heights[lane] = max(row.heights.get(lane, 0.0), made.sizes[key][1])
    for link in made.panel.links:
        lane = lane_of(made, link)
        first, last = ranks[link.tail], ranks[link.head]
        for row in made.rows:
            if row.first <= last and first <= row.last:
                own = [lane] + ([made.lanes.lanes[link.head]] if row.first <= last <= row.last else [])
                own += [made.lanes.lanes[link.tail]] if row.first <= first <= row.last else []
                for one in own:
                    row.heights[one] = max(row.heights.get(one, 0.0), 30.0 if made.labelled else 10.0)


def _stack(made: Placed, row: Row, top: float) -> float:
    """Place the lanes of a row below `top`; return where the next row begins."""
    y = top
    for lane in sorted(row.heights):
        row.middles[lane] = y + row.heights[lane] / 2
        y += row.heights[lane] + BETWEEN
    row.bottom = y - BETWEEN
    return row.bottom + CHANNEL * (len(row.leaving) + 1) if row.leaving else row.bottom + BETWEEN
