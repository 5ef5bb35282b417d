"""A scene as PDF or PNG, drawn by Graphviz: shapes are its background, words are nodes at fixed places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from archlang.render.figure.curves import arrow_of, bezier
from archlang.render.figure.routing import Point
from archlang.render.figure.scene import Frame, Path, Scene, Shape, Words
from archlang.render.figure.themes import colours

_ROUND = 0.5523  # of the radius: where the curve of a quarter of a circle is drawn to
_FONT = "Open Sans"
_RAISED = {False: 0.4, True: 0.2}  # by weight, of the size of letters: where Graphviz has the middle of words


def fixed_dot(scene: Scene, dark: bool) -> str:
    """Return the DOT text of a scene for `neato -n2`, in the light or in the dark."""
    paints = colours(dark)
    made = _Sheet(scene.tall, paints)
    shapes = [shape for group in scene.groups for shape in group.shapes]
    page = Frame(0, 0, scene.wide, scene.tall, "page", "page", 0)
    drawn = _joined("".join(made.drawn(shape)) for shape in (page, *shapes))
    words = [shape for shape in shapes if isinstance(shape, Words) and shape.text.words]
    corners = (
        f'c{at} [shape=point, style=invis, width=0.001, label="", pos="{x:.2f},{y:.2f}"];'
        for at, (x, y) in enumerate(((0, 0), (scene.wide, scene.tall)))
    )
    texts = (made.text(at, one) for at, one in enumerate(words))
    head = f'graph [pad=0, bgcolor="{paints["page"]}", _background={drawn}];'
    node = f'node [shape=plaintext, fontname="{_FONT}", margin=0];'
    return "\n".join(["digraph figure {", head, node, *corners, *texts, "}"])


def _joined(drawn: Iterable[str]) -> str:
    """Return a DOT expression for all that is drawn. One string of Graphviz holds no more than 16,384 letters."""
    return " + ".join(f'"{one}"' for one in drawn)


class _Sheet:
    """Writes shapes as xdot, whose points are counted from the lower left."""

    def __init__(self, tall: float, paints: dict[str, str]) -> None:
        self.tall, self.paints = tall, paints

    def drawn(self, shape: Shape) -> Iterator[str]:
        """Yield the operations that draw a shape; of words, none."""
        match shape:
            case Frame():
                yield from self._style(shape.thick, shape.dashed)
                yield _colour("C", self.paints[shape.fill]) + _colour("c", self.paints[shape.line])
                points = [*_round(shape)]
                yield f"b {len(points)} {self._points(points)}"
            case Path(fill=fill) if fill:
                yield from self._style(shape.thick, False)
                yield _colour("C", self.paints[fill]) + _colour("c", self.paints[shape.line])
                yield f"P {len(shape.points)} {self._points(shape.points)}"
            case Path():
                yield from self._style(shape.thick, shape.dashed)
                yield _colour("c", self.paints[shape.line])
                points = [*bezier(shape)]
                yield f"B {len(points)} {self._points(points)}"
                if shape.arrow:
                    yield from self._style(0.2, False)
                    yield _colour("C", self.paints[shape.line]) + f"P 3 {self._points(arrow_of(shape.points))}"
            case Words():
                pass

    def _style(self, thick: float, dashed: bool) -> Iterator[str]:
        width = f"setlinewidth({thick})"
        yield f"S {len(width)} -{width} "
        yield "S 6 -dashed " if dashed else "S 5 -solid "

    def _points(self, points: tuple[Point, ...] | list[Point]) -> str:
        return "".join(f"{x:.2f} {self.tall - y:.2f} " for x, y in points)

    def text(self, at: int, words: Words) -> str:
        """Return a node that is some words."""
        text = escape(words.text.words)
        label = f"<b>{text}</b>" if words.text.bold else text
        x = words.x + words.wide / 2 if words.left else words.x
        y = self.tall - words.y + words.text.size * _RAISED[words.text.bold]
        paint = self.paints[words.paint or words.text.tone]
        return f't{at} [label=<{label}>, fontsize={words.text.size}, fontcolor="{paint}", pos="{x:.2f},{y:.2f}"];'


def _colour(letter: str, colour: str) -> str:
    return f"{letter} {len(colour)} -{colour} "


def _round(frame: Frame) -> Iterator[Point]:
    """Yield the curve of a rectangle with round corners: its start, then three points for each part."""
    x, y, wide, tall = frame.x, frame.y, frame.wide, frame.tall
    r = min(frame.radius, wide / 2, tall / 2)
    k = r * (1 - _ROUND)
    right, low = x + wide, y + tall
    start = (x + r, y)
    yield start
    ends: list[tuple[Point, Point, Point, Point]] = [
        ((right - r, y), (right - k, y), (right, y + k), (right, y + r)),
        ((right, low - r), (right, low - k), (right - k, low), (right - r, low)),
        ((x + r, low), (x + k, low), (x, low - k), (x, low - r)),
        ((x, y + r), (x, y + k), (x + k, y), start),
    ]
    at = start
    for line, first, second, end in ends:
        yield from (at, line, line)
        yield from (first, second, end)
        at = end
