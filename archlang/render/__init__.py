"""Pictures of a Graph."""

from __future__ import annotations

from archlang.ir import Graph
from archlang.marks import marked
from archlang.render.drawing import dot
from archlang.render.layout import FORMATS, lay_out

__all__ = ["FORMATS", "dot", "picture"]


def picture(graph: Graph, format: str, title: str | None = None) -> bytes:
    """Return the bytes of a file that shows the net: SVG, PNG, PDF or DOT, with archlang's mark."""
    return marked(lay_out(dot(graph, title), format), format)
