"""A picture in the style, format and colours that were asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlang.diagnostics import Diagnostic, Rejected
from archlang.ir import Graph, PartialGraph
from archlang.marks import marked
from archlang.packages import need
from archlang.render.layout import lay_out
from archlang.render.looks import Direction, Look, Theme

if TYPE_CHECKING:
    from archlang.render.figure.making import Wanted
    from archlang.render.figure.scene import Scene

_INSTEAD = "--style figure draws it as far as it is known"


def picture(
    graph: Graph | PartialGraph, format: str, title: str | None = None, look: Look | None = None
) -> bytes:  # fmt: skip
    """Return the bytes of a file that shows the net, with archlang's mark.

    The formats are svg, png, pdf, tex (TikZ), dot, and mmd (Mermaid). A wrong net is drawn as far as it is known, the
    places of its mistakes in red.

    Raises:
        Rejected: the style has no such format, a PNG could not be read by anybody, there is no such path to expand, or
            the net is no chain of maps and cannot be drawn as volumes.
        ValueError: the format cannot have the theme `auto`.
    """
    from archlang.render.figure.making import Wanted

    look = look or Look()
    if format not in look.formats:
        style = "a picture" if look.style == "figure" else f"a picture in the style {look.style}"
        message = f"{style} is written as {', '.join(look.formats)}, not as {format}"
        raise Rejected("no-such-format", message, about="format")
    theme = look.theme_of(format)
    net, mistakes = (graph.drawing, graph.mistakes) if isinstance(graph, PartialGraph) else (graph, ())
    if look.style == "full":
        return marked(_full(net, format, title, look.direction or "down", mistakes), format)
    if look.style == "volumes":
        if isinstance(graph, PartialGraph):
            raise Rejected("no-volumes", "volumes show a whole net, and this one has mistakes", help=_INSTEAD)
        return marked(_volumes(net, format, title, look, theme), format)
    wanted = Wanted(look.depth, look.expanded, look.costs, title, mistakes)
    return marked(_figure(net, format, wanted, look.direction, theme), format)


def _full(
    graph: Graph, format: str, title: str | None, direction: Direction, mistakes: tuple[Diagnostic, ...]
) -> bytes:  # fmt: skip
    from archlang.render.drawing import dot

    text = dot(graph, title, direction, mistakes)
    return text.encode() if format == "dot" else lay_out(text, format)


def _figure(graph: Graph, format: str, wanted: Wanted, direction: Direction | None, theme: Theme) -> bytes:
    from archlang.render.figure.making import figure_of

    figure = figure_of(graph, wanted)
    if format == "dot":
        from archlang.render.figure.text_formats import figure_dot

        return figure_dot(figure, direction or "right", theme == "dark").encode()
    if format == "mmd":
        from archlang.render.figure.text_formats import mermaid

        return mermaid(figure, direction or "right", theme == "dark").encode()
    from archlang.render.figure.composing import scene_of

    _need_letters()
    return _drawn(scene_of(figure, direction), format, theme)


def _volumes(graph: Graph, format: str, title: str | None, look: Look, theme: Theme) -> bytes:
    from archlang.render.figure.making import Wanted
    from archlang.render.volumes.choosing import volumes_of
    from archlang.render.volumes.drawing import scene_of

    _need_letters()
    volumes = volumes_of(graph, Wanted(look.depth, look.expanded, look.costs, title))
    return _drawn(scene_of(volumes), format, theme)


def _need_letters() -> None:
    need("fontpkg_open_sans", "the letters of pictures come from")
    need("fontTools", "letters are measured by")


def _drawn(scene: Scene, format: str, theme: Theme) -> bytes:
    """Return a scene in a format that has its places."""
    if format == "svg":
        from archlang.render.figure.svg import svg

        return svg(scene, theme)
    if format == "tex":
        from archlang.render.figure.tikz import tikz

        return tikz(scene, theme == "dark").encode()
    from archlang.render.figure.raster import fixed_dot

    return lay_out(fixed_dot(scene, theme == "dark"), format, "nop2")
