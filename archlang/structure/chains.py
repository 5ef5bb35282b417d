"""Layers that papers draw as one box: a convolution with its norm and activation, or with those before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from archlang.ir import Layer
from archlang.program import Scope
from archlang.structure.flow import Flow

TRIM = frozenset({"norm", "activation", "dropout", "layout"})  # families that stand beside the head of a box


@dataclass(frozen=True, slots=True)
class Chain:
    """Layers of one scope in a row, each read by the next alone. At most one of them is no norm, activation or such."""

    layers: tuple[int, ...]

    @property
    def start(self) -> int:
        return self.layers[0]

    @property
    def end(self) -> int:
        return self.layers[-1] + 1


Part = Chain | Scope


def parts_of(flow: Flow, entries: Iterable[int | Scope]) -> Iterator[Part]:
    """Yield the layers of a scope as chains, and its scopes as they are, in order."""
    row: list[int] = []
    for entry in entries:
        if row and not (isinstance(entry, int) and _follows(flow, row[-1], entry)):
            yield from _boxes(flow, row)
            row = []
        if isinstance(entry, int):
            row.append(entry)
        elif entry.end > entry.start:
            yield entry
    yield from _boxes(flow, row)


def head_of(flow: Flow, chain: Chain) -> int:
    """Return the layer that a box is named after: the first if it holds only norms, activations and such."""
    return next((at for at in chain.layers if not is_trim(flow.layers[at])), chain.layers[0])


def is_trim(layer: Layer) -> bool:
    """Return whether a layer stands beside the head of its box."""
    return layer.op.family in TRIM and len(layer.outputs) == 1


def _follows(flow: Flow, one: int, other: int) -> bool:
    """Return whether a layer alone reads what the layer before it makes, and nothing else."""
    before, after = flow.layers[one], flow.layers[other]
    return len(before.outputs) == 1 and after.inputs == before.outputs and flow.uses[before.outputs[0]] == 1


def _boxes(flow: Flow, row: Sequence[int]) -> Iterator[Chain]:
    """Yield a row of layers as chains. Where the row begins with a norm, norms belong to the layer after them."""
    if not row:
        return
    early = flow.layers[row[0]].op.family == "norm"
    heads = [at for at, layer in enumerate(row) if not is_trim(flow.layers[layer])]
    if not heads:
        yield Chain(tuple(row))
        return
    cuts = [head + 1 for head in heads[:-1]] if early else heads[1:]
    for start, end in zip((0, *cuts), (*cuts, len(row)), strict=True):
        yield Chain(tuple(row[start:end]))
