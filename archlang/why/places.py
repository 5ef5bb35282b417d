"""The layers of a net with the calls that lead to them, and the layers at a path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archlang.diagnostics import Rejected
from archlang.ir import Block, CallNode, Graph, Layer, join_path
from archlang.program import Scope, program_of, scope_tree


@dataclass(frozen=True, slots=True)
class Call:
    """A call at its full path."""

    path: str
    node: CallNode
    callee: Block

    @property
    def has_path(self) -> bool:
        """Whether the path is the call's own, not that of a scope in which a block is called inline."""
        return self.node.name is not None or self.node.module is not None


@dataclass(frozen=True, slots=True)
class Place:
    """A layer and the calls that lead to it, the outermost first."""

    layer: Layer
    calls: tuple[Call, ...]

    @property
    def has_path(self) -> bool:
        """Whether the path is the layer's own, not that of the scope around a join."""
        return self.layer.node.name is not None or self.layer.node.module is not None

    def is_labelled(self, path: str) -> bool:
        """Return whether a full path is the label of one of its outputs."""
        around = f"{self.calls[-1].path}." if self.calls and self.calls[-1].path else ""
        if not path.startswith(around):
            return False
        return self.layer.block.labels.get(path[len(around) :]) in self.layer.node.outputs


@dataclass(frozen=True, eq=False)
class Places:
    """Every layer of a net, in the order of `graph.flat()`. The layers at a path are found without a walk."""

    graph: Graph
    all: tuple[Place, ...]

    @cached_property
    def _below(self) -> Mapping[str, list[Place]]:
        """The layers at or below each path."""
        found: dict[str, list[Place]] = {"": list(self.all)}
        for place in self.all:
            path = place.layer.path
            while path:
                found.setdefault(path, []).append(place)
                path = path.rpartition(".")[0]
        return found

    @cached_property
    def readers(self) -> Mapping[int, list[Layer]]:
        """The layers that take each value."""
        found: dict[int, list[Layer]] = {}
        for place in self.all:
            for value in place.layer.inputs:
                found.setdefault(value, []).append(place.layer)
        return found

    def at(self, path: str) -> list[Place]:
        """Return the layers at or below a path, all for the empty path, or the layer whose value has this label."""
        return self._below.get(path) or [place for place in self.all if place.is_labelled(path)]


def places(graph: Graph) -> Places:
    """Return every layer of the net."""
    calls = _calls(scope_tree(program_of(graph)), ())
    return Places(graph, tuple(Place(layer, around) for layer, around in zip(graph.flat(), calls, strict=True)))


def _calls(scope: Scope, around: tuple[Call, ...]) -> Iterator[tuple[Call, ...]]:
    """Yield the calls around each layer of a scope."""
    for part in scope.parts:
        if isinstance(part, int):
            yield around
        else:
            yield from _calls(part, (*around, Call(part.path, part.call, part.block)) if part.call else around)


def unknown(path: str, found: Places) -> Rejected:
    """Return the error for a path where nothing is, with the names that exist where it goes wrong."""
    from difflib import get_close_matches

    graph = found.graph
    inputs = {port.name: graph.root.types[port.value] for port in graph.root.inputs}
    if path in inputs:
        return Rejected("unknown-name", f"`{path}` is an input of {graph.name}, {inputs[path]}, and no layer gives it")
    parts = path.split(".")
    known = max((n for n in range(len(parts)) if n == 0 or found.at(".".join(parts[:n]))), default=0)
    above = ".".join(parts[:known])
    names = children(above, found.at(above))
    near = get_close_matches(parts[known][:60], names, 1, 0.5)
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    meant = f"did you mean `{join_path(above, near[0])}`? " if near else ""
    help = f"{meant}{above or graph.name} has {listed}" if names else f"ask for `{above}`, with its weights"
    return Rejected("unknown-name", f"{graph.name} has nothing at the path `{path}`", help=help)


def children(path: str, below: Sequence[Place]) -> list[str]:
    """Return the names directly below a path, in order."""
    return list(dict.fromkeys(name for place in below if (name := child(path, place))))


def child(path: str, place: Place) -> str:
    """Return the name directly below a path on the way to a layer; empty for a join of the path itself."""
    rest = place.layer.path.removeprefix(path).removeprefix(".") if path else place.layer.path
    return rest.partition(".")[0]
