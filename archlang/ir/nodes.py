"""The parts of a Graph: operators applied, blocks called, the blocks themselves, and promises."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from archlang.formulas import Formula, SizeOf, parts, text_of, values_in
from archlang.ir.fields import AnyOperator
from archlang.ops.base import Expression, Module, Operator, Stored
from archlang.ops.initialisers import start_text
from archlang.ops.sized import written_for
from archlang.shapes import TensorType
from archlang.source import Span

FACTS = (  # what `expect` promises: numbers, and a window
    "params", "trainable_params", "buffers", "macs", "flops", "output_values", "backward_macs", "saved_bytes",
    "bias_adds", "normalised", "activated", "elementwise", "comparisons", "moved", "receptive_field",
    "memory.training", "memory.inference", "memory.peak",
)  # fmt: skip


def join_path(*parts: str | None) -> str:
    """Join dotted parts to one path. Empty parts and None add nothing."""
    return ".".join(part for part in parts if part)


def is_at(path: str, top: str) -> bool:
    """Return whether a path is `top` or below it."""
    return path == top or path.startswith(f"{top}.")


class Model(BaseModel):
    """A frozen part of the Graph."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)


class Start(Model):
    """The initial value of a weight: an initialiser and its arguments in order, or the word `list` and the numbers."""

    word: str
    values: tuple[float | str, ...] = ()

    def __str__(self) -> str:
        return start_text(self.word, self.values)


Comparison = Literal["==", "!=", "<", "<=", ">", ">="]
OPPOSITE: Mapping[str, Comparison] = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class Guard(Model):
    """A condition on sizes when a net runs: its steps were chosen under it. It was written at `span`."""

    comparison: Comparison
    left: Formula
    right: Formula
    span: Span

    def text(self, name: Callable[[int], str]) -> str:
        """Return the condition in Python; `name` is the expression of a value."""
        return f"{text_of(self.left, name)} {self.comparison} {text_of(self.right, name)}"

    def holds(self, left: float, right: float) -> bool:
        """Return whether it holds if its sides have these values."""
        return _COMPARE[self.comparison](left, right)

    @property
    def sizes(self) -> list[SizeOf]:
        """The sizes that it uses."""
        return [part for side in (self.left, self.right) for part in parts(side) if isinstance(part, SizeOf)]

    @property
    def opposite(self) -> Guard:
        """The condition under which it does not hold."""
        return self.model_copy(update={"comparison": OPPOSITE[self.comparison]})


def values_of(guards: tuple[Guard, ...]) -> tuple[int, ...]:
    """Return the values whose sizes the guards use, each once."""
    return tuple(dict.fromkeys(size.value for guard in guards for size in guard.sizes))


def _read(inputs: tuple[int, ...], guards: tuple[Guard, ...], sizes: Sequence[Formula] = ()) -> tuple[int, ...]:
    """Return the inputs of a node, then the values of which it, or a guard before it, only uses a size."""
    if not guards and not sizes:
        return inputs
    read = dict.fromkeys((*values_in(sizes), *values_of(guards)))
    return (*inputs, *(value for value in read if value not in inputs))


class OpNode(Model):
    """One operator applied. Its weights live at `scope.name`; a join has no name. Dots in a name are containers, which
    hold modules and run nothing: `convs.0`.

    If it applies an earlier node's module again, `module` is the path of that module within the block, and it has no
    name of its own. `ties` maps its weights to those they share: `{"weight": "wte.weight"}`. `starts` gives the initial
    value of its weights, by name; a weight without one starts as torch's module initialises it. `sizes`
    has the formulas of arguments that are only known when the net runs; `op` has their values at the
    default. `guards` are checked before it runs.
    """

    kind: Literal["op"] = "op"
    op: Annotated[Operator, AnyOperator]
    scope: str
    name: str | None
    module: str | None = None
    ties: dict[str, str] = {}
    starts: dict[str, Start] = {}
    sizes: dict[str, tuple[Formula, ...]] = {}
    guards: tuple[Guard, ...] = ()
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    span: Span

    @property
    def path(self) -> str:
        """The path of its module within the block; a join has the path of its scope."""
        return self.module or join_path(self.scope, self.name)

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """The values that it reads: its inputs, then those of which it only uses a size."""
        return _read(self.inputs, self.guards, [one for sizes in self.sizes.values() for one in sizes])

    def torch(self, *inputs: TensorType) -> Module | Expression | Stored:
        """Return what torch calls for inputs of these types. Placeholders of an expression count what it `reads`."""
        return self._written.torch(*inputs)

    @cached_property
    def _written(self) -> Operator:
        """The operator, with the numbers that are only known when the net runs written as formulas."""
        return written_for(self.op, self.sizes, self.reads) if self.sizes else self.op


class CallNode(Model):
    """One call of a block: `block` is the id of another block of the Graph. `module` is as in OpNode."""

    kind: Literal["call"] = "call"
    block: str
    scope: str
    name: str | None
    module: str | None = None
    guards: tuple[Guard, ...] = ()
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    span: Span

    @property
    def path(self) -> str:
        """The path of its module within the block."""
        return self.module or join_path(self.scope, self.name)

    @cached_property
    def reads(self) -> tuple[int, ...]:
        """The values that it reads: its inputs, then those of which a guard only uses a size."""
        return _read(self.inputs, self.guards)


Node = Annotated[OpNode | CallNode, Field(discriminator="kind")]


class Port(Model):
    """A named input or output of a block. An output `when training` is returned in training mode only."""

    name: str
    value: int
    training: bool = False


class Block(Model):
    """A block at one set of arguments and input types.

    `types` holds the type of each value. `scopes` lists the labelled braces in the order written, `labels` the value
    that each label or path names. Nothing at or below a `frozen` path is trained. `guards` are checked after the last
    node.
    """

    id: str
    name: str
    arguments: dict[str, str]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    types: tuple[TensorType, ...]
    nodes: tuple[Node, ...]
    scopes: tuple[str, ...]
    labels: dict[str, int]
    frozen: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()

    @cached_property
    def training_only(self) -> frozenset[tuple[int, ...]]:
        """The nodes, by their output values, that only outputs `when training` depend on."""
        if not any(port.training for port in self.outputs):
            return frozenset()
        needed = {port.value for port in self.outputs if not port.training} | {*values_of(self.guards)}
        idle: set[tuple[int, ...]] = set()
        for node in reversed(self.nodes):
            if needed.isdisjoint(node.outputs):
                idle.add(node.outputs)
            else:
                needed.update(node.reads)
        return frozenset(idle)

    @cached_property
    def braces(self) -> frozenset[str]:
        """The paths of the labelled braces."""
        return frozenset(self.scopes)

    @cached_property
    def ties(self) -> Mapping[str, Mapping[str, str]]:
        """The ties of each module that has some, by its path within the block."""
        return {node.path: node.ties for node in self.nodes if isinstance(node, OpNode) and node.ties}

    def owner(self, weight: str) -> str:
        """Return the path of the weight that this one shares in the end: a tie may lead to a weight that is tied."""
        untied: Mapping[str, str] = {}
        seen: set[str] = set()
        while weight not in seen:
            seen.add(weight)
            module, _, name = weight.rpartition(".")
            weight = self.ties.get(module, untied).get(name, weight)
        return weight

    def types_of(self, values: tuple[int, ...]) -> tuple[TensorType, ...]:
        """Return the types of these values."""
        return tuple(self.types[value] for value in values)


class Promise(Model):
    """An `expect` line: a fact of a path, a comparison, the number or shape promised. `slack` belongs to `~`.

    `more` are further paths and facts, whose numbers are added to the first. `against` are those on the other side,
    each with its factor as a fraction of two numbers; they are added to the number that is expected. `at` gives the
    settings of the run for which it holds: `{"batch": 256, "dtype": "bf16"}`.
    """

    path: str
    fact: str
    more: tuple[tuple[str, str], ...] = ()
    comparison: Literal["==", "!=", "<", "<=", ">", ">=", "~"]
    expected: int | float | tuple[int, ...]
    against: tuple[tuple[int, int, str, str], ...] = ()
    slack: float = 0.0
    at: dict[str, int | str] = {}
    text: str
    span: Span
