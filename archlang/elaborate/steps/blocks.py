"""Elaborates one block: its statements, its outputs, and the checks of the block as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.clauses.freezing import wrong_freezes
from archlang.elaborate.state.builder import Made
from archlang.elaborate.state.kinds import Tensor, Value, all_shown, flattened
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.open_sizes import closed_type
from archlang.elaborate.state.session import Here
from archlang.elaborate.steps.known import known_of, put
from archlang.elaborate.steps.loops import Walk
from archlang.source import Span


def elaborate_block(here: Here, bound: dict[str, Value], run: Walk, guards: Sequence[ir.Guard] = ()) -> Made:
    """Elaborate a block with these arguments. `here` is the place before its first statement; `guards` hold there."""
    session, around = here.session, here.session.guards
    session.guards = list(guards)  # the conditions on sizes of this block that no node of it has yet
    try:
        return _elaborated(here, bound, run)
    finally:
        session.guards = around


def _elaborated(here: Here, bound: dict[str, Value], run: Walk) -> Made:
    builder, session = here.builder, here.session
    contents = builder.contents
    fill(here, run)
    if not builder.failed:
        _refuse_unused(here)
        for mistake in wrong_freezes(builder, session) if contents.freezes else ():
            refuse(here, mistake)
    if builder.failed:
        return known_of(here, bound)
    if contents.alike:
        builder.guard_alike(session.guards)
    name = builder.definition.name.text
    taken = session.variants[name] = session.variants.get(name, 0) + 1
    block = ir.Block(
        id=name if taken == 1 else f"{name}#{taken}",
        name=name,
        arguments=all_shown(bound),
        inputs=tuple(builder.inputs),
        outputs=tuple(builder.outputs),
        types=tuple(map(closed_type, contents.types) if session.has_open_sizes else contents.types),
        nodes=tuple(contents.nodes),
        scopes=tuple(contents.scopes),
        labels=dict(contents.labels),
        frozen=tuple(contents.freezes),
        guards=tuple(session.guards),
    )
    session.blocks.append(block)
    outputs = {at: contents.positions.get(port.value) for at, port in enumerate(builder.outputs)}
    positions = {at: sizes for at, sizes in outputs.items() if sizes is not None}
    return Made(block, contents.layers, positions, tuple(contents.types[port.value] for port in builder.outputs))


def fill(here: Here, run: Walk) -> None:
    """Elaborate the statements of a block, then its outputs."""
    builder = here.builder
    definition = builder.definition
    if builder.entry is not None and not any(isinstance(item, s.Input) for item in definition.body.items):
        here.it = builder.add_input("input", builder.entry.inputs[0].type, definition.name.span)
    run(definition.body, here)
    if builder.has_output or (builder.failed and definition.is_net):
        return
    items = flattened([here.it]) if here.it is not None else []
    known = [item for item in items if isinstance(item, Tensor)]
    if definition.is_net:
        name, values = definition.name, tuple(item.value for item in known)
        help = "write `output` as its last line, which gives the value before it"
        message = f"the net `{name.text}` has no output"
        refuse(here, Mistake(Rejected("no-output", message, help=help), name.span, inputs=values))
    elif len(known) == len(items):
        _implicit_output(known, here)


def refuse(here: Here, mistake: Mistake) -> None:
    """Report a mistake of the block as a whole. If it names values, it has a place behind them in pictures."""
    here.builder.fail()
    here.session.report(mistake)
    if mistake.inputs:
        put(mistake.rejected.message, mistake.span, mistake.inputs, here)


def _implicit_output(items: Sequence[Tensor], here: Here) -> None:
    for at, item in enumerate(items):
        here.builder.add_output(ir.Port(name="output" if len(items) == 1 else f"output{at}", value=item.value))


def _refuse_unused(here: Here) -> None:
    """Refuse steps and inputs whose values nothing uses."""
    builder = here.builder
    for node in builder.contents.nodes:
        if builder.contents.used.isdisjoint(node.outputs):
            message = f"nothing uses the value of {_described(node)}"
            help = "use it, name it in `output`, or remove the step"
            refuse(here, Mistake(Rejected("unused-value", message, help=help), node.span, inputs=node.outputs))
    for port in builder.inputs:
        refuse_unused_input(port, builder.contents.origins[port.value], here)


def refuse_unused_input(port: ir.Port, span: Span, here: Here) -> None:
    """Refuse an input that nothing uses, and one of the values of `input *xs`."""
    if port.value in here.builder.contents.used:
        return
    inputs = [item for item in here.builder.definition.body.items if isinstance(item, s.Input)]
    many = next((item.name for item in inputs if item.many), None)
    if many is None or port.name in [item.name for item in inputs if not item.many]:
        message = f"nothing uses the input `{port.name}`"
        help = f"begin with it, as in `{port.name} -> ...`, or take it out"
    else:
        at = port.name.removeprefix(many)
        message = f"nothing uses value {at} of the input `*{many}`"
        help = f"use `{many}[{at}]`, or let it not flow into `{here.builder.definition.name.text}`"
    refuse(here, Mistake(Rejected("unused-input", message, help=help), span, inputs=(port.value,)))


def _described(node: ir.OpNode | ir.CallNode) -> str:
    return f"`{node.name}`" if node.name and not node.name.isdecimal() else "this step"
