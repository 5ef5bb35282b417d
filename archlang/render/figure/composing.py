"""The whole page: title, overview, insets on shelves, legend; its width is chosen for its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log

from archlang.render.figure.metrics import width
from archlang.render.figure.model import TEXT, TITLE, Figure, Text
from archlang.render.figure.painting import inset_scene, panel_scene
from archlang.render.figure.scene import Frame, Group, Path, Scene, Shape, Words

MARGIN, SPACE = 14.0, 16.0
WIDTHS = tuple(380.0 * 1.09**step for step in range(24))  # from a narrow column to a poster
PAGE = 842.0, 595.0  # points of A4 on its side
BEST = 1.45  # width by height


def scene_of(figure: Figure) -> Scene:
    """Return the figure as a scene, in the width that gives it the shape of a page."""
    return min((_page(figure, wide) for wide in WIDTHS), key=_badness)


def _badness(scene: Scene) -> float:
    """Return how small a page becomes on A4, whichever way it lies; of pages that fit, how far it is from 3:2."""
    wide, tall = scene.wide, scene.tall
    smaller = min(max(wide / PAGE[0], tall / PAGE[1]), max(wide / PAGE[1], tall / PAGE[0]))
    aspect = wide / tall
    odd = max(1.0, aspect / 1.9, 1 / aspect / 1.9) ** 3
    return max(smaller, 1.2) * odd * (1 + 0.25 * abs(log(aspect / BEST)))


def _page(figure: Figure, wide: float) -> Scene:
    overview = panel_scene(figure.overview, wide, labelled=True)
    insets = [inset_scene(panel, wide) for panel in figure.insets]
    page = Scene(name=figure.name, told=figure.totals)
    title, totals = Text(figure.name, TITLE, bold=True), Text(figure.totals, TEXT + 1, tone="faint")
    words = [Words(title, 0, TITLE, width(title), left=True)]
    beside = width(title) + width(totals) + 14 <= max(wide, overview.wide)
    x, y = (width(title) + 14 if figure.name else 0, TITLE) if beside else (0.0, TITLE + 18)
    words.append(Words(totals, x, y, width(totals), left=True))
    page.add(Group(tuple(words), kind="title"))
    page.wide, page.tall = x + width(totals), y + 18
    page.put(overview, 0, page.tall + 8)
    for shelf, tall in _shelves(insets, max(wide, overview.wide)):
        top = page.tall + SPACE
        left = 0.0
        for inset in shelf:
            page.put(inset, left, top)
            left += inset.wide + SPACE
        page.tall = top + tall
    drawn = [shape for group in page.groups for shape in group.shapes]
    has_skips = any(isinstance(shape, Path) and shape.line == "skip" for shape in drawn)
    page.put(_legend(figure, has_skips), 0, page.tall + SPACE)
    framed = Scene(name=figure.name, told=figure.totals)
    framed.put(page, MARGIN, MARGIN)
    framed.wide, framed.tall = framed.wide + MARGIN, framed.tall + MARGIN
    return framed


def _shelves(insets: Sequence[Scene], most: float) -> Iterator[tuple[list[Scene], float]]:
    """Yield the insets in rows of at most that width."""
    row: list[Scene] = []
    for inset in insets:
        if row and sum(one.wide + SPACE for one in row) + inset.wide > most:
            yield row, max(one.tall for one in row)
            row = []
        row.append(inset)
    if row:
        yield row, max(one.tall for one in row)


def _legend(figure: Figure, has_skips: bool) -> Scene:
    """Return the colours that occur, with what they mean."""
    scene = Scene(0, 18)
    shapes: list[Shape] = []
    x = 0.0
    for family in figure.families:
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
