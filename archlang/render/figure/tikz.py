"""A scene as TikZ: one LaTeX document that needs nothing beside it, the same picture as the SVG, its text as text."""

from __future__ import annotations

from collections.abc import Iterator

from archlang.render.figure.curves import arrow_of, bezier, number
from archlang.render.figure.routing import Point
from archlang.render.figure.scene import Frame, Group, Path, Scene, Shape, Words
from archlang.render.figure.themes import class_of, colours, used_by

# Helvetica is narrower than the letters that the boxes were measured by, and every TeX has it.
_HEAD = r"""\documentclass[border=0pt]{standalone}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{textcomp}
\usepackage{helvet}
\usepackage{tikz}
\renewcommand{\familydefault}{\sfdefault}
"""
_PICTURE = r"\begin{tikzpicture}[x=1bp, y=-1bp, every node/.style={inner sep=0pt, outer sep=0pt}]"
_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}", "'": r"\textquotesingle{}", "`": r"\`{}",
    "×": r"\texttimes{}", "·": r"\textperiodcentered{}", "–": r"\textendash{}", "→": r"\ensuremath{\rightarrow}",
    "−": r"\ensuremath{-}", "…": r"\textellipsis{}", "-": "{-}",
}  # fmt: skip


def tikz(scene: Scene, dark: bool) -> str:
    """Return the LaTeX document of a scene, in the light or in the dark."""
    paints = colours(dark)
    used = sorted({*used_by(scene), "page"})
    defined = "\n".join(rf"\definecolor{{{class_of(name)}}}{{HTML}}{{{paints[name][1:].upper()}}}" for name in used)
    body = "\n".join(line for group in scene.groups for line in _group(group))
    page = rf"\fill[page] (0,0) rectangle {_point((scene.wide, scene.tall))};"
    title = _comment(f"{scene.name}: {scene.told}")
    return "\n".join(
        (
            title,
            _HEAD + defined,
            r"\begin{document}",
            _PICTURE,
            page,
            body,
            r"\end{tikzpicture}",
            r"\end{document}",
            "",
        )
    )


def escaped(words: str) -> str:
    """Return words as LaTeX shows them. Letters beyond what T1 fonts have need LuaLaTeX and another font."""
    return "".join(_ESCAPES.get(letter, letter) for letter in words)


def _group(group: Group) -> Iterator[str]:
    if group.title:
        yield _comment(group.title)
    for shape in group.shapes:
        yield from _shape(shape)


def _comment(words: str) -> str:
    """Return a line that LaTeX skips."""
    return "% " + " ".join(words.split())


def _shape(shape: Shape) -> Iterator[str]:
    match shape:
        case Frame():
            radius = min(shape.radius, shape.wide / 2, shape.tall / 2)
            corners = f", rounded corners={number(radius)}bp" if radius else ""
            style = f"fill={class_of(shape.fill)}, {_line(shape.line, shape.thick, shape.dashed)}{corners}"
            end = _point((shape.x + shape.wide, shape.y + shape.tall))
            yield rf"\draw[{style}] {_point((shape.x, shape.y))} rectangle {end};"
        case Words():
            yield _words(shape)
        case Path(fill=fill) if fill:
            style = f"fill={class_of(fill)}, {_line(shape.line, shape.thick, shape.dashed)}, line join=round"
            yield rf"\draw[{style}] {' -- '.join(map(_point, shape.points))} -- cycle;"
        case Path():
            yield rf"\draw[{_line(shape.line, shape.thick, shape.dashed)}] {_curve(shape)};"
            if shape.arrow:
                yield rf"\fill[{class_of(shape.line)}] {' -- '.join(map(_point, arrow_of(shape.points)))} -- cycle;"


def _line(paint: str, thick: float, dashed: bool) -> str:
    dash = ", dash pattern=on 5bp off 3bp" if dashed else ""
    return f"draw={class_of(paint)}, line width={number(thick)}bp{dash}"


def _words(words: Words) -> str:
    size = words.text.size
    font = rf"\fontsize{{{number(size)}bp}}{{{number(size * 1.2)}bp}}\selectfont"
    weight = r"\bfseries" if words.text.bold else ""
    anchor = "base west" if words.left else "base"
    style = f"anchor={anchor}, text={class_of(words.paint or words.text.tone)}, font={{{font}{weight}}}"
    return rf"\node[{style}] at {_point((words.x, words.y))} {{{escaped(words.text.words)}}};"


def _curve(path: Path) -> str:
    """Return the parts of a line: straight ones, and corners as curves."""
    start, *rest = bezier(path)
    told = [_point(start)]
    at = start
    for first, second, end in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        straight = (first, second) == (at, end)
        told.append(
            f"-- {_point(end)}" if straight else f".. controls {_point(first)} and {_point(second)} .. {_point(end)}"
        )
        at = end
    return " ".join(told)


def _point(point: Point) -> str:
    return f"({number(point[0])},{number(point[1])})"
