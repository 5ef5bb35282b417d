"""A block as nested regions: what stands in it, in order, and which values enter and leave each part.

A region is a block, or labelled braces within one. Its entries are operators, calls and inner regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from archlang.ir import Block, CallNode, OpNode, is_at
from archlang.ops.base import Expression, Module, Stored
from archlang.shapes import TensorType


@dataclass(frozen=True)
class Step:
    """An operator or a call. `name` is its key in the region; a join has none, nor has a module that is applied again.

    `module` is the path of such a module, relative to the block.
    """

    node: OpNode | CallNode
    name: str | None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    types: tuple[TensorType, ...]
    call: Module | Expression | Stored | str  # what torch calls, or the id of the block called
    training_only: bool
    module: str | None = None

    @cached_property
    def stateless(self) -> bool:
        """An operator without weights: one module may serve many such steps."""
        return isinstance(self.node, OpNode) and not self.node.op.weights(*self._inputs)

    @property
    def _inputs(self) -> tuple[TensorType, ...]:
        return self.types[: len(self.inputs)]

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        return self.types[len(self.inputs) :]


@dataclass(frozen=True)
class Region:
    """Entries with the values that enter and leave; `name` is the key of braces, None for the block itself.

    `borrowed` are the paths of modules outside it that are applied again within it.
    """

    block: Block
    path: str
    name: str | None
    entries: tuple[Step | Region, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    borrowed: tuple[str, ...] = ()

    @cached_property
    def is_chain(self) -> bool:
        """Whether each entry is a module that takes the one value of the entry before it, and no one else takes it."""
        flow = self.inputs
        for entry in self.entries:
            if len(flow) != 1 or entry.inputs != flow or not _is_own_module(entry):
                return False
            flow = entry.outputs
        return bool(self.entries) and flow == self.outputs and self._used_once()

    def _used_once(self) -> bool:
        taken = [value for entry in self.entries for value in entry.inputs]
        return len(set(taken)) == len(taken) and not set(self.outputs) & set(taken)

    @cached_property
    def is_sequential(self) -> bool:
        """Whether `nn.Sequential` says it all: a chain whose keys are 0, 1, 2, ..., nothing tied or frozen."""
        if self.name is None and (self.block.frozen or self.ties):
            return False
        return self.is_chain and [entry.name for entry in self.entries] == [str(at) for at in range(len(self.entries))]

    @property
    def ties(self) -> list[tuple[str, str]]:
        """The weights of the block that are another's: the path of each, and of the other."""
        nodes = (node for node in self.block.nodes if isinstance(node, OpNode))
        return [(f"{node.path}.{name}", other) for node in nodes for name, other in node.ties.items()]

    def walk(self) -> Iterator[Step]:
        """Every step in it, those of inner regions too."""
        for entry in self.entries:
            yield from entry.walk() if isinstance(entry, Region) else (entry,)


def is_computed(entry: Step | Region) -> bool:
    """Whether an entry computes something; a tensor that the module stores is there already."""
    return isinstance(entry, Region) or not isinstance(entry.call, Stored)


def is_training_only(entry: Step | Region) -> bool:
    """Whether an entry runs in training alone."""
    steps = entry.walk() if isinstance(entry, Region) else (entry,)
    return all(step.training_only for step in steps)


def _is_own_module(entry: Step | Region) -> bool:
    """Whether an entry is a module that is made here, and takes values alone."""
    if isinstance(entry, Region):
        return not entry.borrowed
    return entry.module is None and not isinstance(entry.call, (Expression, Stored))


def region(block: Block) -> Region:
    """The regions of a block."""
    steps = [_step(block, node) for node in block.nodes]
    outputs = tuple(dict.fromkeys(port.value for port in block.outputs))
    # an output of the block is taken after all of its steps
    last = {value: at for at, step in enumerate(steps) for value in step.inputs} | dict.fromkeys(outputs, len(steps))
    entries = _entries(_Flow(block, steps, last), "", 0, len(steps))
    return Region(block, "", None, entries, tuple(port.value for port in block.inputs), outputs)


def _step(block: Block, node: OpNode | CallNode) -> Step:
    types = (*block.types_of(node.inputs), *block.types_of(node.outputs))
    call = node.op.torch(*types[: len(node.inputs)]) if isinstance(node, OpNode) else node.block
    return Step(
        node, node.name, node.inputs, node.outputs, types, call, node.outputs in block.training_only, node.module
    )


@dataclass(frozen=True)
class _Flow:
    """The steps of a block in order, and for each value the last step that takes it."""

    block: Block
    steps: list[Step]
    last: Mapping[int, int]


def _entries(flow: _Flow, path: str, start: int, end: int) -> tuple[Step | Region, ...]:
    """The steps from `start` to `end`, which stand in the scope `path`; those of inner scopes as regions."""
    entries: list[Step | Region] = []
    depth = path.count(".") + 1 if path else 0
    at = start
    while at < end:
        scope = flow.steps[at].node.scope
        if scope == path:
            entries.append(flow.steps[at])
            at += 1
            continue
        inner = ".".join(scope.split(".")[: depth + 1])
        after = at
        while after < end and f"{flow.steps[after].node.scope}.".startswith(f"{inner}."):
            after += 1
        entries.append(_inner(flow, inner, at, after))
        at = after
    return tuple(entries)


def _inner(flow: _Flow, path: str, start: int, end: int) -> Region:
    """The region of a scope: it takes what its steps take from before it, and gives what is taken after it."""
    part = flow.steps[start:end]
    made = dict.fromkeys(value for step in part for value in step.outputs)
    taken = dict.fromkeys(value for step in part for value in step.inputs)
    entering = tuple(value for value in taken if value not in made)
    leaving = tuple(value for value in made if flow.last.get(value, -1) >= end)
    # an expression is written out again; a module is lent
    again = dict.fromkeys(step.module for step in part if step.module and not isinstance(step.call, Expression))
    borrowed = tuple(module for module in again if not is_at(module, path))
    key = path.rsplit(".", maxsplit=1)[-1]
    return Region(flow.block, path, key, _entries(flow, path, start, end), entering, leaving, borrowed)
