"""What a forward pass leaves for the backward pass: a step for each operation, in order."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from archlang.ops.base import GradientPlace


@dataclass(frozen=True, slots=True)
class Wish:
    """A gradient that is wanted of an input: the value's number, its bytes, whose it is, where the gradient lies.

    If it is a `view`, a further gradient is added to it in new memory.
    """

    value: int
    bytes: int
    path: str
    place: GradientPlace
    view: bool = False


@dataclass(frozen=True, slots=True)
class Wanting:
    """A weight of which a gradient is wanted: its key, its bytes, and whether torch returns its gradient as a view."""

    key: str
    bytes: int
    view: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """An operation: the values it gave, the gradients wanted of it, the storages kept for it, by number.

    `weights` are the weights of which a gradient is wanted; `bytes` are those of its first value. What is `declared` is
    a weight itself: the gradient of its value is its own. `partial` are storages that are kept for some of the values
    alone: these values, and the storages.
    """

    path: str
    word: str
    outputs: tuple[int, ...]
    wishes: tuple[Wish, ...]
    weights: tuple[Wanting, ...]
    kept: tuple[int, ...]
    bytes: int
    declared: bool = False
    partial: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()

    def kept_for(self, given: Container[int]) -> list[int]:
        """The storages that are kept where these values have a gradient."""
        serving = (kept for values, kept in self.partial if any(value in given for value in values))
        return [*self.kept, *(storage for kept in serving for storage in kept)]


@dataclass(frozen=True, slots=True)
class Repeated:
    """Steps that happen several times."""

    times: int
    steps: list[Entry] = field(default_factory=list["Entry"])


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A call of which nothing is kept but its inputs, by number of their storages: it is run again when it is needed.

    `again` runs it and gives its steps and the values that it gave then, in the place of the `outputs`.
    """

    outputs: tuple[int, ...]
    kept: tuple[int, ...]
    again: Callable[[], tuple[list[Entry], tuple[int, ...]]]


Entry = Step | Repeated | Recomputed
