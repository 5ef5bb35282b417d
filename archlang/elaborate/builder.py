"""The block being built, and the place in it where the walk stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from archlang import ir, syntax
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.homes import Home
from archlang.elaborate.scopes import Lets, Scope
from archlang.elaborate.session import Made, Session
from archlang.elaborate.values import UNKNOWN, BlockValue, Bundle, Mistake, Silent, Tensor, Unknown, Value
from archlang.ops.base import Operator
from archlang.shapes import TensorType
from archlang.source import Span

MAX_LAYERS = 1_000_000  # operators of a whole net, calls expanded


@dataclass(frozen=True, slots=True)
class At:
    """Where a step stands and which module it applies: its own at `scope.name`, or that at the path `module` again.

    `ties` are those of its weights that are another module's. `labelled` says that a label gave the name.
    """

    scope: str
    name: str | None
    span: Span
    module: str | None = None
    ties: tuple[tuple[str, str], ...] = ()
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """A labelled step that can be applied again: its operator, or the block that it calls with these arguments."""

    target: Operator | BlockValue
    types: tuple[TensorType, ...]
    block: str  # the id of the block; empty for an operator
    span: Span


@dataclass
class Builder:
    """A block in the making."""

    definition: syntax.Definition
    home: Home  # the names of the file that declares it
    types: list[TensorType] = field(default_factory=list[TensorType])
    origins: list[Span] = field(default_factory=list[Span])
    turns: list[Callable[[], Label] | None] = field(default_factory=list["Callable[[], Label] | None"])  # as origins
    trace: list[Callable[[], Label]] = field(default_factory=list["Callable[[], Label]"])  # the session's
    nodes: list[ir.OpNode | ir.CallNode] = field(default_factory=list["ir.OpNode | ir.CallNode"])
    inputs: list[ir.Port] = field(default_factory=list[ir.Port])
    outputs: list[ir.Port] = field(default_factory=list[ir.Port])
    scopes: list[str] = field(default_factory=list[str])
    labels: dict[str, int] = field(default_factory=dict[str, int])
    promises: list[ir.Promise] = field(default_factory=list[ir.Promise])
    positions: dict[int, tuple[int, ...]] = field(default_factory=dict[int, "tuple[int, ...]"])  # see `positions_in`
    used: set[int] = field(default_factory=set[int])
    applied: dict[str, Applied] = field(default_factory=dict[str, "Applied"])  # by path
    freezes: dict[str, Span] = field(default_factory=dict[str, Span])  # by path
    first: int = 0  # where its own nodes begin: one that is inlined adds to those of its caller
    entering: list[int] | None = None  # the values that its inputs are, where it is inlined
    layers: int = 0
    tainted: bool = False  # a line could not be read, so names may be missing through no fault of later lines
    failed: bool = False  # a statement of the block was refused
    has_output: bool = False
    called: Span | None = None  # where the call stands that is being made
    caller: tuple[Builder, tuple[int, ...]] | None = None  # who calls it, and the values there that its inputs are
    given_positions: tuple[tuple[int, ...] | None, ...] = ()  # of each value that a caller gives; empty where of none
    pending: list[TensorType] | None = None  # what a caller gives to the inputs still to come; None in a net

    def new_value(self, type: TensorType, span: Span) -> int:
        self.types.append(type)
        self.origins.append(span)
        self.turns.append(self.trace[-1] if self.trace else None)
        return len(self.types) - 1

    def add_input(self, name: str, type: TensorType, span: Span) -> Tensor:
        value = self.new_value(type, span) if self.entering is None else self.entering[len(self.inputs)]
        sizes = self.given_positions[len(self.inputs)] if self.given_positions else None
        if sizes is not None:
            self.positions[value] = sizes
        self.inputs.append(ir.Port(name=name, value=value))
        return Tensor(value, type)

    def add_op(self, op: Operator, types: Sequence[TensorType], inputs: Sequence[Tensor], at: At) -> tuple[Tensor, ...]:
        entering = tuple(tensor.value for tensor in inputs)
        values = self._values(types, entering, at.span)
        self._place(op, types, inputs, values)
        self.layers += 1
        self.nodes.append(
            ir.OpNode(
                op=op, scope=at.scope, name=at.name, module=at.module, ties=dict(at.ties), inputs=entering,
                outputs=values, span=at.span,
            )
        )  # fmt: skip
        return tuple(map(Tensor, values, types))

    def _place(
        self, op: Operator, types: Sequence[TensorType], inputs: Sequence[Tensor], values: tuple[int, ...]
    ) -> None:
        """Remember of which map the values are positions: those of a pool, and those that an operator passes on."""
        given = [tensor.type for tensor in inputs]
        sizes = op.positions_in(*given)
        if sizes is None and self.positions and len(inputs) == 1 and list(types) == given and op.view(*given):
            sizes = self.positions.get(inputs[0].value)
        if sizes is not None:
            whole = [value for value, type in zip(values, types, strict=True) if type.dtype == "int64"]
            self.positions.update(dict.fromkeys(whole, sizes))

    def add_call(self, made: Made, inputs: Sequence[int], at: At) -> tuple[Tensor, ...]:
        assert made.block is not None
        types = [made.block.types[port.value] for port in made.block.outputs]
        values = self._values(types, inputs, at.span)
        self.positions.update({values[at]: sizes for at, sizes in made.positions.items()})
        self.layers += made.layers
        if self.layers > MAX_LAYERS:
            raise Mistake(Rejected("too-large", f"with this call there are more than {MAX_LAYERS:,} layers"), at.span)
        self.nodes.append(
            ir.CallNode(
                block=made.block.id, scope=at.scope, name=at.name, module=at.module, inputs=tuple(inputs),
                outputs=values, span=at.span,
            )
        )  # fmt: skip
        return tuple(map(Tensor, values, types))

    def _values(self, types: Sequence[TensorType], inputs: Sequence[int], span: Span) -> tuple[int, ...]:
        self.used.update(inputs)
        return tuple(self.new_value(type, span) for type in types)

    def inlined(self, definition: syntax.Definition, home: Home, entering: Sequence[Tensor], called: Span) -> Builder:
        """The builder of a block that is written out within this one: what it makes belongs to this block."""
        own = Builder(definition, home, called=called, pending=[tensor.type for tensor in entering])
        own.types, own.origins, own.nodes, own.used = self.types, self.origins, self.nodes, self.used
        own.turns, own.trace, own.caller = self.turns, self.trace, (self, tuple(tensor.value for tensor in entering))
        own.scopes, own.labels, own.freezes, own.layers = self.scopes, self.labels, self.freezes, self.layers
        own.positions = self.positions
        own.entering, own.first = [tensor.value for tensor in entering], len(self.nodes)
        return own


@dataclass
class Here:
    """Where the walk stands: the block, the scope in it, the names, and `it`, the value that flows."""

    session: Session
    builder: Builder
    scope: Scope
    lets: Lets
    it: Value | None = None

    def nested(self, loop: bool = False) -> Here:
        """The same place with names of its own, for braces that are no scope."""
        # the constructor itself: `replace` costs twice as much, and every turn of a loop comes here
        return Here(self.session, self.builder, self.scope, Lets({}, self.lets, loop), self.it)

    def within(self, name: str) -> Here:
        """The inside of a sub-module of that name."""
        path = ir.join_path(self.scope.path, name)
        self.builder.scopes.append(path)
        return replace(self, scope=Scope(path, self.scope), lets=Lets({}, self.lets))

    def flowing(self) -> tuple[Tensor, ...]:
        """The values that flow into the next step; silent where they are unknown."""
        if self.it is None:
            return ()
        items = self.it.items if isinstance(self.it, Bundle) else (self.it,)
        if any(item is UNKNOWN for item in items):
            raise Silent
        return tuple(item for item in items if isinstance(item, Tensor))

    def positions_of(self, inputs: Sequence[Tensor]) -> tuple[tuple[int, ...] | None, ...]:
        """Of each value the sizes of the map in which it is positions; empty where none is."""
        positions = self.builder.positions
        if not positions or all(tensor.value not in positions for tensor in inputs):
            return ()
        return tuple(positions.get(tensor.value) for tensor in inputs)


def bundle(items: Sequence[Tensor | Unknown]) -> Value:
    """One value as itself, several as a tuple."""
    return items[0] if len(items) == 1 else Bundle(tuple(items))
