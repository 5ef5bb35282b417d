"""The block being built: its values and nodes, and how it was called. Only this file writes to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from archlang import ir, syntax
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.state.contents import Contents, MapSizes
from archlang.elaborate.state.kinds import BlockValue, Starts, Tensor
from archlang.elaborate.state.lookup import Home
from archlang.elaborate.state.mistakes import Mistake, refuse_many
from archlang.ir.partial import Stop
from archlang.limits import limits, raising
from archlang.ops.base import Operator
from archlang.ops.sized import at_default, sizes_in, sizes_of
from archlang.shapes import INDEXED, TensorType, Window, is_indexable
from archlang.source import Span

_NOTABLE = 2**10  # a number of an operator from which its weights may be too large for torch


@dataclass(frozen=True, slots=True)
class At:
    """The scope and name of a step, and which module it applies: its own, or again the one at the path `module`.

    `ties` maps names of its weights to weights of other modules, `starts` to their initialisers. It is
    `labelled` if a label gave the name. `guards` are checked before it.
    """

    scope: str
    name: str | None
    span: Span
    module: str | None = None
    ties: tuple[tuple[str, str], ...] = ()
    labelled: bool = False
    guards: tuple[ir.Guard, ...] = ()
    starts: Mapping[str, ir.Start] = field(default_factory=dict[str, ir.Start])


@dataclass(frozen=True, slots=True)
class Applied:
    """A labelled step that can be applied again: its operator, or the block that it calls, with its arguments."""

    target: Operator | BlockValue
    types: tuple[TensorType, ...]
    block: str  # the id of the block; empty for an operator
    span: Span
    starts: Starts = ()  # the defaults of initialisers at that place


@dataclass
class Made:
    """An elaborated block, None if it failed, and how many operators it has with its calls expanded.

    Of one that failed, `known` is what is known of it. For each output that holds positions in a map, `positions` has
    the sizes of that map.
    """

    block: ir.Block | None
    layers: int = 0
    positions: Mapping[int, MapSizes] = field(default_factory=dict[int, MapSizes])  # by output
    types: tuple[TensorType, ...] = ()  # of the outputs, with the sizes that are open
    known: ir.Block | None = None


@dataclass(frozen=True)
class Entrance:
    """The call by which a block was entered: its place, the calling block, and the values passed as inputs.

    For each input that holds positions in a map, `positions` has the sizes of that map, else None; it is empty if no
    input does. A block that is `inlined` adds to the contents of its caller.
    """

    span: Span
    caller: Builder
    inputs: tuple[Tensor, ...]
    types: tuple[TensorType, ...]  # of the inputs
    positions: tuple[MapSizes | None, ...] = ()
    inlined: bool = False


@dataclass
class Builder:
    """A block being built. `entry` is None for a net that is not called by another."""

    definition: syntax.Definition
    home: Home  # the names of the file that declares it
    trace: list[Callable[[], Label]] = field(default_factory=list["Callable[[], Label]"])  # the session's
    entry: Entrance | None = None
    contents: Contents = field(default_factory=Contents)
    first: int = 0  # where its own nodes begin
    inputs: list[ir.Port] = field(default_factory=list[ir.Port])
    outputs: list[ir.Port] = field(default_factory=list[ir.Port])
    promises: list[ir.Promise] = field(default_factory=list[ir.Promise])
    applied: dict[str, Applied] = field(default_factory=dict[str, "Applied"])  # by path
    entered: int = 0  # how many of the values that flow in were taken by an `input`
    tainted: bool = False  # a line failed, so names may be missing that later lines use
    failed: bool = False  # a statement of the block was refused
    has_output: bool = False

    # ---- what goes wrong

    def fail(self, tainted: bool = False) -> None:
        """Record that a statement was refused. The block is tainted if the statement could have defined names."""
        self.failed = True
        self.tainted |= tainted

    def taint(self) -> None:
        """Record that names may be missing."""
        self.tainted = True

    def stop(self, stop: Stop) -> None:
        """Record where a mistake stands, for pictures of the net: once for what flows in there."""
        self.contents.stops.setdefault((stop.span, stop.inputs), stop)

    # ---- what enters and leaves

    def left_for_many(self) -> int:
        """Return how many values the input of any number takes: those that the other inputs leave."""
        inputs = self.entry.inputs if self.entry is not None else ()
        others = [item for item in self.definition.body.items if isinstance(item, syntax.Input) and not item.many]
        return len(inputs) - len(others)

    def next_type(self) -> TensorType | None:
        """Return the type of the next value that flows in, None if an earlier input was refused."""
        inputs = self.entry.inputs if self.entry is not None else ()
        self.entered += 1
        return inputs[self.entered - 1].type if self.entered <= len(inputs) else None

    def add_input(self, name: str, type: TensorType, span: Span) -> Tensor:
        entry, at = self.entry, len(self.inputs)
        value = entry.inputs[at].value if entry is not None and entry.inlined else self.new_value(type, span)
        sizes = entry.positions[at] if entry is not None and entry.positions else None
        if sizes is not None:
            self.contents.positions[value] = sizes
        self.inputs.append(ir.Port(name=name, value=value))
        return Tensor(value, type)

    def say_alike(self, guard: ir.Guard) -> None:
        """Record that two sizes of inputs have one name, so that they are equal."""
        self.contents.alike.append(guard)

    def guard_alike(self, guards: Sequence[ir.Guard]) -> None:
        """Make the first node check that sizes of one name are equal, if a formula uses one of them for all."""
        contents = self.contents
        taken = [*guards, *(guard for node in contents.nodes for guard in node.guards)]
        read = {size for guard in taken for size in guard.sizes}
        read |= {size for node in contents.nodes if node.kind == "op" for size in sizes_in(node.sizes)}
        needed = tuple(guard for guard in contents.alike if guard.right in read)
        if needed:
            first = contents.nodes[0]
            contents.nodes[0] = type(first).model_validate({**dict(first), "guards": (*needed, *first.guards)})

    def add_output(self, port: ir.Port) -> None:
        self.outputs.append(port)
        self.contents.used.add(port.value)

    def close_outputs(self) -> None:
        """Record that there is an `output`, valid or not."""
        self.has_output = True

    def promise(self, promise: ir.Promise) -> None:
        self.promises.append(promise)

    def drop_promises(self) -> None:
        """Remove the promises, because a derived net has its own."""
        self.promises.clear()

    # ---- nodes and their values

    def new_value(self, type: TensorType, span: Span) -> int:
        contents = self.contents
        if not is_indexable(type.shape):
            raise _not_indexed(f"a value of {type}", span)
        contents.types.append(type)
        contents.origins.append(span)
        contents.turns.append(self.trace[-1] if self.trace else None)
        return len(contents.types) - 1

    def add_op(self, op: Operator, types: Sequence[TensorType], inputs: Sequence[Tensor], at: At) -> tuple[Tensor, ...]:
        entering = tuple(tensor.value for tensor in inputs)
        if len(types) > 1:
            refuse_many(len(types), at.span)
        if any(map(_is_notable, op.__dict__.values())):
            _refuse_weights(op, inputs, at.span)
        values, sizes = self._values(types, entering, at.span), sizes_of(op)
        self._keep_positions(op, types, inputs, values)
        known = op.known_values()
        if known is not None:
            self.contents.tables[values[0]] = known
        self.contents.layers += 1
        self.contents.nodes.append(
            ir.OpNode(
                op=at_default(op) if sizes else op, scope=at.scope, name=at.name, module=at.module, ties=dict(at.ties),
                starts=dict(at.starts), sizes=sizes, guards=at.guards, inputs=entering, outputs=values, span=at.span,
            )
        )  # fmt: skip
        self.contents.used.update(size.value for size in sizes_in(sizes))
        return tuple(map(Tensor, values, types))

    def _keep_positions(
        self, op: Operator, types: Sequence[TensorType], inputs: Sequence[Tensor], values: tuple[int, ...]
    ) -> None:
        """Record in which map values are positions: the indices of a pool, and what passes them on unchanged."""
        given, positions = [tensor.type for tensor in inputs], self.contents.positions
        sizes = op.positions_in(*given)
        if sizes is None and positions and len(inputs) == 1 and list(types) == given and op.view(*given):
            sizes = positions.get(inputs[0].value)
        if sizes is not None:
            whole = [value for value, type in zip(values, types, strict=True) if type.dtype == "int64"]
            positions.update(dict.fromkeys(whole, sizes))

    def add_call(self, made: Made, inputs: Sequence[int], at: At) -> tuple[Tensor, ...]:
        block = made.block or made.known
        assert block is not None
        values = self._values(made.types, inputs, at.span)
        self.contents.positions.update({values[number]: sizes for number, sizes in made.positions.items()})
        self.contents.layers += made.layers
        most = limits().layers
        if self.contents.layers > most:
            message = f"with this call there are more than {most:,} layers"
            raise Mistake(Rejected("too-large", message, help=raising("layers")), at.span)
        self.contents.nodes.append(
            ir.CallNode(
                block=block.id, scope=at.scope, name=at.name, module=at.module, guards=at.guards,
                inputs=tuple(inputs), outputs=values, span=at.span,
            )
        )  # fmt: skip
        return tuple(map(Tensor, values, made.types))

    def _values(self, types: Sequence[TensorType], inputs: Sequence[int], span: Span) -> tuple[int, ...]:
        self.contents.used.update(inputs)
        return tuple(self.new_value(type, span) for type in types)

    # ---- names within the block

    def add_scope(self, path: str) -> None:
        self.contents.scopes.append(path)

    def name_value(self, path: str, value: int) -> None:
        """Record the value of a label."""
        self.contents.labels[path] = value

    def tie_to(self, path: str) -> None:
        """Record that a weight is tied to the `param` at a path, whose value is used by it."""
        self.contents.used.add(self.contents.labels[path])

    def note_dotted(self) -> None:
        """Record that a label has dots: paths are looked up with them from now on."""
        self.contents.dotted = True

    def remember(self, path: str, applied: Applied) -> None:
        """Keep a labelled step, so that it can be applied again."""
        self.applied[path] = applied

    def freeze(self, path: str, span: Span) -> None:
        self.contents.freezes[path] = span

    # ---- blocks that are inlined

    def inlined(self, definition: syntax.Definition, home: Home, inputs: tuple[Tensor, ...], span: Span) -> Builder:
        """Return the builder of a block that is inlined here. What it adds belongs to this block."""
        entry = Entrance(span, self, inputs, tuple(tensor.type for tensor in inputs), inlined=True)
        return Builder(definition, home, self.trace, entry, self.contents, first=len(self.contents.nodes))

    def absorb(self, inner: Builder) -> None:
        """Take over what an inlined block has besides its contents. If it failed, labels may be missing."""
        self.applied |= inner.applied
        self.tainted |= inner.failed


def _is_notable(field: object) -> bool:
    sides = cast("tuple[object, ...]", field) if isinstance(field, tuple) else (field,)
    return any(type(side) is int and side >= _NOTABLE for side in sides)


def _refuse_weights(op: Operator, inputs: Sequence[Tensor], span: Span) -> None:
    for weight in op.weights(*(tensor.type for tensor in inputs)):
        if not is_indexable(weight.shape):
            raise _not_indexed(f"a weight of {Window(weight.shape)}", span)


def _not_indexed(what: str, span: Span) -> Mistake:
    return Mistake(Rejected("too-large", f"this makes {what}, but {INDEXED}", about="size"), span)
