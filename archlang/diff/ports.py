"""The inputs and outputs of two nets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from archlang.diff.changes import ArgumentChange, Change
from archlang.diff.tree import shape_of
from archlang.diff.wiring import Wiring, same_ports
from archlang.facts.named_values import outputs_of
from archlang.ir import Graph, Port


def port_changes(wiring: Wiring) -> Iterator[Change]:
    """Yield the inputs, then the outputs, that were added, removed or changed, or whose shapes follow."""
    yield from _ports(wiring, "input")
    yield from _ports(wiring, "output")


def _ports(wiring: Wiring, word: Literal["input", "output"]) -> Iterator[Change]:
    graphs = wiring.before.graph, wiring.after.graph
    before, after = (graph.root.inputs if word == "input" else graph.root.outputs for graph in graphs)
    same = same_ports(before, after)
    there = {a for a, _ in same}, {b for _, b in same}
    for at, port in enumerate(before):
        if at not in there[0]:
            shapes = (_shape(graphs[0], port), "")
            yield Change("removed", (port.name, port.name), None, (word, ""), shapes, 0, 0)
    for at, port in enumerate(after):
        if at not in there[1]:
            shapes = ("", _shape(graphs[1], port))
            yield Change("added", None, (port.name, port.name), ("", word), shapes, 0, 0)
    for a, b in same:
        one, other = before[a], after[b]
        shapes = (_shape(graphs[0], one), _shape(graphs[1], other))
        change = Change("changed", (one.name, one.name), (other.name, other.name), (word, word), shapes, 0, 0)
        if word == "output":
            wired = wiring.output(outputs_of(graphs[0])[a], outputs_of(graphs[1])[b])
            change = replace(change, arguments=(*_mode(one, other), *wired))
        touched = change.renamed or change.arguments or (word == "input" and shapes[0] != shapes[1])
        if touched or shapes[0] != shapes[1]:
            yield change if touched else replace(change, kind="follows")


def _mode(one: Port, other: Port) -> Iterator[ArgumentChange]:
    said = ["when training" if port.training else "" for port in (one, other)]
    if said[0] != said[1]:
        yield ArgumentChange("given", *said)


def _shape(graph: Graph, port: Port) -> str:
    return shape_of([graph.root.types[port.value]])
