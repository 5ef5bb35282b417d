"""A quantity of a net by layer, or by the scopes at a depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from archlang.facts.saved import saved
from archlang.facts.untold import UnknownFact
from archlang.facts.work import count
from archlang.ir import Graph, Layer

QUANTITIES = ("macs", "params", "output_bytes", "saved_bytes")


@dataclass(frozen=True, slots=True)
class Bar:
    """A layer or a scope by its path, and the quantity of each operator in it."""

    path: str
    values: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.values.values())


@dataclass(frozen=True, slots=True)
class Profile:
    """A quantity of a net for one image, in the order of its layers; layers that have none of it are left out."""

    name: str
    quantity: str
    bars: tuple[Bar, ...]

    @property
    def total(self) -> int:
        return sum(bar.total for bar in self.bars)


def profile(graph: Graph, quantity: str, depth: int | None = None, name: str | None = None) -> Profile:
    """Return the profile of a net for one image. `saved_bytes` are those of training, other quantities of evaluation.

    Layers in a row whose paths agree in their first `depth` parts are one bar; without a depth each layer is one.
    Raises ValueError for another quantity, and for a depth below 1.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"a profile is of {', '.join(QUANTITIES)}, not of {quantity}")
    if depth is not None and depth < 1:
        raise ValueError(f"a depth is 1 or more, not {depth}")
    of_layers = ((_place(layer, depth), layer.op.word, value) for layer, value in _values(graph, quantity))
    if depth is None:
        bars = (Bar(path, {word: value}) for path, word, value in of_layers)
    else:
        bars = (_sum(path, run) for path, run in groupby(of_layers, lambda one: one[0]))
    return Profile(name or graph.name, quantity, tuple(bar for bar in bars if bar.total))


def _sum(path: str, run: Iterator[tuple[str, str, int]]) -> Bar:
    values = Counter[str]()
    for _, word, value in run:
        values[word] += value
    return Bar(path, values)


def _place(layer: Layer, depth: int | None) -> str:
    """Return the path as people read it, or its first parts. A layer of the net itself without a name keeps its own."""
    named = layer.node.name is not None or layer.node.module is not None
    whole = layer.path if named else f"{layer.path} ({layer.op.word})".lstrip()
    if depth is None or not layer.path:
        return whole
    parts = layer.path.split(".")
    return ".".join(parts[:depth]) if len(parts) >= depth else whole


def _values(graph: Graph, quantity: str) -> Iterator[tuple[Layer, int]]:
    if quantity == "saved_bytes":
        found = saved(graph)
        if found.untold:
            raise UnknownFact("saved_bytes", found.untold)
        return ((kept.layer, kept.new_bytes) for kept in found.layers)
    counts = count(graph)
    of: Callable[[Layer], int] = lambda layer: int(getattr(counts.of(layer), quantity))  # noqa: E731
    return ((layer, of(layer)) for layer in graph.flat())
