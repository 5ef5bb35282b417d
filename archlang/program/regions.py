"""What a Program is made of: regions, and the calls in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from archlang.ir import Block, CallNode, Graph, Guard, OpNode, values_of
from archlang.ops.base import Expression, Module, Operator, Stored
from archlang.ops.layouts import MemoryFormat
from archlang.program.frames import Frame, frame_of
from archlang.program.slim import Slim
from archlang.shapes import TensorType


@dataclass(frozen=True, eq=False)
class Call:
    """One operator that is applied, or one block that is called.

    `callee` is the id of the region that is called, None for an operator. A call that is `recomputed` keeps nothing for
    the backward pass but its inputs, and runs again there. One that is `in_place` writes its result over this input.
    A `deferred` convolution is applied together with the normalisation after it, whose `convolution` it is; and calls
    that are recomputed together are deferred to the last one, whose `run` they are. One that is `slim` keeps less for
    the backward pass.
    """

    node: OpNode | CallNode
    types: tuple[TensorType, ...]  # of the inputs, then of the outputs
    training_only: bool
    callee: str | None = None
    recomputed: bool = False
    in_place: int | None = None
    deferred: bool = False
    convolution: Call | None = None
    slim: Slim | None = None
    run: tuple[Call, ...] = ()

    @property
    def name(self) -> str | None:
        """The key of its module in the region. A join has none, nor has a call that applies a module again."""
        return self.node.name

    @property
    def module(self) -> str | None:
        """The path, relative to the block, of the module that is applied again; None for a call with its own module."""
        return self.node.module

    @property
    def inputs(self) -> tuple[int, ...]:
        return self._first.inputs

    @property
    def reads(self) -> tuple[int, ...]:
        """The inputs, then the values of which it only uses a size."""
        return self._first.reads

    @property
    def _first(self) -> OpNode | CallNode:
        """The first of the nodes that are applied with it."""
        first = self.run[0] if self.run else self.convolution
        return self.node if first is None else first.node

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The conditions on sizes that are checked before it runs."""
        return self.node.guards

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.node.outputs

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        return self.types[: len(self.inputs)]

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        return self.types[len(self.inputs) :]

    @property
    def operator(self) -> Operator | None:
        """The operator that is applied; None for a block."""
        return self.node.op if isinstance(self.node, OpNode) else None

    @cached_property
    def torch(self) -> Module | Expression | Stored | None:
        """What torch calls for an operator; None for a block."""
        if not isinstance(self.node, OpNode):
            return None
        if self.in_place is not None:
            return self.node.op.torch_over(self.in_place, *self.input_types)
        made = self.node.torch(*self.input_types)
        return made if self.slim is None else self.slim.applied(made)

    @cached_property
    def is_stateless(self) -> bool:
        """Whether it is an operator without weights: one module may serve several such calls."""
        return isinstance(self.node, OpNode) and not self.node.op.weights(*self.input_types)

    @property
    def is_computed(self) -> bool:
        """Whether it has a line of its own. A tensor that the module stores has none, nor has a deferred call."""
        return not self.deferred and not isinstance(self.torch, Stored)

    @property
    def only_renames(self) -> bool:
        """Whether it returns its input unchanged, as an expression and without a module."""
        return isinstance(self.torch, Expression) and self.torch.template == "{0}"

    @property
    def makes_module(self) -> bool:
        """Whether it has a module that takes only values and is called without marks."""
        is_module = not isinstance(self.torch, (Expression, Stored))
        is_alone = not self.recomputed and not self.deferred and self.convolution is None
        return is_module and is_alone and self.module is None and not self.guards

    def repeats(self, before: Call) -> bool:
        """Return whether it calls the block of the call before it, in the same way, on that call's outputs."""
        alike = (self.callee, self.recomputed, self.inputs) == (before.callee, before.recomputed, before.outputs)
        return alike and self.callee is not None and not (self.deferred or before.deferred)

    def walk(self) -> Iterator[Call]:
        """Yield the call itself, as a region walks through its calls."""
        yield self


@dataclass(frozen=True, eq=False)
class Region:
    """A block, or labelled braces in one: entries in the order in which they run.

    `name` is the key of the braces' module, None for a block; `path` is that of the braces in their block. `inputs` and
    `outputs` are the values of the block that enter and leave. `borrowed` are the paths of modules outside the braces
    that are applied again within them. A region with a `memory_format` has its weights of four axes in it.
    """

    block: Block
    path: str
    name: str | None
    entries: tuple[Entry, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    borrowed: tuple[str, ...] = ()
    memory_format: MemoryFormat | None = None

    @property
    def is_computed(self) -> bool:
        return True

    @property
    def operator(self) -> None:
        return None

    @property
    def in_place(self) -> None:
        return None

    @property
    def reads(self) -> tuple[int, ...]:
        """The values from outside that its calls read, as a whole or only their size."""
        return self.inputs

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The conditions on sizes that are checked after its last entry. Braces leave them to their block."""
        return self.block.guards if self.name is None else ()

    @property
    def only_renames(self) -> bool:
        return False

    @property
    def makes_module(self) -> bool:
        """Whether its module takes values only: no module is passed to it."""
        return not self.borrowed

    @cached_property
    def training_only(self) -> bool:
        """Whether nothing in it runs in evaluation."""
        return all(call.training_only for call in self.walk())

    def skips(self, entry: Entry) -> bool:
        """Return whether evaluation skips an entry when it runs the region.

        Braces that run only in training skip nothing. Evaluation does not run them, and they may share a class with
        braces that run.
        """
        return entry.training_only and (self.name is None or not self.training_only)

    @cached_property
    def made(self) -> frozenset[int]:
        """The values that its calls return."""
        return frozenset(value for call in self.walk() for value in call.outputs)

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        return self.block.types_of(self.inputs)

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        return self.block.types_of(self.outputs)

    @cached_property
    def last_uses(self) -> Mapping[int, int]:
        """The place of the last entry that reads each value; the number of entries if the region returns it."""
        uses = {value: at for at, entry in enumerate(self.entries) for value in entry.reads}
        uses |= dict.fromkeys(values_of(self.guards), len(self.entries))
        return uses | dict.fromkeys(self.outputs, len(self.entries))

    @cached_property
    def kept(self) -> frozenset[int]:
        """The values that are read by more than the entry after their own, and several that one entry gives."""
        made = dict.fromkeys(self.inputs, -1)
        kept: set[int] = set()
        for at, entry in enumerate(self.entries):
            kept |= {value for value in entry.reads if made[value] != at - 1}
            if len(entry.outputs) > 1:
                kept.update(entry.outputs)
            made.update(dict.fromkeys(entry.outputs, at))
        read = (*self.outputs, *values_of(self.guards))
        return frozenset(kept | {value for value in read if made[value] != len(self.entries) - 1})

    @cached_property
    def frame(self) -> Frame:
        """The variables of its `forward`."""
        return frame_of(self)

    @cached_property
    def is_chain(self) -> bool:
        """Whether each entry is a module that takes the one value of the entry before it, and nothing else reads it."""
        flow = self.inputs
        for entry in self.entries:
            if len(flow) != 1 or entry.inputs != flow or not entry.makes_module:
                return False
            flow = entry.outputs
        return bool(self.entries) and flow == self.outputs and self._is_read_once()

    def _is_read_once(self) -> bool:
        read = [value for entry in self.entries for value in entry.reads]
        return len(set(read)) == len(read) and not set(self.outputs) & set(read)

    @cached_property
    def is_sequential(self) -> bool:
        """Whether `nn.Sequential` expresses it: a chain with the keys 0, 1, 2, ..., nothing tied or frozen."""
        if self.name is None and (self.block.frozen or self.ties or self.guards):
            return False
        return self.is_chain and [entry.name for entry in self.entries] == [str(at) for at in range(len(self.entries))]

    @property
    def ties(self) -> list[tuple[str, str]]:
        """The tied weights of the block: the path of each, and of the weight that it shares."""
        nodes = (node for node in self.block.nodes if isinstance(node, OpNode))
        return [(f"{node.path}.{name}", other) for node in nodes for name, other in node.ties.items()]

    def walk(self) -> Iterator[Call]:
        """Yield every call in it, those of inner braces too."""
        for entry in self.entries:
            yield from entry.walk()

    def runs(self) -> list[list[Entry]]:
        """Return the entries in order; calls that repeat the call before them stand together."""
        found: list[list[Entry]] = []
        for entry in self.entries:
            before = found[-1][-1] if found else None
            if isinstance(entry, Call) and isinstance(before, Call) and entry.repeats(before):
                found[-1].append(entry)
            else:
                found.append([entry])
        return found


Entry = Call | Region


@dataclass(frozen=True, eq=False)
class Program:
    """The regions of a net's blocks by id, callees first; the last one is the net."""

    graph: Graph
    regions: Mapping[str, Region]

    @cached_property
    def root(self) -> Region:
        """The region of the net."""
        return tuple(self.regions.values())[-1]

    def walk(self) -> Iterator[Call]:
        """Yield every call of every region, each once, however often its region is called."""
        for region in self.regions.values():
            yield from region.walk()
