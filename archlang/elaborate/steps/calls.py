"""Calls of blocks. A block is elaborated once for each set of arguments and input types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Label, Rejected
from archlang.elaborate.evaluating.block_parameters import bind_parameters, refuse_flowing
from archlang.elaborate.evaluating.evaluate import evaluate
from archlang.elaborate.state.builder import Applied, At, Builder, Entrance, Made
from archlang.elaborate.state.kinds import BlockValue, Bundle, Given, Starts, Tensor, Value, key
from archlang.elaborate.state.lookup import Lets, Scope
from archlang.elaborate.state.mistakes import Entered, Mistake, Silent
from archlang.elaborate.state.open_sizes import Openness, entered, entered_again, openness
from archlang.elaborate.state.session import INPUTS_PER_STEP, MAX_DEPTH, Here
from archlang.elaborate.steps.blocks import elaborate_block
from archlang.elaborate.steps.loops import Walk
from archlang.elaborate.steps.sharing import refuse_other_block
from archlang.elaborate.vocabulary.unknown import nothing_flows, words_of
from archlang.open_numbers import closed
from archlang.shapes import TensorType
from archlang.source import Span


def call_block(
    head: BlockValue,
    given: tuple[Given, ...],
    at: At,
    word: Span,
    here: Here,
    run: Walk,
    again: Applied | None = None,
) -> Value:
    """Call a block or net and return its values. `word` is the place of its name; `again` the step that is reused."""
    if here.it is None:
        raise nothing_flows(head.definition.name.text, word)
    inputs = here.flowing()
    if len(inputs) >= INPUTS_PER_STEP:
        here.session.tick(word, len(inputs) // INPUTS_PER_STEP)
    types = tuple(tensor.type for tensor in inputs)
    entry = Entrance(at.span, here.builder, inputs, types, here.positions_of(inputs))
    opened: Openness = ()
    if here.session.has_open_sizes:
        given, opened = _entered(head, given, inputs, here, again), openness(types)
        at = replace(at, guards=here.session.taken_guards())
    arguments = _identity((argument.name, argument.value) for argument in given)
    starts = here.starts if again is None else again.starts
    written = (id(head.definition), arguments, entry.types, opened, entry.positions, starts)
    made = here.session.calls.get(written)
    if made is None:
        made = here.session.calls[written] = _called(head, given, entry, word, here, run, starts)
    if made.block is None:
        raise _stopped_in(made, inputs, at, here)
    if again is not None:
        refuse_other_block(at.module or "", again, made.block.id, here, word)
    elif at.labelled and at.name is not None:
        applied = Applied(replace(head, given=given), entry.types, made.block.id, at.span, starts)
        here.builder.remember(ir.join_path(at.scope, at.name), applied)
    values = here.builder.add_call(made, [tensor.value for tensor in inputs], at)
    return values[0] if len(values) == 1 else Bundle(values)


def _stopped_in(made: Made, inputs: tuple[Tensor, ...], at: At, here: Here) -> Silent:
    """Add the call of a block that failed, as far as that is known, for pictures; return what ends the statement."""
    if made.known is None:
        return Silent()
    here.builder.add_call(made, [tensor.value for tensor in inputs], at)
    return Entered()


def _entered(
    head: BlockValue, given: tuple[Given, ...], inputs: tuple[Tensor, ...], here: Here, again: Applied | None
) -> tuple[Given, ...]:
    """Return the arguments of a call inside the block. Those of a block that is reused already have this form."""
    if again is not None:
        return entered_again(given, [tensor.type for tensor in inputs])
    items = [type(item) for item in head.definition.body.items if isinstance(item, (s.Param, s.Input))]
    are_first = s.Param not in items or s.Input not in items[items.index(s.Param) :]
    return entered(given, inputs if are_first else (), here)


def _identity(arguments: Iterable[tuple[str | None, Value]]) -> tuple[object, ...]:
    """Return a key of arguments, which differs if a value or its kind differs."""
    return tuple((name, (int, value) if type(value) is int else key(value)) for name, value in arguments)


def _called(
    head: BlockValue, given: tuple[Given, ...], entry: Entrance, word: Span, here: Here, run: Walk, starts: Starts
) -> Made:
    """Return the block for a call, made if it is new."""
    definition = head.definition
    name = definition.name.text
    fresh = Here(
        here.session, Builder(definition, head.home, here.session.trace, entry), Scope(), Lets({}), starts=starts
    )
    session, around = here.session, here.session.guards
    session.guards = []  # defaults may compare sizes of the block's own inputs
    try:
        bound = bound_for(definition, given, entry.types, word, fresh)
        guards = session.guards
    finally:
        session.guards = around
    opened = openness(entry.types) if here.session.has_open_sizes else ()
    identity = (id(definition), _identity(bound.items()), entry.types, opened, entry.positions, starts)
    made = here.session.made.get(identity)
    if made is None:
        made = _make(identity, fresh, bound, guards, entry.span, run)
    elif made.block is None and identity not in here.session.failed:
        message = f"`{name}` calls itself with the same arguments and inputs, which never ends"
        raise Mistake(Rejected("endless-recursion", message, help=ending(definition)), entry.span)
    if made.block is not None:
        refuse_training_outputs(made.block.outputs, definition, word)
    return made


def bound_for(
    definition: s.Definition, given: tuple[Given, ...], types: tuple[TensorType, ...], word: Span, fresh: Here
) -> dict[str, Value]:
    """Bind the parameters of a block called with these arguments and inputs. `fresh` is the place inside it."""
    name = definition.name.text
    _check_inputs(definition, len(types), word)
    refuse_flowing(name, given)
    return bind_parameters(
        name, definition.parameters, (*given, *_open_sizes(definition, given, types, word)), word, fresh, evaluate
    )


def _open_sizes(
    definition: s.Definition, given: tuple[Given, ...], types: tuple[TensorType, ...], word: Span
) -> tuple[Given, ...]:
    """Return the open sizes of a called net, taken from its inputs."""
    named = {argument.name for argument in given}
    inputs = [item for item in definition.body.items if isinstance(item, s.Input)]
    found: dict[str, Given] = {}
    for item, type in zip(inputs, types, strict=False):
        sides = item.shape.items if isinstance(item.shape, s.Sequence) else ()
        for side, size in zip(sides, type.shape[1:], strict=False):
            if isinstance(side, s.OpenSize) and side.name not in named:
                found.setdefault(side.name, Given(side.name, closed(size), word, word))
    return tuple(found.values())


def refuse_training_outputs(outputs: Iterable[ir.Port], definition: s.Definition, span: Span) -> None:
    """Refuse to call a net that has other outputs in training than in evaluation."""
    training = [port.name for port in outputs if port.training]
    if training:
        name = definition.name.text
        message = (
            f"`{name}` gives {words_of(training)} only in training, but a step must give the same values in both modes"
        )
        help = "call a net without outputs `when training`"
        raise Mistake(
            Rejected("training-outputs", message, help=help), span, (Label(definition.name.span, "declared here"),)
        )


def _make(
    identity: object, fresh: Here, bound: dict[str, Value], guards: list[ir.Guard], span: Span, run: Walk
) -> Made:
    """Elaborate a block with new arguments; `guards` are the conditions on sizes under which its defaults hold."""
    session, definition = fresh.session, fresh.builder.definition
    name = definition.name.text
    if session.depth >= MAX_DEPTH:
        message = f"calls are nested more than {MAX_DEPTH} deep here"
        raise Mistake(Rejected("calls-too-deep", message, help=ending(definition)), span)
    session.made[identity] = Made(None)  # found by a block that calls itself with the same arguments
    told = partial(Label, span, f"`{name}` is first called here with these arguments")
    session.enter(told)
    try:
        made = session.made[identity] = elaborate_block(fresh, bound, run, guards)
    finally:
        session.leave()
    if made.block is None:
        session.failed.add(identity)
    return made


def ending(definition: s.Definition) -> str | None:
    """Suggest how a block that calls itself can end."""
    if not definition.parameters:
        return "a block that calls itself needs a parameter that changes, and an `if` that ends it"
    first = definition.parameters[0].name
    return f"a block that calls itself is ended by an `if`, as in `if {first} > 0 {{ ... }}`"


def _check_inputs(definition: s.Definition, count: int, span: Span) -> None:
    """Refuse more or fewer values than the block has inputs. A block without `input` has one."""
    items = [item for item in definition.body.items if isinstance(item, s.Input)]
    named = [item.name for item in items if not item.many]
    if len(items) > len(named):
        if len(items) == len(named) + 1 and count >= len(named):
            return
        if len(items) > len(named) + 1:
            second = [item for item in items if item.many][1]
            message = f"`*{second.name}` is a second input with `*`, but only one input can take any number of values"
            raise Mistake(Rejected("misplaced-input", message), second.span)
    elif count == max(len(named), 1):
        return
    name = definition.name
    inputs = f"{len(named)} inputs" if len(named) > 1 else "one input"
    inputs = inputs if len(items) == len(named) else f"{len(named)} inputs or more"
    message = f"`{name.text}` has {inputs}, but {count} value{'s flow' if count != 1 else ' flows'} into it"
    help = None if named else "name its inputs in its braces, one `input` for each; `input *values` takes any number"
    labels = (Label(name.span, "declared here"),)
    raise Mistake(Rejected("inputs-do-not-match", message, help=help), span, labels)
