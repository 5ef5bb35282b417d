"""A step that is an operator: binds its arguments to its fields and applies it to the values that flow in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from archlang import ir
from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.block_parameters import name_span
from archlang.elaborate.state.builder import Applied, At
from archlang.elaborate.state.kinds import Bundle, Given, OperatorValue, Strided, Tensor, Value, shown
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.open_sizes import fixed
from archlang.elaborate.state.session import INPUTS_PER_STEP, Here
from archlang.elaborate.steps.conditions import conditions
from archlang.elaborate.steps.keeping import that_keep_the_size
from archlang.elaborate.steps.misfits import misplaced, needs, rejected_value, signature
from archlang.elaborate.steps.origins import sides
from archlang.elaborate.steps.starts import starts_in, starts_of
from archlang.elaborate.steps.ties import ties
from archlang.elaborate.vocabulary.suggest import INFERRED, PLACED, did_you_mean
from archlang.elaborate.vocabulary.unknown import nothing_flows
from archlang.open_numbers import is_open
from archlang.ops.base import Operator
from archlang.ops.checks import check_numbers
from archlang.ops.sized import with_open
from archlang.ops.written import arguments
from archlang.shapes import TensorType, Window
from archlang.source import Span

OPERATOR_STEPS = 4  # counted for each operator against the limit of a run

FieldValue = tuple[str, Any, Span]  # a field's name, its value, where that is written


def bind_operator(
    op: type[Operator], given: Sequence[Given], span: Span, here: Here
) -> tuple[Operator, dict[str, Span]]:
    """Make an operator from its arguments, checked, and return the place of each field's value.

    Sizes stay open in arguments that torch may receive when the net runs.
    """
    fields: dict[str, Any] = {}
    places: dict[str, Span] = {}
    for argument in given:
        for name, value, at in _fields(op, argument, fields, places):
            if name in places:
                raise Mistake(Rejected("argument-twice", f"`{name}` is given twice"), argument.span)
            fields[name], places[name] = value, at
    missing = [name for name, field in op.model_fields.items() if field.is_required() and name not in fields]
    if missing:
        raise Mistake(Rejected("missing-argument", f"{op.word} needs {needs(op, missing)}", help=signature(op)), span)
    kept: dict[str, Any] = {}
    if here.session.has_open_sizes:
        kept = {name: value for name, value in fields.items() if name in op.open_arguments and is_open(value)}
        fields |= {name: fixed(value, places[name], here) for name, value in fields.items() if name not in kept}
    try:
        return with_open(op(**fields), kept), places
    except ValidationError as error:
        name, rejected = rejected_value(op, fields, error.errors())
        raise Mistake(rejected, places.get(name, span)) from None


def _fields(
    op: type[Operator], argument: Given, taken: Mapping[str, Any], places: Mapping[str, Span]
) -> list[FieldValue]:
    """Return the fields that one argument fills."""
    value = argument.value
    if argument.slash:
        return [_stride(op, value, argument.at, argument.span)]
    if argument.name is not None:
        # a word such as `mode=max` may be an operator's name too
        word = value.op.word if isinstance(value, OperatorValue) and not value.given else value
        return [(_named(op, argument), tuple(word) if isinstance(word, Window) else word, argument.at)]
    if isinstance(value, Strided):
        window = Window(value.window)
        name = _positional(op, window, value.window_span, taken, places)
        return [(name, tuple(window), value.window_span), _stride(op, value.stride, value.stride_span, argument.span)]
    return [
        (
            _positional(op, value, argument.span, taken, places),
            tuple(value) if isinstance(value, Window) else value,
            argument.at,
        )
    ]


def _stride(op: type[Operator], value: Value, at: Span, span: Span) -> FieldValue:
    if "stride" not in op.model_fields:
        raise Mistake(Rejected("unknown-argument", f"{op.word} takes no stride"), span)
    return "stride", tuple(value) if isinstance(value, Window) else value, at


def _named(op: type[Operator], argument: Given) -> str:
    """Return the field that a named argument fills. Every field can be named."""
    name, own = argument.name or "", list(op.model_fields)
    if name in own:
        return name
    meant = PLACED.get(name, name)
    if meant in own:
        help: str | None = f"write {_written(op, meant, argument.value)}"
    elif name in op.flows:
        help = f"it is a value that flows in: `{flowing(op, op.flows[name], ' ...' if own else '')}`"
    elif name in INFERRED:
        help = "leave it out: it follows from the input"
    else:
        starts = [] if op.weights is Operator.weights else ["init", "bias_init"]
        help = did_you_mean(name, [*own, *starts]) or f"{op.word} takes {', '.join(own) or 'no arguments'}"
    message = f"{op.word} has no argument named `{name}`"
    raise Mistake(Rejected("unknown-argument", message, help=help), name_span(argument))


def flowing(op: type[Operator], example: str, given: str) -> str:
    """Return an example of what flows into an operator, with other arguments: `(q, k, v) -> sdpa 3`."""
    values, _, _ = example.rpartition("-> ")
    return f"{values}-> {op.word}{given}"


def _written(op: type[Operator], name: str, value: Value) -> str:
    """Return how a field's value is written: with its name, and without it if that is possible."""
    text = shown(value)
    if op.positional.get(name) == "window" and type(value) is int:
        text = f"{text}x{text}"
    named = f"`{name}={text}`"
    if name == "stride":
        return f"{named}, or `/{text}` after the window"
    return f"`{text}`, or {named}" if name in op.positional else named


def _positional(
    op: type[Operator], value: Value, span: Span, taken: Mapping[str, Any], places: Mapping[str, Span]
) -> str:
    kinds = _kinds(value)
    fitting = [name for name, wanted in op.positional.items() if wanted in kinds]
    for name in fitting:
        if name not in taken:
            return name
    left = [name for name in op.positional if name not in taken]
    if fitting and left:
        # for `3 64`, where a window and a number are needed, report the 3
        given = [(taken[name], places[name]) for name in taken if name in op.positional]
        value, span = [*given, (value, span)][min(list(op.positional).index(left[0]), len(given))]
    raise Mistake(misplaced(op, value, op.positional[fitting[0]] if fitting else "", left, taken), span)


def _kinds(value: Value) -> tuple[str, ...]:
    match value:
        case bool():
            return ()
        case int() | float():
            return ("number",)
        case str():
            return ("string",)
        case Window():
            return ("window",)
        case tuple():
            return ("window", "list")
        case _:
            return ()


# ---- applied to values


def apply_operator(
    head: OperatorValue, given: tuple[Given, ...], at: At, word: Span, here: Here, tied: tuple[s.Argument, ...] = ()
) -> Value:
    """Apply an operator with its arguments. `word` is the place of its name; `tied` are arguments that tie weights."""
    said: tuple[Given, ...] = ()
    if any(argument.name and argument.name.endswith("init") for argument in given):
        given, said = starts_in(given, head.op)
    op, places = bind_operator(head.op, given, word, here)
    inputs = entering(op, at, word, here)
    types = tuple(tensor.type for tensor in inputs)
    outputs = outputs_of(op, inputs, places, at, word, here)
    if tied:
        at = replace(at, ties=ties(tied, op, types, here))
    if said or here.starts:
        at = replace(at, starts=starts_of(op, types, said, at, here))
    if at.labelled and at.name is not None:
        here.builder.remember(ir.join_path(at.scope, at.name), Applied(op, types, "", at.span))
    if here.session.has_open_sizes:
        at = replace(at, guards=conditions(op, inputs, word, here))
    values = here.builder.add_op(op, outputs, inputs, at)
    _refuse_numbers(op, places, word)
    return values[0] if len(values) == 1 else Bundle(values)


def _refuse_numbers(op: Operator, places: Mapping[str, Span], word: Span) -> None:
    """Refuse a number that torch does not take. What is too large for a tensor was refused before."""
    try:
        check_numbers(op.word, op.__dict__)
    except Rejected as rejected:
        raise Mistake(rejected, places.get(rejected.about or "", word)) from None


def is_one(value: Value | None) -> bool:
    """Return whether a value is a tuple of one. Branches are one if a condition leaves only one of them."""
    return isinstance(value, Bundle) and len(value.items) == 1


def apply_to_one(
    head: OperatorValue, given: tuple[Given, ...], at: At, word: Span, here: Here, tied: tuple[s.Argument, ...] = ()
) -> Value:
    """Apply a join to a tuple of one value, and return that value. Its arguments are checked as for two."""
    op, places = bind_operator(head.op, given, word, here)
    (value,) = entering(op, at, word, here)
    outputs_of(op, (value, value), places, at, word, here)
    ties(tied, op, (value.type,), here)
    return value


def entering(op: Operator, at: At, word: Span, here: Here) -> tuple[Tensor, ...]:
    """Return the values that flow into an operator, and refuse a wrong number of them."""
    inputs = here.flowing()
    if not inputs:
        if isinstance(here.it, Bundle):
            message = f"{op.word} takes {'two values or more' if op.join else 'a value'}, but no branch gives one here"
            raise Mistake(Rejected("too-few-inputs", message), word)
        raise nothing_flows(op.word, word)
    if not op.join and len(inputs) not in op.arity:
        values = tuple(tensor.value for tensor in inputs)
        takes = " or ".join("one value" if count == 1 else str(count) for count in op.arity)
        if len(inputs) < min(op.arity):
            given = "".join(f" {argument.removesuffix('.0')}" for argument in arguments(op))  # 0 is written, not 0.0
            help = f"write `{flowing(type(op), next(iter(op.flows.values())), given)}`" if op.flows else None
            message = f"{op.word} takes {takes} values, but {len(inputs)} {'flows' if len(inputs) == 1 else 'flow'} in"
            raise Mistake(Rejected("too-few-inputs", message, help=help), word, sides(inputs, at.span, here), values)
        message = f"{op.word} takes {takes}, but a tuple of {len(inputs)} flows into it"
        help = "join the tuple first, as by `concat`, or take one of its values, such as `it[0]`"
        raise Mistake(Rejected("tuple-into-one", message, help=help), word, sides(inputs, at.span, here), values)
    here.session.tick(at.span, OPERATOR_STEPS + len(inputs) // INPUTS_PER_STEP)
    return inputs


def outputs_of(
    op: Operator, inputs: tuple[Tensor, ...], places: Mapping[str, Span], at: At, word: Span, here: Here
) -> tuple[TensorType, ...]:
    """Return the output types of an operator. A rejection is reported at the words that cause it."""
    types, positions = [tensor.type for tensor in inputs], here.builder.contents.positions
    try:
        outputs = op.outputs(*types)
        for tensor in inputs if positions else ():
            if tensor.value in positions:
                op.take_positions(positions[tensor.value], *types)
        for tensor in inputs[1:]:
            if tensor.value in here.builder.contents.tables:
                op.check_indexes(here.builder.contents.tables[tensor.value], *types)
        return outputs
    except Rejected as rejected:
        rejected.help = (that_keep_the_size(inputs, here) if op.join else None) or rejected.help
        about = rejected.about or ""
        span = places.get(about, at.span if about in op.positional else word)
        values = tuple(tensor.value for tensor in inputs)
        raise Mistake(rejected, span, sides(inputs, at.span, here), values) from None
