"""What can be asked of a picture: its style, format, direction and colours. What a style cannot do is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Style = Literal["figure", "full", "volumes"]
Direction = Literal["right", "down"]
Theme = Literal["light", "dark", "auto"]
Cost = Literal["parameters", "macs", "memory"]
STYLES: tuple[Style, ...] = get_args(Style)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
THEMES: tuple[Theme, ...] = get_args(Theme)
COSTS: tuple[Cost, ...] = get_args(Cost)
RANKS: Mapping[Direction, str] = {"right": "LR", "down": "TB"}  # as Graphviz and Mermaid call it
FORMATS = ("svg", "png", "pdf", "tex", "dot", "mmd")
_MISSING: Mapping[Style, tuple[str, ...]] = {"figure": (), "full": ("tex", "mmd"), "volumes": ("dot", "mmd")}


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture shows and how.

    A `figure` has an overview and an inset for each distinct block: `depth` opens so many levels of it, `expanded`
    these paths, `costs` colours the boxes by what they cost. `volumes` draws the maps of the overview as boxes to
    scale. `full` draws every operator. `direction` is where a figure (usually right, or as a U) or a full drawing
    (usually down) goes. `theme` gives the colours: `auto`, which is usual for an SVG, follows the reader's setting.

    Raises:
        ValueError: the style cannot do what is asked.
    """

    style: Style = "figure"
    depth: int | None = None
    expanded: tuple[str, ...] = ()
    costs: Cost | None = None
    theme: Theme | None = None
    direction: Direction | None = None

    def __post_init__(self) -> None:
        if self.style == "full" and (self.depth is not None or self.expanded or self.costs):
            raise ValueError("a drawing of every operator takes no depth, no paths to expand and no costs")
        if self.style == "full" and self.theme in ("dark", "auto"):
            raise ValueError("a drawing of every operator is in the light")
        if self.style == "volumes" and self.direction == "down":
            raise ValueError("volumes stand side by side, from left to right; a figure can go down")
        if self.depth is not None and self.depth < 0:
            raise ValueError(f"a depth is 0 or more, not {self.depth}")

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats that the style is written in."""
        return tuple(name for name in FORMATS if name not in _MISSING[self.style])

    def theme_of(self, format: str) -> Theme:
        """Return the colours of a file of that format. Raises `ValueError` if it cannot follow the reader's setting."""
        if self.theme == "auto" and format != "svg":
            raise ValueError(f"the theme auto follows the reader's setting, which a .{format} cannot")
        return self.theme or ("auto" if format == "svg" and self.style != "full" else "light")
