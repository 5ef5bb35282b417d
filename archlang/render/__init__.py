"""Pictures of a Graph: the figure of a paper, or the complete drawing of every operator."""

from __future__ import annotations

from archlang.render.drawing import dot
from archlang.render.looks import COSTS, DIRECTIONS, FORMATS, STYLES, THEMES, Direction, Look, Style, Theme
from archlang.render.pictures import picture

__all__ = [
    "COSTS",
    "DIRECTIONS",
    "FORMATS",
    "STYLES",
    "THEMES",
    "Direction",
    "Look",
    "Style",
    "Theme",
    "dot",
    "picture",
]
