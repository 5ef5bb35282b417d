"""A scene as SVG: text is text, each node says what it is, colours follow the theme."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from archlang.render.figure.routing import Point
from archlang.render.figure.scene import Frame, Group, Path, Scene, Shape, Words
from archlang.render.figure.themes import FONT, Theme, style_of

CORNER = 7.0
HEAD = 7.5  # the length of an arrow's head


def svg(scene: Scene, theme: Theme) -> bytes:
    """Return the text of an SVG file."""
    body = "\n".join(line for group in scene.groups for line in _group(group))
    label = escape(f"{scene.name}: {scene.told}", quote=True)
    wide, tall = _number(scene.wide), _number(scene.tall)
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}pt" height="{tall}pt" viewBox="0 0 {wide} {tall}" '
        f'role="img" aria-label="{label}" font-family="{escape(FONT, quote=True)}">\n'
        f"<title>{label}</title>\n<style>\n{style_of(scene, theme)}</style>\n"
        f'<rect class="page" width="{wide}" height="{tall}"/>\n'
    )
    return f"{head}{body}\n</svg>\n".encode()


def _group(group: Group) -> Iterator[str]:
    title = escape(group.title, quote=True)
    named = f' role="graphics-symbol img" aria-label="{title}"' if title and group.kind == "node" else ""
    yield f'<g class="{group.kind}"{named}>'
    if title:
        yield f"<title>{title}</title>"
    for shape in group.shapes:
        yield from _shape(shape)
    yield "</g>"


def class_of(paint: str) -> str:
    """Return the name of a colour as a class of the style."""
    return paint.replace(" ", "-")


def _shape(shape: Shape) -> Iterator[str]:
    match shape:
        case Frame():
            dash = ' stroke-dasharray="5 3"' if shape.dashed else ""
            x, y, wide, tall = map(_number, (shape.x, shape.y, shape.wide, shape.tall))
            place = f'x="{x}" y="{y}" width="{wide}" height="{tall}"'
            style = f'class="f-{class_of(shape.fill)} s-{class_of(shape.line)}" stroke-width="{shape.thick}"{dash}'
            yield f'<rect {place} rx="{_number(shape.radius)}" {style}/>'
        case Words():
            weight = ' font-weight="700"' if shape.text.bold else ""
            anchor = "" if shape.left else ' text-anchor="middle"'
            place = f'x="{_number(shape.x)}" y="{_number(shape.y)}" font-size="{shape.text.size}"'
            paint = f'class="f-{shape.paint or shape.text.tone}"'
            yield f"<text {place} {paint}{weight}{anchor}>{escape(shape.text.words)}</text>"
        case Path():
            yield from _path(shape)


def _path(path: Path) -> Iterator[str]:
    dash = ' stroke-dasharray="5 3"' if path.dashed else ""
    if path.fill:
        points = " ".join(f"{_number(x)},{_number(y)}" for x, y in path.points)
        style = f'class="f-{class_of(path.fill)} s-{class_of(path.line)}" stroke-width="{path.thick}"'
        yield f'<polygon points="{points}" {style}/>'
        return
    yield f'<path d="{_curve(path)}" class="s-{class_of(path.line)}" fill="none" stroke-width="{path.thick}"{dash}/>'
    if path.arrow:
        points = " ".join(f"{_number(x)},{_number(y)}" for x, y in arrow_of(path.points))
        yield f'<polygon points="{points}" class="f-{class_of(path.line)}"/>'


def _curve(path: Path) -> str:
    first, *rest = curve_of(path.points, path.arrow)
    words = [f"M{_number(first[0][0])} {_number(first[0][1])}"]
    for points in rest:
        letter = "L" if len(points) == 1 else "Q"
        words.append(letter + " ".join(f"{_number(x)} {_number(y)}" for x, y in points))
    return "".join(words)


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


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
