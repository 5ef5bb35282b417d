"""The inputs of layers and outputs, compared between the layers that are in both nets.

If a layer has another input because its source was removed, or something was added between, that is no change of its
own: the removal or addition is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archlang.diff.changes import ArgumentChange
from archlang.ir import Graph, Layer, Port

_Source = tuple[int, int]  # a layer's number and which of its values; -1 for the net and which of its inputs


@dataclass(frozen=True, slots=True)
class Wired:
    """The layers of a net and the source of each value; values are numbered as in `Graph.flat`."""

    graph: Graph
    layers: Sequence[Layer]
    sources: Mapping[int, _Source]

    def name(self, source: _Source) -> str:
        """Return the name of a source for people: its path, and its operator if the path is that of a scope."""
        number, index = source
        if number < 0:
            return self.graph.root.inputs[index].name
        layer = self.layers[number]
        path = layer.path if layer.node.name or layer.node.module else f"{layer.path} ({layer.op.word})".lstrip()
        return path if len(layer.outputs) == 1 else f"{path}[{index}]"


@dataclass(frozen=True, slots=True)
class Wiring:
    """Two nets, and for each source in the first the same one in the second; `there` holds all of the latter."""

    before: Wired
    after: Wired
    becomes: Mapping[_Source, _Source]
    there: frozenset[_Source]

    def layer(self, before: int, after: int) -> Iterator[ArgumentChange]:
        """Return the inputs in which a layer, by its number in each net, differs."""
        return self._inputs(self.before.layers[before].inputs, self.after.layers[after].inputs, "input")

    def output(self, before: int, after: int) -> Iterator[ArgumentChange]:
        """Return the same for an output of the net."""
        return self._inputs((before,), (after,), "value")

    def _inputs(self, before: Sequence[int], after: Sequence[int], name: str) -> Iterator[ArgumentChange]:
        old = [self.before.sources[value] for value in before]
        new = [self.after.sources[value] for value in after]
        expected = [self.becomes.get(source) for source in old]
        if len(old) == len(new):
            for at, (was, wanted, found) in enumerate(zip(old, expected, new, strict=True)):
                if wanted is not None and found in self.there and wanted != found:
                    called = name if len(old) == 1 else f"{name} {at + 1}"
                    yield ArgumentChange(called, self.before.name(was), self.after.name(found))
        elif self._are_others(expected, new):
            names = ", ".join(map(self.before.name, old)), ", ".join(map(self.after.name, new))
            yield ArgumentChange(f"{name}s", *names)

    def _are_others(self, expected: Sequence[_Source | None], new: Sequence[_Source]) -> bool:
        """Return whether the inputs differ among the sources that are in both nets, also in how often each is used."""
        wanted = Counter(source for source in expected if source is not None)
        return wanted != Counter(source for source in new if source in self.there)


def wiring(before: Graph, after: Graph, same: Mapping[int, int]) -> Wiring:
    """Return the wiring of two nets; `same` maps each layer of the second that the first has to its number there."""
    wired = _wired(before), _wired(after)
    becomes = {(-1, a): (-1, b) for a, b in same_ports(before.root.inputs, after.root.inputs)}
    for number, was in same.items():
        outputs = zip(wired[0].layers[was].outputs, wired[1].layers[number].outputs, strict=False)
        becomes.update({(was, at): (number, at) for at, _ in enumerate(outputs)})
    return Wiring(*wired, becomes, frozenset(becomes.values()))


def _wired(graph: Graph) -> Wired:
    layers = list(graph.flat())
    sources = {at: (-1, at) for at, _ in enumerate(graph.root.inputs)}
    for number, layer in enumerate(layers):
        sources.update({value: (number, at) for at, value in enumerate(layer.outputs)})
    return Wired(graph, layers, sources)


def same_ports(before: Sequence[Port], after: Sequence[Port]) -> list[tuple[int, int]]:
    """Return the places of ports that correspond: those with one name, then the others in order."""
    names = {port.name: at for at, port in enumerate(after)}
    found = {at: names[port.name] for at, port in enumerate(before) if port.name in names}
    rest = [at for at, _ in enumerate(before) if at not in found]
    others = [at for at, _ in enumerate(after) if at not in found.values()]
    return sorted((*found.items(), *zip(rest, others, strict=False)))
