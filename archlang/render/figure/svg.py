"""A scene as SVG: text is text, each node says what it is, colours follow the theme."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from archlang.render.figure.curves import arrow_of, curve_of, number
from archlang.render.figure.scene import Frame, Group, Path, Scene, Shape, Words
from archlang.render.figure.themes import FONT, class_of, style_of
from archlang.render.looks import Theme


def svg(scene: Scene, theme: Theme) -> bytes:
    """Return the text of an SVG file."""
    body = "\n".join(line for group in scene.groups for line in _group(group))
    label = escape(f"{scene.name}: {scene.told}", quote=True)
    wide, tall = number(scene.wide), number(scene.tall)
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


def _shape(shape: Shape) -> Iterator[str]:
    match shape:
        case Frame():
            dash = ' stroke-dasharray="5 3"' if shape.dashed else ""
            x, y, wide, tall = map(number, (shape.x, shape.y, shape.wide, shape.tall))
            place = f'x="{x}" y="{y}" width="{wide}" height="{tall}"'
            style = f'class="f-{class_of(shape.fill)} s-{class_of(shape.line)}" stroke-width="{shape.thick}"{dash}'
            yield f'<rect {place} rx="{number(shape.radius)}" {style}/>'
        case Words():
            weight = ' font-weight="700"' if shape.text.bold else ""
            anchor = "" if shape.left else ' text-anchor="middle"'
            place = f'x="{number(shape.x)}" y="{number(shape.y)}" font-size="{shape.text.size}"'
            paint = f'class="f-{shape.paint or shape.text.tone}"'
            yield f"<text {place} {paint}{weight}{anchor}>{escape(shape.text.words)}</text>"
        case Path():
            yield from _path(shape)


def _path(path: Path) -> Iterator[str]:
    dash = ' stroke-dasharray="5 3"' if path.dashed else ""
    if path.fill:
        points = " ".join(f"{number(x)},{number(y)}" for x, y in path.points)
        style = f'class="f-{class_of(path.fill)} s-{class_of(path.line)}" stroke-width="{path.thick}"'
        yield f'<polygon points="{points}" {style}/>'
        return
    yield f'<path d="{_curve(path)}" class="s-{class_of(path.line)}" fill="none" stroke-width="{path.thick}"{dash}/>'
    if path.arrow:
        points = " ".join(f"{number(x)},{number(y)}" for x, y in arrow_of(path.points))
        yield f'<polygon points="{points}" class="f-{class_of(path.line)}"/>'


def _curve(path: Path) -> str:
    first, *rest = curve_of(path.points, path.arrow)
    words = [f"M{number(first[0][0])} {number(first[0][1])}"]
    for points in rest:
        letter = "L" if len(points) == 1 else "Q"
        words.append(letter + " ".join(f"{number(x)} {number(y)}" for x, y in points))
    return "".join(words)
