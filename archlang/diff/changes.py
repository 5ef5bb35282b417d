"""A change as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archlang.ops.base import Operator

Kind = Literal["added", "removed", "changed", "follows"]


@dataclass(frozen=True, slots=True)
class ArgumentChange:
    """An argument before and after, as the language writes it; empty if it is absent."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a layer, a scope, an input or an output, or of a run of `times` equal ones.

    A change that `follows` is a consequence: the part was not edited, but something before it was, and so its shapes,
    weights or work differ. `before` and `after` are names relative to the change around this one, from the first to the
    last of a run; empty for a layer without a name, None if it was added or removed. `words` are the operators or
    blocks and `shapes` the outputs, before and after. `params` and `macs` are the differences of the whole run for one
    image; `parts` are the changes within one of the run. A part has `moved` if its label is in another order.
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
    places: tuple[int, int] = (-1, -1)  # its place among the parts of the scope, before and after; -1 if it is absent

    @property
    def renamed(self) -> bool:
        """Whether a label became another one; positions are not labels."""
        if self.before is None or self.after is None:
            return False
        return _label(self.before[0]) != _label(self.after[0])

    @property
    def is_port(self) -> bool:
        """Whether it is of an input or an output of the net; no operator or block has such a name."""
        return bool({"input", "output"} & {*self.words})

    def every(self) -> Iterator[Change]:
        """Yield this change and those within it."""
        yield self
        for part in self.parts:
            yield from part.every()


def _label(name: str) -> str:
    return "" if name.isdecimal() else name
