"""A quantity of a net by layer, or by the scopes at a depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from archlang.facts.saved import saved
from archlang.facts.untold import UnknownFact
from archlang.facts.work import count
from archlang.ir import Graph, Layer

MOST_BARS = 64  # with more, a net is folded
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


def profile(
    graph: Graph, quantity: str, depth: int | None = None, name: str | None = None, full: bool = False
) -> Profile:
    """Return the profile of a net for one image. `saved_bytes` are those of training, other quantities of evaluation.

    Layers in a row whose paths agree in their first `depth` parts are one bar. Without a depth each layer is one; if
    that would be more than MOST_BARS, the net is folded by structure, unless it is to be shown in `full`.
    Raises ValueError for another quantity, and for a depth below 1.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"a profile is of {', '.join(QUANTITIES)}, not of {quantity}")
    if depth is not None and depth < 1:
        raise ValueError(f"a depth is 1 or more, not {depth}")
    of_layers = [(_place(layer, depth), layer.op.word, value) for layer, value in _values(graph, quantity)]
    if depth is not None:
        bars = [_sum(path, list(run)) for path, run in groupby(of_layers, lambda one: one[0])]
    elif full or sum(1 for *_, value in of_layers if value) <= MOST_BARS:
        bars = [Bar(path, {word: value}) for path, word, value in of_layers]
    else:
        bars = list(_folded(graph, of_layers))
    return Profile(name or graph.name, quantity, tuple(bar for bar in bars if bar.total))


def _folded(graph: Graph, of_layers: Sequence[tuple[str, str, int]]) -> Iterator[Bar]:
    """Yield a bar for each piece of the folded net: the sum over all of its calls."""
    from archlang.plot.folded import folded_layers

    for piece, path in folded_layers(graph, MOST_BARS):
        times = f" ×{len(piece.units)}" if len(piece.units) > 1 else ""
        inside = [of_layers[at] for at in piece.layers]
        first = next((place for place, _, value in inside if value), "")  # of a box, the layer that has any
        yield _sum(f"{path or first}{times}", inside)


def _sum(path: str, run: Sequence[tuple[str, str, int]]) -> Bar:
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
