"""The widths of words in the letters of the pictures, read from the font itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from archlang.packages import need
from archlang.render.figure.model import Node, Text

BESIDE = 4.0  # between a dot or a join and the words beside it
LINE = 1.36  # the height of a line, in sizes of its letters
_WEIGHTS = {False: 400, True: 700}


@cache
def _advances(bold: bool) -> dict[str, float]:
    """Return the widths of the font's letters, in sizes of the letters; the widest known one stands for the others."""
    need("fontpkg_open_sans", "the letters of pictures come from")
    fonts = need("fontTools.ttLib", "letters are measured by")
    folder = Path(str(files("fontpkg_open_sans") / "files"))
    (path,) = (path for path in folder.glob("*.ttf") if "Italic" not in path.name)
    font: Any = fonts.TTFont(BytesIO(path.read_bytes()), lazy=True)
    glyphs, units = font.getGlyphSet(location={"wght": _WEIGHTS[bold]}), font["head"].unitsPerEm
    return _Widths(glyphs, font.getBestCmap(), units)


class _Widths(dict[str, float]):
    """The widths of letters, each read when it is first asked for."""

    def __init__(self, glyphs: Any, names: Any, units: int) -> None:
        super().__init__()
        self.glyphs, self.names, self.units = glyphs, names, units

    def __missing__(self, letter: str) -> float:
        name = self.names.get(ord(letter))
        self[letter] = self.glyphs[name].width / self.units if name else 1.0
        return self[letter]


def width(text: Text) -> float:
    """Return the width of some words, in points."""
    advances = _advances(text.bold)
    return sum(advances[letter] for letter in text.words) * text.size


def row_width(row: Iterable[Text], gap: float = 7.0) -> float:
    """Return the width of words that stand beside each other."""
    widths = [width(text) for text in row]
    return sum(widths) + gap * max(0, len(widths) - 1)


def row_height(row: Iterable[Text]) -> float:
    return max(text.size for text in row) * LINE


def size_of(node: Node, down: bool = False) -> tuple[float, float]:
    """Return the width and height of a node with its lines.

    The name of a dot and the words of a join stand above and below it; in a panel that goes down, beside it.
    """
    if node.kind in ("dot", "join"):
        own, rows = (8.0, node.rows) if node.kind == "dot" else (24.0, node.rows[1:])
        wide, tall = max((row_width(row) for row in rows), default=0.0), sum(map(row_height, rows))
        if down:
            return own + 2 * (wide + BESIDE if rows else 0.0), max(own, tall)
        return max(own, wide), own + 2 * tall
    wide = max(row_width(row) for row in node.rows)
    tall = sum(map(row_height, node.rows))
    return (wide + 20, tall + 12) if node.kind != "port" else (wide + 18, tall + 9)


def reach_of(node: Node, down: bool = False) -> tuple[float, float]:
    """Return how far a node's outline is from its middle; that of a join or a dot is its circle alone."""
    wide, tall = size_of(node, down)
    return {"join": (12.0, 12.0), "dot": (4.0, 4.0)}.get(node.kind, (wide / 2, tall / 2))
