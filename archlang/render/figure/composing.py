"""The whole page: title, overview, insets on shelves, legend; its width is chosen for its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log

from archlang.render.figure.metrics import LINE, width
from archlang.render.figure.mistakes import list_scene
from archlang.render.figure.model import SMALL, TEXT, TITLE, Figure, Text
from archlang.render.figure.painting import inset_scene, panel_scene
from archlang.render.figure.scene import Frame, Group, Path, Scene, Shape, Words
from archlang.render.figure.ushape import u_scene
from archlang.render.looks import Direction

MARGIN, SPACE = 14.0, 12.0
WIDTHS = tuple(380.0 * 1.09**step for step in range(24))  # from a narrow column to a poster
PAGE = 842.0, 595.0  # points of A4 on its side
BEST = 1.45  # width by height


def scene_of(figure: Figure, direction: Direction | None = None) -> Scene:
    """Return the figure as a scene, in the width that gives it the shape of a page; going down, in the height.

    Without a direction, an overview whose skips lie within each other is a U.
    """
    turned = u_scene(figure.overview) if direction is None else None
    if direction == "down":
        bodies = (_below(figure, most) for most in WIDTHS)
    else:
        bodies = (_beside(figure, most, turned) for most in WIDTHS)
    own = figure.name, figure.totals, figure.families
    return min((page_of(*own, body, mistakes=figure.mistakes) for body in bodies), key=badness)


def badness(scene: Scene) -> float:
    """Return how small a page becomes on A4, whichever way it lies; of pages that fit, how far it is from 3:2."""
    wide, tall = scene.wide, scene.tall
    smaller = min(max(wide / PAGE[0], tall / PAGE[1]), max(wide / PAGE[1], tall / PAGE[0]))
    aspect = wide / tall
    odd = max(1.0, aspect / 1.9, 1 / aspect / 1.9) ** 3
    return max(smaller, 1.2) * odd * (1 + 0.25 * abs(log(aspect / BEST)))


def _beside(figure: Figure, wide: float, turned: Scene | None) -> Scene:
    """Return the overview with the insets on shelves below it, in that width."""
    overview = turned or panel_scene(figure.overview, wide, labelled=True)
    body = Scene()
    body.put(overview, 0, 0)
    most = max(wide, overview.wide)
    insets = [inset_scene(panel, wide) for panel in figure.insets]
    for shelf, tall in _shelves([(inset, inset.wide, inset.tall) for inset in insets], most):
        left, top = 0.0, body.tall + SPACE
        for inset in shelf:
            body.put(inset, left, top)
            left += inset.wide + SPACE
        body.tall = top + tall
    return body


def _below(figure: Figure, tall: float) -> Scene:
    """Return the overview, which goes down, with the insets in columns beside it, in that height."""
    overview = panel_scene(figure.overview, tall, labelled=True, down=True)
    body = Scene()
    body.put(overview, 0, 0)
    insets = [inset_scene(panel, tall, down=True) for panel in figure.insets]
    for column, wide in _shelves([(inset, inset.tall, inset.wide) for inset in insets], max(tall, overview.tall)):
        left, top = body.wide + SPACE, 0.0
        for inset in column:
            body.put(inset, left, top)
            top += inset.tall + SPACE
        body.wide = left + wide
    return body


def page_of(
    name: str, told: str, families: Sequence[str], body: Scene, notes: Sequence[str] = (), mistakes: Sequence[str] = ()
) -> Scene:  # fmt: skip
    """Return the page: title and totals, what is drawn, and the legend of the families, with notes below it.

    Below all stand the `mistakes` of a wrong net.
    """
    page = Scene()
    title, totals = Text(name, TITLE, bold=True), Text(told, TEXT + 1, tone="faint")
    words = [Words(title, 0, TITLE, width(title), left=True)]
    beside = width(title) + width(totals) + 14 <= body.wide
    x, y = (width(title) + 14 if name else 0, TITLE) if beside else (0.0, TITLE + 18)
    words.append(Words(totals, x, y, width(totals), left=True))
    page.add(Group(tuple(words), kind="title"))
    page.wide, page.tall = x + width(totals), y + 18
    page.put(body, 0, page.tall + 8)
    drawn = [shape for group in page.groups for shape in group.shapes]
    has_skips = any(isinstance(shape, Path) and shape.line == "skip" for shape in drawn)
    page.put(_legend(families, has_skips), 0, page.tall + SPACE)
    for note in notes:
        page.put(_line(Text(note, SMALL, tone="faint")), 0, page.tall + 4)
    if mistakes:
        page.put(list_scene(mistakes, max(page.wide, WIDTHS[0])), 0, page.tall + SPACE)
    framed = Scene(name=name, told=told)
    framed.put(page, MARGIN, MARGIN)
    framed.wide, framed.tall = framed.wide + MARGIN, framed.tall + MARGIN
    return framed


def _line(text: Text) -> Scene:
    scene = Scene(width(text), text.size * LINE)
    scene.add(Group((Words(text, 0, text.size, scene.wide, left=True),), kind="legend"))
    return scene


def _shelves(insets: Sequence[tuple[Scene, float, float]], most: float) -> Iterator[tuple[list[Scene], float]]:
    """Yield the insets, each with its length and depth, in rows of at most that length; and how deep a row is."""
    row: list[tuple[Scene, float, float]] = []
    for inset in insets:
        if row and sum(length + SPACE for _, length, _ in row) + inset[1] > most:
            yield [one for one, _, _ in row], max(depth for _, _, depth in row)
            row = []
        row.append(inset)
    if row:
        yield [one for one, _, _ in row], max(depth for _, _, depth in row)


def _legend(families: Sequence[str], has_skips: bool) -> Scene:
    """Return the colours that occur, with what they mean."""
    scene = Scene(0, 18)
    shapes: list[Shape] = []
    x = 0.0
    for family in families:
        if family in ("block", "port"):
            continue
        text = Text(family, TEXT, tone="faint")
        shapes.append(Frame(x, 2, 14, 14, f"fill {family}", f"line {family}", 2))
        shapes.append(Words(text, x + 20, 13, width(text), left=True))
        x += width(text) + 34
    if has_skips:
        text = Text("skip", TEXT, tone="faint")
        shapes += [
            Path(((x, 9), (x + 16, 9)), "skip", 1.8, arrow=False),
            Words(text, x + 22, 13, width(text), left=True),
        ]
        x += width(text) + 36
    scene.wide = x
    scene.add(Group(tuple(shapes), kind="legend"))
    return scene
