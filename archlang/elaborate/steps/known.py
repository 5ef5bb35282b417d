"""What is known of a block with mistakes: its nodes, and where the walk through it stopped. Pictures show it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from archlang import ir
from archlang import syntax as s
from archlang.elaborate.state.builder import Made
from archlang.elaborate.state.kinds import Bundle, Tensor, Value, all_shown
from archlang.elaborate.state.lookup import step_named
from archlang.elaborate.state.mistakes import Entered, Mistake, Silent
from archlang.elaborate.state.open_sizes import closed_type
from archlang.elaborate.state.session import Here
from archlang.ir.partial import Stop
from archlang.ir.unknown import UNKNOWN
from archlang.source import Span

_SEEN = s.Step | s.Input | s.Param | s.Output | s.Broken  # statements that have a place in a picture


def note(item: s.Statement, stop: Mistake | Silent, here: Here) -> None:
    """Record that the walk stopped at a statement, with the values that are known to flow into it."""
    if not isinstance(item, _SEEN) or isinstance(stop, Entered):
        return
    inputs = tuple(_flowing_into(item, here))
    if isinstance(stop, Mistake):
        told, inputs = stop.rejected.message, stop.inputs or inputs
    elif isinstance(item, s.Broken) or (inputs and _is_applied(item, here)):
        told = ""
    else:
        return
    span = item.action.span if isinstance(item, s.Step) else item.span
    put(told, span, inputs, here, here.scope.path)


def put(told: str, span: Span, inputs: tuple[int, ...], here: Here, scope: str = "") -> None:
    """Record a place of a mistake behind the nodes that are there."""
    here.builder.stop(Stop(len(here.builder.contents.nodes), scope, inputs, "?", told, span))


def _flowing_into(item: s.Statement, here: Here) -> Iterable[int]:
    """Yield the known values that flow into a statement: `it`, or those that the start of a step names."""
    match item:
        case s.Input() | s.Param():
            values: list[Value | None] = []
        case s.Step(action=s.Apply(head=s.Name(), branches=None)) | s.Step(action=s.Inline() | s.Reuse()) | s.Broken():
            values = [here.it]
        case s.Step(action=s.Apply(head=head, branches=None)):
            values = [_named(name, here) for name in (head.items if isinstance(head, s.Sequence) else (head,))]
        case s.Output(values=named) if named:
            values = [_named(name, here) for name in named]
        case _:
            values = [here.it]
    distinct = {id(value): value for value in values}.values()  # a long tuple may be named many times
    tensors = (one for value in distinct for one in (value.items if isinstance(value, Bundle) else (value,)))
    return dict.fromkeys(one.value for one in tensors if isinstance(one, Tensor))


def _named(node: s.Expression, here: Here) -> Value | None:
    if not isinstance(node, s.Name):
        return None
    return here.it if node.text == "it" else here.scope.find(node.text)


def _is_applied(item: s.Statement, here: Here) -> bool:
    """Return whether a step applies an operator or a block. A value alone has no place of its own."""
    match item:
        case s.Step(action=s.Apply(head=s.Name(text=name, span=span))):
            with suppress(Mistake, Silent):
                return step_named(name, span, here) is not None
            return False
        case s.Step(action=s.Inline() | s.Reuse()):
            return True
        case _:
            return False


def known_of(here: Here, bound: dict[str, Value]) -> Made:
    """Return what is known of a block that failed, with these arguments."""
    builder, session, contents = here.builder, here.session, here.builder.contents
    if builder.entry is not None and len(builder.inputs) < len(builder.entry.inputs):
        return Made(None)  # an `input` was refused, so it is not known what flows where
    types = [closed_type(type) for type in contents.types] if session.has_open_sizes else [*contents.types]
    nodes = list(contents.nodes)
    if not contents.stops and not builder.outputs and builder.entry is not None:
        put("", builder.definition.name.span, (), here)
    for stop in reversed(contents.stops.values()):  # from the last, so that the places of the others stay
        nodes.insert(stop.at, stop.node(len(types)))
        types.append(UNKNOWN)
    outputs = tuple(builder.outputs)
    if not outputs and builder.entry is not None:
        outputs = (ir.Port(name="output", value=len(contents.types)),)
    if all(port.training for port in outputs):
        outputs = tuple(ir.Port(name=port.name, value=port.value) for port in outputs)
    name = builder.definition.name.text
    taken = session.variants[name] = session.variants.get(name, 0) + 1
    known = ir.Block(
        id=name if taken == 1 else f"{name}#{taken}", name=name, arguments=all_shown(bound),
        inputs=tuple(builder.inputs), outputs=outputs, types=tuple(types), nodes=tuple(nodes),
        scopes=tuple(contents.scopes), labels=dict(contents.labels),
    )  # fmt: skip
    session.blocks.append(known)
    given = tuple(contents.types[port.value] for port in builder.outputs) or tuple(types[p.value] for p in outputs)
    return Made(None, 0, {}, given, known)
