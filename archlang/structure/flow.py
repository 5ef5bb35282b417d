"""The layers of a net by number, and who makes and reads each value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from archlang.ir import Graph, Layer
from archlang.program import Scope, program_of, scope_tree


@dataclass(frozen=True, eq=False)
class Flow:
    """A net with its calls expanded. Layers and values have the numbers of `graph.flat()`."""

    graph: Graph

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(self.graph.flat())

    @cached_property
    def tree(self) -> Scope:
        return scope_tree(program_of(self.graph))

    @cached_property
    def makers(self) -> dict[int, int]:
        """The layer that makes each value; inputs of the net have none."""
        return {value: at for at, layer in enumerate(self.layers) for value in layer.outputs}

    @cached_property
    def uses(self) -> Counter[int]:
        """How often each value is read, by layers and as outputs of the net."""
        found = Counter(value for layer in self.layers for value in layer.inputs)
        found.update(self.tree.outputs)
        return found

    def reads(self, layers: Iterable[int]) -> Iterator[int]:
        """Yield the values that these layers read."""
        for at in layers:
            yield from self.layers[at].inputs

    def makes(self, layers: Iterable[int]) -> Iterator[int]:
        """Yield the values that these layers make."""
        for at in layers:
            yield from self.layers[at].outputs
