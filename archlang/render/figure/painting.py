"""Panels as scenes: boxes with their lines, links, labels and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archlang.render.figure.lanes import lanes_of
from archlang.render.figure.metrics import BESIDE, LINE, row_height, row_width, size_of, width
from archlang.render.figure.model import HEAD, TEXT, Node, Panel, Table, Text
from archlang.render.figure.placing import LABEL, placed
from archlang.render.figure.routing import Line, lines_of
from archlang.render.figure.scene import Frame, Group, Path, Scene, Shape, Words

BASE = 0.75  # of a line's height, from its top to the base line
_CELL = 9.0  # between the columns of a table


def panel_scene(panel: Panel, most: float, labelled: bool, down: bool = False) -> Scene:
    """Return a panel in rows of at most that width; one that goes down, in columns of at most that height."""
    made = placed(panel, lanes_of(panel), most, labelled, down)
    scene = Scene(*made.on_page((made.wide, made.tall)))
    lines = lines_of(made)
    scene.add(*(link_group(panel, line) for line in lines))
    places = ((node, made.on_page(made.centre(node.key))) for node in panel.nodes)
    scene.add(*(node_group(node, x, y, down) for node, (x, y) in places))
    return scene


def link_group(panel: Panel, line: Line) -> Group:
    """Return the line of a link with its label."""
    paint = "skip" if line.is_skip else "link"
    thick = 2.6 if line.link.count > 1 else 1.6 if line.is_skip else 1.1
    shapes: list[Shape] = [Path(line.points, paint, thick, line.link.dashed)]
    if line.label:
        text = Text(line.label, LABEL, tone="faint")
        shapes.append(Words(text, line.at[0], line.at[1] - 3.5, width(text)))
    head = next(node for node in panel.nodes if node.key == line.link.head)
    tail = next(node for node in panel.nodes if node.key == line.link.tail)
    return Group(tuple(shapes), f"{tail.title} → {head.title} · {line.link.label}", "link")


def node_group(node: Node, x: float, y: float, down: bool = False) -> Group:
    """Return a node with its middle at a place."""
    wide, tall = size_of(node, down)
    if node.kind == "dot":
        return Group(tuple(_dot(node, x, y, down)), node.title)
    if node.kind == "join":
        return Group(tuple(_join(node, x, y, down)), node.title)
    radius = 10.0 if node.kind != "block" else 8.0
    thick = 1.8 if node.kind == "block" else 1.1
    line = "line wrong" if node.red else f"line {node.family}"
    frame = Frame(x - wide / 2, y - tall / 2, wide, tall, node.fill, line, radius, thick, node.dashed)
    return Group((frame, *_lines(node.rows, x, y)), node.title)


def _dot(node: Node, x: float, y: float, down: bool) -> Iterator[Shape]:
    """Yield a dot with its name, if it has one: above it, or beside it in a panel that goes down."""
    yield Frame(x - 4, y - 4, 8, 8, "ink", "ink", 4)
    for (text,) in node.rows:
        yield _beside(text, x + 4, y) if down else Words(text, x, y - 8, width(text))


def _beside(text: Text, x: float, y: float) -> Words:
    return Words(text, x + BESIDE, y + text.size * 0.35, width(text), left=True)


def _join(node: Node, x: float, y: float, down: bool) -> Iterator[Shape]:
    """Yield a circle with a sign. What follows the join, such as an activation, stands below it or beside it."""
    yield Frame(x - 11, y - 11, 22, 22, "fill join", "line join", 11, 1.3, node.dashed)
    (sign,), *rest = node.rows
    if sign.words == "||":
        for beside in (-2.5, 2.5):
            yield Path(((x + beside, y - 6), (x + beside, y + 6)), "ink", 1.8, arrow=False)
    else:
        yield Words(sign, x, y + 4.5, width(sign))
    for row in rest:
        for text in row:
            yield _beside(text, x + 12, y) if down else Words(text, x, y + 23, width(text))


def _lines(rows: Sequence[Sequence[Text]], x: float, y: float) -> Iterator[Words]:
    """Yield the words of some lines, in the middle of a box."""
    top = y - sum(map(row_height, rows)) / 2
    for row in rows:
        left = x - row_width(row) / 2
        for text in row:
            wide = width(text)
            yield Words(text, left + wide / 2, top + row_height(row) * BASE, wide)
            left += wide + 7
        top += row_height(row)


def table_scene(table: Table) -> Scene:
    """Return a table under its headings, numbers to the right."""
    texts = [[Text(cell, TEXT, bold=True) for cell in table.headings]]
    texts += [[Text(cell, TEXT, tone="faint") for cell in row] for row in table.rows]
    wides = [max(width(row[at]) for row in texts) for at in range(len(table.headings))]
    tall = TEXT * LINE + 3
    scene = Scene(sum(wides) + _CELL * (len(wides) - 1), tall * len(texts) + 4)
    shapes: list[Shape] = [Path(((0, tall), (scene.wide, tall)), "ink", 1.0, arrow=False)]
    for at, row in enumerate(texts):
        left = 0.0
        for column, (text, wide) in enumerate(zip(row, wides, strict=True)):
            own = width(text)
            x = left if column == 0 else left + wide - own
            shapes.append(Words(text, x, tall * at + tall * 0.72 + (4 if at else 0), own, left=True))
            left += wide + _CELL
    scene.add(Group(tuple(shapes), kind="table"))
    return scene


def inset_scene(panel: Panel, most: float, down: bool = False) -> Scene:
    """Return a panel in a frame, with its name, its note, and its table beside or below it."""
    inner = panel_scene(panel, most - (50 if down else 32), labelled=False, down=down)
    name, note = Text(panel.name, HEAD + 2, bold=True), Text(panel.note, TEXT, tone="faint")
    heading = width(name) + (width(note) + 12 if panel.note else 0)
    scene = Scene(inner.wide, inner.tall)
    body = Scene()
    body.put(inner, 0, 0)
    if panel.table:
        table = table_scene(panel.table)
        if down or inner.wide + table.wide + 28 <= most - 32:
            middle = max(0.0, (inner.tall - table.tall) / 2)
            shift = max(0.0, (table.tall - inner.tall) / 2)
            body = Scene()
            body.put(inner, 0, shift)
            body.put(table, inner.wide + 28, middle)
        else:
            body.put(table, 0, inner.tall + 16)
    wide, tall = max(body.wide, heading) + 32, body.tall + 50
    frame = Frame(0, 0, wide, tall, "panel", "frame", 10)
    words = [Words(name, 16, 25, width(name), left=True)]
    if panel.note:
        words.append(Words(note, 16 + width(name) + 12, 25, width(note), left=True))
    scene = Scene(wide, tall)
    scene.add(Group((frame, *words), f"block {panel.name}", "panel"))
    scene.put(body, 16, 38)
    scene.wide, scene.tall = wide, tall
    return scene
