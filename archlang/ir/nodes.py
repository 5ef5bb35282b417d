"""The parts of a Graph: operators applied, blocks called, the blocks themselves, and promises."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from archlang.ir.fields import AnyOperator
from archlang.ops.base import Operator
from archlang.ops.initialisers import start_text
from archlang.shapes import TensorType
from archlang.source import Span

FACTS = (  # what `expect` promises: numbers, and a window
    "params", "trainable_params", "buffers", "macs", "flops", "output_values", "backward_macs", "saved_bytes",
    "bias_adds", "normalised", "activated", "elementwise", "comparisons", "moved", "receptive_field",
    "memory.training", "memory.inference",
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


class OpNode(Model):
    """One operator applied. Its weights live at `scope.name`; a join has no name.

    If it applies an earlier node's module again, `module` is the path of that module within the block, and it has no
    name of its own. `ties` maps its weights to those they share: `{"weight": "wte.weight"}`. `starts` gives the initial
    value of its weights, by name; a weight without one starts as torch's module initialises it.
    """

    kind: Literal["op"] = "op"
    op: Annotated[Operator, AnyOperator]
    scope: str
    name: str | None
    module: str | None = None
    ties: dict[str, str] = {}
    starts: dict[str, Start] = {}
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    span: Span

    @property
    def path(self) -> str:
        """The path of its module within the block; a join has the path of its scope."""
        return self.module or join_path(self.scope, self.name)


class CallNode(Model):
    """One call of a block: `block` is the id of another block of the Graph. `module` is as in OpNode."""

    kind: Literal["call"] = "call"
    block: str
    scope: str
    name: str | None
    module: str | None = None
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    span: Span

    @property
    def path(self) -> str:
        """The path of its module within the block."""
        return self.module or join_path(self.scope, self.name)


Node = Annotated[OpNode | CallNode, Field(discriminator="kind")]


class Port(Model):
    """A named input or output of a block. An output `when training` is returned in training mode only."""

    name: str
    value: int
    training: bool = False


class Block(Model):
    """A block at one set of arguments and input types.

    `types` holds the type of each value. `scopes` lists the labelled braces in the order written, `labels` the value
    that each label or path names. Nothing at or below a `frozen` path is trained.
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

    @cached_property
    def training_only(self) -> frozenset[tuple[int, ...]]:
        """The nodes, by their output values, that lead to nothing but outputs `when training`."""
        if not any(port.training for port in self.outputs):
            return frozenset()
        needed = {port.value for port in self.outputs if not port.training}
        idle: set[tuple[int, ...]] = set()
        for node in reversed(self.nodes):
            if needed.isdisjoint(node.outputs):
                idle.add(node.outputs)
            else:
                needed.update(node.inputs)
        return frozenset(idle)

    @cached_property
    def ties(self) -> Mapping[str, Mapping[str, str]]:
        """The ties of each module that has some, by its path within the block."""
        return {node.path: node.ties for node in self.nodes if isinstance(node, OpNode) and node.ties}

    def types_of(self, values: tuple[int, ...]) -> tuple[TensorType, ...]:
        """Return the types of these values."""
        return tuple(self.types[value] for value in values)


class Promise(Model):
    """An `expect` line: a fact of a path, a comparison, the number or shape promised. `slack` belongs to `~`.

    `more` are further paths and facts, whose numbers are added to the first. `at` gives the settings of the run for
    which it holds: `{"batch": 256, "dtype": "bf16"}`.
    """

    path: str
    fact: str
    more: tuple[tuple[str, str], ...] = ()
    comparison: Literal["==", "!=", "<", "<=", ">", ">=", "~"]
    expected: int | float | tuple[int, ...]
    slack: float = 0.0
    at: dict[str, int | str] = {}
    text: str
    span: Span
