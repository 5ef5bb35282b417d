"""A scene: what is drawn, in points from the upper left. Every format is written from the same scene."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from archlang.render.figure.model import Text
from archlang.render.figure.routing import Point

Paint = str  # the name of a colour of the theme


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle with round corners, or an ellipse."""

    x: float
    y: float
    wide: float
    tall: float
    fill: Paint
    line: Paint
    radius: float = 8.0
    thick: float = 1.1
    dashed: bool = False

    def moved(self, x: float, y: float) -> Frame:
        return replace(self, x=self.x + x, y=self.y + y)


@dataclass(frozen=True, slots=True)
class Words:
    """Words with their middle, or their left end, at a place; `y` is that of the base line."""

    text: Text
    x: float
    y: float
    wide: float
    left: bool = False
    paint: Paint = ""

    def moved(self, x: float, y: float) -> Words:
        return replace(self, x=self.x + x, y=self.y + y)


@dataclass(frozen=True, slots=True)
class Path:
    """A line with round corners, with a point at its end if it is an arrow; a closed one is filled."""

    points: tuple[Point, ...]
    line: Paint
    thick: float = 1.1
    dashed: bool = False
    arrow: bool = True
    fill: Paint = ""

    def moved(self, x: float, y: float) -> Path:
        return replace(self, points=tuple((a + x, b + y) for a, b in self.points))


Shape = Frame | Words | Path


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes that are one thing, with what it is in words."""

    shapes: tuple[Shape, ...]
    title: str = ""
    kind: str = "node"

    def moved(self, x: float, y: float) -> Group:
        return replace(self, shapes=tuple(shape.moved(x, y) for shape in self.shapes))


@dataclass(slots=True)
class Scene:
    """All groups, back to front, and the size of the page."""

    wide: float = 0.0
    tall: float = 0.0
    name: str = ""
    told: str = ""
    groups: list[Group] = field(default_factory=list[Group])

    def add(self, *groups: Group) -> None:
        self.groups.extend(groups)

    def put(self, other: Scene, x: float, y: float) -> None:
        """Put another scene into this one, at a place."""
        self.groups += [group.moved(x, y) for group in other.groups]
        self.wide, self.tall = max(self.wide, x + other.wide), max(self.tall, y + other.tall)
