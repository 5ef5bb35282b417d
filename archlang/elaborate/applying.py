"""A step that is one word and its arguments: an operator, a block or a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate import labels
from archlang.elaborate.arguments import bind_operator
from archlang.elaborate.bars import gathered
from archlang.elaborate.builder import At, Here, bundle
from archlang.elaborate.calls import call_block
from archlang.elaborate.control import Run
from archlang.elaborate.functions import givens
from archlang.elaborate.names import head_of, lookup, nothing_flows, step_named, unknown_step
from archlang.elaborate.origins import sides
from archlang.elaborate.paths import flowing
from archlang.elaborate.reading import mentions_it, spelled
from archlang.elaborate.sharing import applied_at, refuse_other_operator, remember, ties, ties_in
from archlang.elaborate.values import (
    UNKNOWN,
    BlockValue,
    Given,
    Mistake,
    OperatorValue,
    Silent,
    Tensor,
    Value,
    kind,
)
from archlang.ops import foreign_names, registry
from archlang.ops.base import Operator
from archlang.shapes import TensorType
from archlang.source import Span

OPERATOR_STEPS = 4  # what an operator costs of the steps that a run may take


def apply(step: s.Step, action: s.Apply, here: Here, run: Run) -> None:
    """A step that is an operator, a block or a value; branches after an operator give what flows into it."""
    head = _head(action, here)
    if not isinstance(head, (OperatorValue, BlockValue)):
        _name_value(step, action, head, here)
        return
    if action.branches is not None:
        here.it = bundle(gathered(action.branches, here, run))
    joins = isinstance(head, OperatorValue) and head.op.join
    name = None if joins else labels.claim(step.label, step.span, here)
    labelled = isinstance(step.label, (s.Name, s.Text))
    at = At(here.scope.path, name, action.span, labelled=labelled)
    if isinstance(head, OperatorValue):
        plain, tied = ties_in(action.arguments, head.op)
        given = (*head.given, *givens(plain, here, head.op))
        here.it = apply_operator(head, given, at, action.head.span, here, tied)
    else:
        given = (*head.given, *givens(action.arguments, here))
        here.it = call_block(head, given, at, action.head.span, here, run)
    labels.bind(step.label, here.it, here)


def _head(action: s.Apply, here: Here) -> Value:
    """The operator, block or value that a step begins with."""
    node = action.head
    if isinstance(node, s.Call):
        raise _called_like_a_function(node, here)
    if isinstance(node, s.Attribute) and here.scope.find(head_of(node)) is None:
        if node.name.lower() in foreign_names():  # `nn.Conv2d`
            raise unknown_step(node.name, node.span, here)
    if not isinstance(node, s.Name):
        return flowing(node, here)
    label, other = here.scope.find(node.text), step_named(node.text, node.span, here)
    if label is not None and other is not None and not action.arguments and action.branches is None:
        message = f"`{node.text}` is both a value named above and {kind(other)}"
        help = f"write `({node.text})` for the value; for the other, name the value differently"
        raise Mistake(Rejected("ambiguous-word", message, help=help), node.span)
    found = other if other is not None else lookup(node.text, node.span, here)
    if found is None:
        raise unknown_step(node.text, node.span, here)
    if found is UNKNOWN:
        raise Silent
    return found if isinstance(found, (OperatorValue, BlockValue)) else _value_of(node, found, action, here)


def _value_of(node: s.Name, found: Value, action: s.Apply, here: Here) -> Value:
    if action.arguments or action.branches is not None:
        message = f"`{node.text}` is {kind(found)}, and only operators and blocks take arguments"
        raise Mistake(Rejected("not-an-operator", message), node.span)
    return flowing(node, here)


def _called_like_a_function(node: s.Call, here: Here) -> Exception:
    word = spelled(node.function)
    name = word.rpartition(".")[2]
    if step_named(name, node.span, here) is None and name not in registry():
        return unknown_step(name, node.function.span, here)
    words = [argument.value.text for argument in node.arguments if isinstance(argument.value, s.Name)]
    if words and all(here.scope.find(text) is not None or text == "it" for text in words):
        values = words[0] if len(words) == 1 else f"({', '.join(words)})"
        help = f"values flow in from the left of an arrow: `{values} -> {name}`"
    else:
        written = [f"{a.name}={spelled(a.value)}" if a.name else spelled(a.value) for a in node.arguments]
        help = f"arguments follow it with spaces: `{' '.join([name, *written])}`"
    return Mistake(Rejected("called-like-a-function", "a step is not written as a function call", help=help), node.span)


def apply_operator(
    head: OperatorValue, given: tuple[Given, ...], at: At, word: Span, here: Here, tied: tuple[s.Argument, ...] = ()
) -> Value:
    """An operator with its arguments, applied; `word` is where its name stands, `tied` weights that are another's."""
    op, places = bind_operator(head.op, given, word)
    inputs = _entering(op, at, word, here)
    types = tuple(tensor.type for tensor in inputs)
    outputs = _outputs(op, inputs, places, at, word, here)
    if tied:
        at = replace(at, ties=ties(tied, op, types, here))
    remember(at, op, (), types, "", here)
    return bundle(here.builder.add_op(op, outputs, inputs, at))


def _entering(op: Operator, at: At, word: Span, here: Here) -> tuple[Tensor, ...]:
    """What flows into an operator, as many values as it takes."""
    inputs = here.flowing()
    if not inputs:
        raise nothing_flows(op.word, word)
    if not op.join and len(inputs) not in op.arity:
        takes = " or ".join("one value" if count == 1 else str(count) for count in op.arity)
        message = f"{op.word} takes {takes}, and a tuple of {len(inputs)} flows into it"
        help = "join the tuple first, as by `concat`, or take one of its values"
        raise Mistake(Rejected("tuple-into-one", message, help=help), word, sides(inputs, at.span, here))
    here.session.tick(at.span, OPERATOR_STEPS)
    return inputs


def _outputs(
    op: Operator, inputs: tuple[Tensor, ...], places: Mapping[str, Span], at: At, word: Span, here: Here
) -> tuple[TensorType, ...]:
    """The types that an operator gives; what it rejects is reported under the words at fault."""
    types, positions = [tensor.type for tensor in inputs], here.builder.positions
    try:
        outputs = op.outputs(*types)
        for tensor in inputs if positions else ():
            if tensor.value in positions:
                op.take_positions(positions[tensor.value], *types)
        return outputs
    except Rejected as rejected:
        about = rejected.about or ""
        span = places.get(about, at.span if about in op.positional else word)
        raise Mistake(rejected, span, sides(inputs, at.span, here)) from None


def apply_again(step: s.Step, action: s.Reuse, here: Here, run: Run) -> None:
    """`reuse label`: the module of that step, applied to what flows here; its weights must stay what they are."""
    path, applied = applied_at(action.module, here)
    at = At(here.scope.path, None, action.span, module=path)
    if isinstance(applied.target, Operator):
        inputs = _entering(applied.target, at, action.module.span, here)
        outputs = _outputs(applied.target, inputs, {}, at, action.module.span, here)
        types = tuple(tensor.type for tensor in inputs)
        refuse_other_operator(path, applied, types, action.module.span)
        here.it = bundle(here.builder.add_op(applied.target, outputs, inputs, at))
    else:
        target = applied.target
        here.it = call_block(target, target.given, at, action.module.span, here, run, applied)
    labels.bind(step.label, here.it, here)


def _name_value(step: s.Step, action: s.Apply, value: Value, here: Here) -> None:
    if action.arguments or action.branches is not None:
        message = f"this is {kind(value)}, and only operators and blocks take arguments"
        raise Mistake(Rejected("not-an-operator", message), action.head.span)
    if step.arrow and not mentions_it(action.head):
        message = "the value before this arrow is dropped: what stands after it does not use `it`"
        raise Mistake(Rejected("dropped-value", message, help="begin a new line with the value"), action.span)
    here.it = value
    labels.bind(step.label, value, here)
