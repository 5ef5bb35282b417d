"""A net with its calls expanded: the tree of blocks that are called, braces, and the layers in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archlang.ir import Block, CallNode, join_path
from archlang.program.regions import Call, Program, Region
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class Scope:
    """The net itself, a call of a block, or braces, with its layers from `start` to before `end`.

    `path` is that of its module, empty for the net, and `name` its key in the scope around it. `call` is the node that
    calls the block, None for the net and for braces. `what` is the name of the block, `{ }` or `net`. `inputs` and
    `outputs` number values as `graph.flat()` does; braces do not list their inputs. `values` maps the values of the
    block to these numbers. `parts` are layers, by their number, and scopes.
    """

    path: str
    name: str | None
    what: str
    call: CallNode | None
    block: Block
    start: int
    end: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    types: tuple[TensorType, ...]
    parts: tuple[int | Scope, ...]
    values: Mapping[int, int] = field(repr=False)

    @property
    def callee(self) -> str:
        """The id of the block that is called, empty for the net and for braces."""
        return self.call.block if self.call else ""

    def calls(self) -> Iterator[Scope]:
        """Yield the calls of blocks directly within, those in braces too."""
        for part in self.parts:
            if isinstance(part, Scope):
                yield from (part,) if part.call is not None else part.calls()


def scope_tree(program: Program) -> Scope:
    """Return the net as a scope, with everything in it."""
    program.graph.refuse_walk()
    count = len(program.root.inputs)
    return _Walk(program, count).block(program.root, "", None, tuple(range(count)))


@dataclass(slots=True)
class _Walk:
    """A walk through a Program; it holds the numbers of the next value and the next layer."""

    program: Program
    value: int
    layer: int = 0

    def block(self, region: Region, path: str, call: Call | None, inputs: tuple[int, ...]) -> Scope:
        """Return a block where it is called."""
        start, values = self.layer, dict(zip(region.inputs, inputs, strict=True))
        parts = self._parts(region, path, values)
        outputs = tuple(values[port.value] for port in region.block.outputs)
        types = tuple(region.block.types[port.value] for port in region.block.outputs)
        what = region.block.name if call else "net"
        node = call.node if call and isinstance(call.node, CallNode) else None
        name = call.name if call else None
        return Scope(path, name, what, node, region.block, start, self.layer, inputs, outputs, types, parts, values)

    def _parts(self, region: Region, path: str, values: dict[int, int]) -> tuple[int | Scope, ...]:
        return tuple(self._part(entry, path, values) for entry in region.entries)

    def _part(self, entry: Call | Region, path: str, values: dict[int, int]) -> int | Scope:
        if isinstance(entry, Region):
            return self._braces(entry, path, values)
        if entry.callee is None:
            values.update(zip(entry.outputs, range(self.value, self.value + len(entry.outputs)), strict=True))
            self.value, self.layer = self.value + len(entry.outputs), self.layer + 1
            return self.layer - 1
        inputs = tuple(values[value] for value in entry.inputs)
        scope = self.block(self.program.regions[entry.callee], join_path(path, entry.node.path), entry, inputs)
        values.update(zip(entry.outputs, scope.outputs, strict=True))
        return scope

    def _braces(self, region: Region, path: str, values: dict[int, int]) -> Scope:
        """Return the scope of braces. Its output is their label's value, else the values that are read after them."""
        start, block = self.layer, region.block
        parts = self._parts(region, path, values)
        given = _labelled(region) or region.outputs or region.entries[-1].outputs
        outputs = tuple(values[value] for value in given)
        full = join_path(path, region.path)
        return Scope(
            full, region.name, "{ }", None, block, start, self.layer, (), outputs, block.types_of(given), parts, values
        )


def _labelled(region: Region) -> tuple[int, ...]:
    """Return the value with the label of braces. Braces without a label have their position as key."""
    value = region.block.labels.get(region.path)
    if value is None or (region.path.rpartition(".")[2].isdigit() and value not in region.made):
        return ()
    return (value,)
