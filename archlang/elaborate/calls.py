"""Blocks: elaborated once for each set of arguments and input types, then called."""

from __future__ import annotations

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.builder import MAX_DEPTH, Builder, Here, Lets, Made, Scope, bundle
from archlang.elaborate.control import Run
from archlang.elaborate.expressions import evaluate
from archlang.elaborate.parameters import bind_parameters, refuse_flowing
from archlang.elaborate.paths import flattened
from archlang.elaborate.values import Given, Mistake, Silent, Tensor, Value, key, shown
from archlang.shapes import TensorType
from archlang.source import Span

At = tuple[str, str | None]  # a scope's path, and the name in it


def call_block(
    definition: s.Definition, given: tuple[Given, ...], at: At, action: s.Apply, here: Here, run: Run
) -> Value:
    """A call of a block or net: the values that it gives."""
    if here.it is None:
        raise nothing_flows(definition.name.text, action.head.span)
    inputs = here.flowing()
    types = tuple(tensor.type for tensor in inputs)
    written = (id(definition), tuple((argument.name, key(argument.value)) for argument in given), types)
    made = here.session.calls.get(written)
    if made is None:
        made = here.session.calls[written] = _called(definition, given, types, action, here, run)
    return bundle(here.builder.add_call(made, [tensor.value for tensor in inputs], at, action.span))


def _called(
    definition: s.Definition,
    given: tuple[Given, ...],
    types: tuple[TensorType, ...],
    action: s.Apply,
    here: Here,
    run: Run,
) -> Made:
    """The block that a call means, whatever the form of its arguments; silent where it failed before."""
    name, span = definition.name.text, action.head.span
    _check_inputs(definition, len(types), span)
    refuse_flowing(name, given)
    fresh = Here(here.session, Builder(definition, pending=list(types)), Scope(), Lets({}))
    bound = bind_parameters(name, definition.parameters, given, span, fresh, evaluate)
    identity = (id(definition), tuple((word, key(value)) for word, value in bound.items()), types)
    made = here.session.made.get(identity)
    if made is None:
        made = _make(identity, fresh, bound, action.span, run)
    elif made.block is None and identity not in here.session.failed:
        message = f"`{name}` calls itself with the same arguments and inputs, without end"
        raise Mistake(Rejected("endless-recursion", message, help=_ending(definition)), action.span)
    if made.block is None:
        raise Silent
    return made


def nothing_flows(what: str, span: Span) -> Mistake:
    """The refusal of a step before any input."""
    help = "begin with an `input`, as in `input image: 3x224x224`"
    return Mistake(Rejected("nothing-flows", f"no value flows into {what} yet", help=help), span)


def _make(identity: object, fresh: Here, bound: dict[str, Value], span: Span, run: Run) -> Made:
    """The block, elaborated for the first time with these arguments."""
    session, definition = fresh.session, fresh.builder.definition
    name = definition.name.text
    if session.depth >= MAX_DEPTH:
        message = f"calls are nested more than {MAX_DEPTH} deep here"
        raise Mistake(Rejected("calls-too-deep", message, help=_ending(definition)), span)
    session.made[identity] = Made(None)  # what a block that calls itself alike meets
    session.depth += 1
    with session.traced(lambda: Label(span, f"`{name}` is first called here with these arguments")):
        made = session.made[identity] = elaborate_block(fresh, bound, run)
    session.depth -= 1
    if made.block is None:
        session.failed.add(identity)
    return made


def _ending(definition: s.Definition) -> str | None:
    """How a block that calls itself may end."""
    if not definition.parameters:
        return "a block that calls itself needs a parameter that changes, and an `if` that ends it"
    first = definition.parameters[0].name
    return f"a block that calls itself is ended by an `if`, as in `if {first} > 0 {{ ... }}`"


def _check_inputs(definition: s.Definition, count: int, span: Span) -> None:
    """Refuse more or fewer values than a block names; one that names none has one."""
    named = [item.name for item in definition.body.items if isinstance(item, s.Input)]
    if count == max(len(named), 1):
        return
    name = definition.name
    inputs = f"{len(named)} inputs" if len(named) > 1 else "one input"
    message = f"`{name.text}` has {inputs}, and {count} value{'s flow' if count != 1 else ' flows'} into it"
    help = None if named else "name its inputs in its braces, one `input` for each"
    labels = (Label(name.span, "declared here"),)
    raise Mistake(Rejected("inputs-do-not-match", message, help=help), span, labels)


def elaborate_block(here: Here, bound: dict[str, Value], run: Run) -> Made:
    """The block at these arguments; `here` is its inside, before the first statement."""
    builder, session = here.builder, here.session
    definition = builder.definition
    if builder.pending is not None and not any(isinstance(item, s.Input) for item in definition.body.items):
        here.it = builder.add_input("input", builder.pending.pop(), definition.name.span)
    run(definition.body, here)
    _finish(here)
    if builder.failed:
        return Made(None)
    name = definition.name.text
    taken = session.variants[name] = session.variants.get(name, 0) + 1
    block = ir.Block(
        id=name if taken == 1 else f"{name}#{taken}",
        name=name,
        arguments={word: shown(value) for word, value in bound.items()},
        inputs=tuple(builder.inputs),
        outputs=tuple(builder.outputs),
        types=tuple(builder.types),
        nodes=tuple(builder.nodes),
        scopes=tuple(builder.scopes),
        labels=dict(builder.labels),
    )
    session.blocks.append(block)
    return Made(block, builder.layers)


def _refuse(here: Here, mistake: Mistake) -> None:
    here.builder.failed = True
    here.session.report(mistake)


def _finish(here: Here) -> None:
    """The block's outputs, and what is wrong with it as a whole."""
    builder, name = here.builder, here.builder.definition.name
    if not builder.has_output and not builder.failed:
        if builder.definition.is_net:
            help = "write `output` as its last line, which gives the value before it"
            _refuse(here, Mistake(Rejected("no-output", f"the net `{name.text}` has no output", help=help), name.span))
        else:
            _implicit_output(here)
    if not builder.failed:
        _refuse_unused(here)


def _implicit_output(here: Here) -> None:
    items = flattened([here.it]) if here.it is not None else []
    for at, item in enumerate(items):
        assert isinstance(item, Tensor)
        here.builder.outputs.append(ir.Port(name="output" if len(items) == 1 else f"output{at}", value=item.value))
        here.builder.used.add(item.value)


def _refuse_unused(here: Here) -> None:
    """Nothing is dropped silently: a step whose values nothing takes is a mistake, and so is such an input."""
    builder = here.builder
    for node in builder.nodes:
        if builder.used.isdisjoint(node.outputs):
            message = f"nothing uses the value of {_described(node)}"
            help = "use it, name it in `output`, or take the step out"
            _refuse(here, Mistake(Rejected("unused-value", message, help=help), node.span))
    for port in builder.inputs:
        if port.value not in builder.used:
            message = f"nothing uses the input `{port.name}`"
            help = f"begin with it, as in `{port.name} -> ...`, or take it out"
            _refuse(here, Mistake(Rejected("unused-input", message, help=help), builder.origins[port.value]))


def _described(node: ir.OpNode | ir.CallNode) -> str:
    return f"`{node.name}`" if node.name and not node.name.isdecimal() else "this step"
