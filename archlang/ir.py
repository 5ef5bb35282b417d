"""The Graph: what a spec means. Every shape known, every hyperparameter a value, blocks kept.

A Graph holds blocks. A block is elaborated once for each set of arguments and input types; a node either applies an
operator or calls a block, as functions are called. Values are numbered within their block: first its inputs, then what
its nodes give, in order. Paths within a block are relative to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from archlang.ops import registry
from archlang.ops.base import Operator
from archlang.shapes import TensorType
from archlang.source import Span

if TYPE_CHECKING:
    import networkx
    from pydantic.json_schema import JsonSchemaValue

VERSION: Literal[1] = 1

FACTS = (  # what `expect` promises: numbers, and a window
    "params", "trainable_params", "buffers", "macs", "flops", "output_values", "backward_macs", "saved_bytes",
    "bias_adds", "normalised", "activated", "elementwise", "comparisons", "moved", "receptive_field",
)  # fmt: skip


class _AnyOperator:
    """Any operator of the registry as a field: `{"op": "conv", "kernel": [3, 3], ...}` in JSON."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.read, serialization=core_schema.plain_serializer_function_ser_schema(cls.write)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"oneOf": [_operator_schema(op) for op in registry().values()]}

    @staticmethod
    def read(value: object) -> Operator:
        if isinstance(value, Operator):
            return value
        if not isinstance(value, dict):
            raise ValueError("an operator is an object with a field `op`")
        import json

        fields = dict(cast("dict[str, Any]", value))
        word = fields.pop("op", None)
        if not isinstance(word, str) or word not in registry():
            raise ValueError(f"there is no operator {word!r}")
        # through JSON, where a strict tuple field takes a list
        return registry()[word].model_validate_json(json.dumps(fields))

    @staticmethod
    def write(op: Operator) -> dict[str, Any]:
        return {"op": op.word, **op.model_dump(mode="json")}


def _operator_schema(op: type[Operator]) -> dict[str, Any]:
    schema = op.model_json_schema()
    schema["properties"] = {"op": {"const": op.word}, **schema.get("properties", {})}
    schema["required"] = ["op", *schema.get("required", [])]
    schema["title"] = op.word
    return schema


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", defer_build=True)


class OpNode(_Model):
    """One operator applied. Its weights live at `scope.name`; a join has no name.

    `module` is the path (within the block) of an earlier node's module that is applied again, which has no name of its
    own then. `ties` says which of its weights are another's: `{"weight": "wte.weight"}`.
    """

    kind: Literal["op"] = "op"
    op: Annotated[Operator, _AnyOperator]
    scope: str
    name: str | None
    module: str | None = None
    ties: dict[str, str] = {}
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    span: Span

    @property
    def path(self) -> str:
        """The path of its module within the block; a join's is that of its scope."""
        return self.module or join_path(self.scope, self.name)


class CallNode(_Model):
    """One call of a block: `block` is the id of another block of the Graph. `module` is as an operator's."""

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


class Port(_Model):
    """A named input or output of a block. An output `when training` is given in training mode only."""

    name: str
    value: int
    training: bool = False


class Block(_Model):
    """A block at one set of arguments and input types.

    `types` holds the type of each value. `scopes` lists the labelled braces in the order written, `labels` the value
    that each label or path names. Nothing at or below a path that is `frozen` is trained.
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
        """The nodes (by the values they give) that reach nothing but outputs `when training`."""
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

    def runs(self) -> list[list[OpNode | CallNode]]:
        """The nodes in order; calls of one block, each fed by the one before it, stand together."""
        found: list[list[OpNode | CallNode]] = []
        for node in self.nodes:
            last = found[-1][-1] if found else None
            if (
                isinstance(node, CallNode)
                and isinstance(last, CallNode)
                and (node.block, node.scope, node.inputs) == (last.block, last.scope, last.outputs)
            ):
                found[-1].append(node)
            else:
                found.append([node])
        return found

    def types_of(self, values: tuple[int, ...]) -> tuple[TensorType, ...]:
        """The types of these values."""
        return tuple(self.types[value] for value in values)


class Promise(_Model):
    """An `expect` line: a fact of a path, a comparison, the number or shape promised. `slack` belongs to `~`."""

    path: str
    fact: str
    comparison: Literal["==", "!=", "<", "<=", ">", ">=", "~"]
    expected: int | float | tuple[int, ...]
    slack: float = 0.0
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Layer:
    """An operator at its full path, in the order of the whole net. `inputs` and `outputs` number values globally.

    `path` is the state-dict path; a join's is that of the scope it stands in. A layer that is `training_only` does not
    run in evaluation, one that is `reused` has the weights of an earlier layer at its path, `frozen` ones do not train.
    """

    path: str
    node: OpNode
    block: Block
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    training_only: bool
    reused: bool
    frozen: bool

    @property
    def op(self) -> Operator:
        return self.node.op

    @property
    def input_types(self) -> tuple[TensorType, ...]:
        return self.block.types_of(self.node.inputs)

    @property
    def output_types(self) -> tuple[TensorType, ...]:
        return self.block.types_of(self.node.outputs)


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a walk through the calls of a net stands: the path, and what holds for all that is below it."""

    path: str = ""
    idle: bool = False
    reused: bool = False
    frozen: tuple[str, ...] = ()

    def freezing(self, block: Block) -> _Around:
        """The same place inside a block, with what the block freezes."""
        if not block.frozen:
            return self
        return replace(self, frozen=(*self.frozen, *(join_path(self.path, path) for path in block.frozen)))

    def within(self, block: Block, node: OpNode | CallNode) -> _Around:
        """The place of a node of the block that stands here."""
        path = join_path(self.path, node.path)
        return _Around(
            path, self.idle or node.outputs in block.training_only, self.reused or node.module is not None, self.frozen
        )

    def layer(self, node: OpNode, block: Block, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Layer:
        frozen = any(is_at(self.path, path) for path in self.frozen)
        return Layer(self.path, node, block, inputs, outputs, self.idle, self.reused, frozen)


class Graph(_Model):
    """A net, checked. `blocks` stand callees first; the last one is the net itself.

    `open_sizes` names the sizes that its inputs leave open: for each, the inputs and axes that have it.
    """

    version: Literal[1] = VERSION
    name: str
    arguments: dict[str, str]
    blocks: tuple[Block, ...]
    promises: tuple[Promise, ...] = ()
    open_sizes: dict[str, tuple[tuple[str, str], ...]] = {}

    @cached_property
    def by_id(self) -> Mapping[str, Block]:
        return {block.id: block for block in self.blocks}

    @property
    def root(self) -> Block:
        return self.blocks[-1]

    def flat(self) -> Iterator[Layer]:
        """Every operator of the whole net in the order written, calls expanded."""
        numbers = iter(range(10**18))
        inputs = [next(numbers) for _ in self.root.inputs]
        yield from self._expand(self.root, _Around(), inputs, numbers, {})

    def _expand(
        self, block: Block, around: _Around, inputs: list[int], numbers: Iterator[int], given: dict[int, int]
    ) -> Iterator[Layer]:
        given.update(zip((port.value for port in block.inputs), inputs, strict=True))
        around = around.freezing(block)
        for node in block.nodes:
            inside = around.within(block, node)
            sources = [given[value] for value in node.inputs]
            if isinstance(node, OpNode):
                results = [next(numbers) for _ in node.outputs]
                yield inside.layer(node, block, tuple(sources), tuple(results))
            else:
                callee, inner = self.by_id[node.block], dict[int, int]()
                yield from self._expand(callee, inside, sources, numbers, inner)
                results = [inner[port.value] for port in callee.outputs]
            given.update(zip(node.outputs, results, strict=True))

    def to_networkx(self) -> networkx.MultiDiGraph[int]:
        """The whole net as a networkx graph: a node for each operator, an edge for each value that flows."""
        import networkx as nx

        graph: networkx.MultiDiGraph[int] = nx.MultiDiGraph(name=self.name)
        made: dict[int, int] = {}
        for number, layer in enumerate(self.flat()):
            graph.add_node(number, path=layer.path, op=layer.op.word, outputs=[str(t) for t in layer.output_types])
            for value, type in zip(layer.inputs, layer.input_types, strict=True):
                if value in made:
                    graph.add_edge(made[value], number, shape=str(type))
            made.update(dict.fromkeys(layer.outputs, number))
        return graph


def join_path(*parts: str | None) -> str:
    """Dotted parts in one path; empty parts and None add nothing."""
    return ".".join(part for part in parts if part)


def is_at(path: str, top: str) -> bool:
    """Whether a path is `top` or stands below it."""
    return path == top or path.startswith(f"{top}.")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a Graph."""
    return Graph.model_json_schema()
