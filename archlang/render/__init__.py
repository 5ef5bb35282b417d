"""Pictures of a Graph: the figure of a paper, or the complete drawing of every operator."""

from __future__ import annotations

from archlang.render.drawing import dot
from archlang.render.figure.themes import Theme
from archlang.render.pictures import FORMATS, STYLES, Look, Style, picture

__all__ = ["FORMATS", "STYLES", "Look", "Style", "Theme", "dot", "picture"]
