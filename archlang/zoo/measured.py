"""The work of a shipped net at the images on which its accuracy was measured, where its spec has another size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archlang import syntax as s
from archlang.elaborate import elaborate
from archlang.facts.work import totals
from archlang.ir import Graph
from archlang.library import find, read
from archlang.paths import SPECS
from archlang.zoo.entries import Entry


@dataclass(frozen=True, slots=True)
class Measured:
    """A published accuracy in percent, and the multiply-accumulates for one image like those it was measured on.

    `side` is their size in pixels if the spec has another one, else None. `macs` is None if the net is not valid there.
    """

    top1: float
    macs: int | None
    side: int | None


def measured(spec: str, graph: Graph, one: Entry) -> Measured | None:
    """Return the published accuracy of a shipped net with the work that it took; None if there is none.

    `spec` names the net, `graph` is the net at the size of its spec, and `one` its entry.
    """
    if one.top1 is None or one.measured_on is None:
        return None
    if {graph.root.types[port.value].shape[-1] for port in graph.root.inputs} == {one.measured_on}:
        return Measured(one.top1, one.macs, None)
    return Measured(one.top1, measured_macs(spec, graph, one.measured_on), one.measured_on)


def measured_macs(spec: str, graph: Graph, side: int) -> int | None:
    """Return the multiply-accumulates for one square image of `side` pixels, as its accuracy was measured.

    `spec` names a shipped net, and `graph` is that net at the size of its spec. None if it has no square image as its
    only input, or is not valid at that size.
    """
    inputs = [graph.root.types[port.value] for port in graph.root.inputs]
    if len(inputs) != 1 or inputs[0].axes[-2:] != ("h", "w") or inputs[0]["h"] != inputs[0]["w"]:
        return None
    before = inputs[0]["h"]
    if before == side:
        return totals(graph).macs
    library = read(find(spec, SPECS))
    files = {name: _resized(file, before, side) for name, file in library.files.items()}
    made, _ = elaborate(files[library.main.name], graph.name, {}, files)
    return None if made is None else totals(made).macs


def _resized(file: s.File, before: int, side: int) -> s.File:
    """Return the file with its square images of `before` pixels at another size, where a net has them as input."""
    return replace(file, declarations=tuple(_in_net(one, before, side) for one in file.declarations))


def _in_net(declaration: s.Declaration, before: int, side: int) -> s.Declaration:
    if not isinstance(declaration, s.Definition) or not declaration.is_net:
        return declaration
    items = tuple(_input(item, before, side) if isinstance(item, s.Input) else item for item in declaration.body.items)
    return replace(declaration, body=replace(declaration.body, items=items))


def _input(item: s.Input, before: int, side: int) -> s.Input:
    match item.shape:
        case s.Literal(value=(channels, high, wide)) if high == wide == before:
            return replace(item, shape=replace(item.shape, value=(channels, side, side)))
        case _:
            return item
