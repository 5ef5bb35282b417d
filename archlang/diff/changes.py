"""A change as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archlang.ops.base import Operator

Kind = Literal["added", "removed", "changed", "follows"]


@dataclass(frozen=True, slots=True)
class ArgumentChange:
    """An argument, written as the language writes it; empty where it is not there."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a layer, a scope, an input or an output, or to a run of `times` that are alike.

    One that `follows` was not touched: its shapes, weights or work are others because something before it was.
    `before` and `after` are names within the scope of the change that holds this one, from the first of a run to the
    last; empty for a layer without a name, None where it was added or removed. `words` name operator or block, and
    `shapes` the outputs, before and after. `params` and `macs` are differences, for one image, of the whole run, and
    `parts` are the changes within one of them. A part has `moved` where its label stands in another order.
    """

    kind: Kind
    before: tuple[str, str] | None
    after: tuple[str, str] | None
    words: tuple[str, str]
    shapes: tuple[str, str]
    params: int
    macs: int
    arguments: tuple[ArgumentChange, ...] = ()
    operators: tuple[Operator | None, Operator | None] = (None, None)
    moved: bool = False
    times: int = 1
    parts: tuple[Change, ...] = ()
    places: tuple[int, int] = (-1, -1)  # among the parts of the scope, before and after; -1 where it is not there

    @property
    def renamed(self) -> bool:
        """Whether a label became another; positions are no labels."""
        if self.before is None or self.after is None:
            return False
        return _label(self.before[0]) != _label(self.after[0])

    @property
    def is_port(self) -> bool:
        """Whether it is about an input or an output of the net; no operator and no block has such a name."""
        return bool({"input", "output"} & {*self.words})

    def every(self) -> Iterator[Change]:
        """This change and those within it."""
        yield self
        for part in self.parts:
            yield from part.every()


def _label(name: str) -> str:
    return "" if name.isdecimal() else name
