"""What a figure says of a wrong net: in the place of each mistake, and below everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archlang.ir import Layer
from archlang.render.figure.metrics import width
from archlang.render.figure.model import HEAD, TEXT, Text
from archlang.render.figure.scene import Group, Scene, Words
from archlang.render.told import short_lines

FAMILY = "wrong"  # of the place of a mistake
_TALL = 15.0  # from line to line below the figure


def is_wrong(layer: Layer) -> bool:
    """Return whether a layer is the place of a mistake."""
    return layer.op.family == FAMILY


def rows_of(layer: Layer) -> list[tuple[Text, ...]]:
    """Return the lines in the place of a mistake: the step as it is written, and what is wrong with it."""
    lines = short_lines(told_of(layer))
    return [(Text(written_of(layer), HEAD, True),), *((Text(line, TEXT, tone="wrong"),) for line in lines)]


def written_of(layer: Layer) -> str:
    """Return the step as it is written."""
    return str(getattr(layer.op, "text", ""))


def told_of(layer: Layer) -> str:
    """Return what is wrong with a step."""
    return " ".join(str(getattr(layer.op, "told", "")).split())


def list_scene(mistakes: Sequence[str], wide: float) -> Scene:
    """Return the mistakes as lines of at most that width."""
    scene = Scene()
    words = list(_words(mistakes, wide))
    scene.add(Group(tuple(words), "mistakes", kind="mistakes"))
    scene.wide = max((word.x + word.wide for word in words), default=0.0)
    scene.tall = max((word.y for word in words), default=0.0) + 4
    return scene


def _words(mistakes: Sequence[str], wide: float) -> Iterator[Words]:
    y = 0.0
    for mistake in mistakes:
        for at, line in enumerate(_fitted(mistake, wide - 14)):
            y += _TALL
            text = Text(line, TEXT, tone="wrong")
            yield Words(text, 14.0 if at else 0.0, y, width(text), left=True)


def _fitted(words: str, wide: float) -> Iterator[str]:
    """Yield some words in lines of at most that width; a word that is longer stands alone."""
    line = ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if line and width(Text(longer)) > wide:
            yield line
            longer = word
        line = longer
    yield line
