"""A picture in the style, format and colours that were asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from archlang.diagnostics import Rejected
from archlang.ir import Graph
from archlang.marks import marked
from archlang.packages import need
from archlang.render.figure.labels import Cost
from archlang.render.figure.themes import Theme
from archlang.render.layout import lay_out

if TYPE_CHECKING:
    from archlang.render.figure.model import Figure

Style = Literal["figure", "full"]
STYLES: tuple[Style, ...] = get_args(Style)
FORMATS = ("svg", "png", "pdf", "tex", "dot", "mmd")
_OF_FIGURES = ("mmd", "tex")


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture shows and how.

    A `figure` has an overview and an inset for each distinct block: `depth` opens so many levels of it, `expanded`
    these paths, `costs` colours the boxes by what they cost. `full` draws every operator. `theme` gives the colours of
    a figure: `auto` follows the reader's setting, in an SVG.
    """

    style: Style = "figure"
    depth: int | None = None
    expanded: tuple[str, ...] = ()
    costs: Cost | None = None
    theme: Theme = "auto"

    def __post_init__(self) -> None:
        if self.style == "full" and (self.depth is not None or self.expanded or self.costs or self.theme == "dark"):
            raise ValueError("a drawing of every operator takes no depth, no paths to expand, no costs and no dark")
        if self.depth is not None and self.depth < 0:
            raise ValueError(f"a depth is 0 or more, not {self.depth}")


def picture(graph: Graph, format: str, title: str | None = None, look: Look | None = None) -> bytes:
    """Return the bytes of a file that shows the net, with archlang's mark.

    The formats are svg, png, pdf, tex (TikZ), dot, and mmd (Mermaid).

    Raises `Rejected` for another format, for a PNG that nobody could read, and for a path to expand that there is not.
    """
    look = look or Look()
    formats = FORMATS if look.style == "figure" else [name for name in FORMATS if name not in _OF_FIGURES]
    if format not in formats:
        raise Rejected(
            "no-such-format", f"a picture is written as {', '.join(formats)}, not as {format}", about="format"
        )
    return marked(_full(graph, format, title) if look.style == "full" else _figure(graph, format, title, look), format)


def _full(graph: Graph, format: str, title: str | None) -> bytes:
    from archlang.render.drawing import dot

    text = dot(graph, title)
    return text.encode() if format == "dot" else lay_out(text, format)


def _figure(graph: Graph, format: str, title: str | None, look: Look) -> bytes:
    from archlang.render.figure.making import Wanted, figure_of

    figure = figure_of(graph, Wanted(look.depth, look.expanded, look.costs, title))
    if format == "dot":
        from archlang.render.figure.text_formats import figure_dot

        return figure_dot(figure).encode()
    if format == "mmd":
        from archlang.render.figure.text_formats import mermaid

        return mermaid(figure).encode()
    return _drawn(figure, format, look.theme)


def _drawn(figure: Figure, format: str, theme: Theme) -> bytes:
    from archlang.render.figure.composing import scene_of
    from archlang.render.figure.raster import fixed_dot
    from archlang.render.figure.svg import svg
    from archlang.render.figure.tikz import tikz

    need("fontpkg_open_sans", "the letters of pictures come from")
    need("fontTools", "letters are measured by")
    scene = scene_of(figure)
    if format == "svg":
        return svg(scene, theme)
    if format == "tex":
        return tikz(scene, theme == "dark").encode()
    return lay_out(fixed_dot(scene, theme == "dark"), format, "nop2")
