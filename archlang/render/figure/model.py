"""What a figure shows, before anything has a place: panels of boxes and links, with tables of what varies."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Tone = Literal["ink", "faint", "accent", "inverse", "wrong"]
Kind = Literal["port", "box", "block", "join", "dot"]

TITLE, HEAD, TEXT, SMALL = 19.0, 12.5, 10.5, 9.0  # points of letters: of the net's name, heads, words, counts


@dataclass(frozen=True, slots=True)
class Text:
    """Words of one size and tone."""

    words: str
    size: float = TEXT
    bold: bool = False
    tone: Tone = "ink"


@dataclass(frozen=True, slots=True)
class Node:
    """A box, a join or an end. `rows` are its lines, each of words beside each other; `title` tells what it is in full.

    `share` is its part of the counted costs, for a picture that is coloured by them. In a `red` one is a mistake.
    """

    key: str
    kind: Kind
    family: str
    rows: tuple[tuple[Text, ...], ...]
    title: str
    dashed: bool = False
    share: float | None = None
    red: bool = False

    @property
    def fill(self) -> str:
        """The paint of its box: that of its family, or of its costs."""
        return f"fill {self.family}" if self.share is None else f"heat{round(9 * self.share**0.5)}"


@dataclass(frozen=True, slots=True)
class Link:
    """A value that flows: its shape as label, and how many values it stands for."""

    tail: str
    head: str
    label: str = ""
    dashed: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """What varies between the calls of a block: a row for each of them, or for several that agree."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """The overview, or the inset of a block."""

    name: str
    note: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    table: Table | None = None

    @property
    def loose(self) -> tuple[tuple[str, str], ...]:
        """The nodes that are linked to nothing, such as places of mistakes, each behind the node written before it."""
        linked = {key for link in self.links for key in (link.tail, link.head)}
        pairs = pairwise(node.key for node in self.nodes)
        return tuple((before, key) for before, key in pairs if key not in linked)


@dataclass(frozen=True, slots=True)
class Figure:
    """A whole figure: the net's name and totals, its overview and insets, and the families for the legend.

    Of a wrong net, `mistakes` are what is wrong with it.
    """

    name: str
    totals: str
    overview: Panel
    insets: tuple[Panel, ...] = ()
    families: tuple[str, ...] = ()
    mistakes: tuple[str, ...] = ()
