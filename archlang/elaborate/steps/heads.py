"""The first word of a step if it is not simply an operator or a block: a value, a path, a mistake."""

from __future__ import annotations

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.clauses import step_labels
from archlang.elaborate.evaluating.flowing import flowing
from archlang.elaborate.state.kinds import UNKNOWN, BlockValue, OperatorValue, Value, kind
from archlang.elaborate.state.lookup import lookup, step_named
from archlang.elaborate.state.mistakes import Mistake, Silent
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.spelled import head_of, mentions_it, spelled
from archlang.elaborate.vocabulary.unknown import unknown_step
from archlang.ops import foreign_names, registry


def head_of_step(node: s.Expression, here: Here) -> Value:
    """Evaluate the start of a step if it is no single word: a path, a tuple, a computed label."""
    if isinstance(node, s.Call):
        raise _called_like_a_function(node, here)
    if isinstance(node, s.Attribute) and here.scope.find(head_of(node)) is None:
        if node.name.lower() in foreign_names():  # `nn.Conv2d`
            raise unknown_step(node.name, node.span, here)
    return flowing(node, here)


def word_of_step(
    node: s.Name, label: Value | None, other: OperatorValue | BlockValue | None, action: s.Apply, here: Here
) -> Value:
    """Look up the first word of a step that is a value, or both a value (`label`) and an operator (`other`)."""
    if label is not None and other is not None and not action.arguments and action.branches is None:
        message = f"`{node.text}` is both a value named above and {kind(other)}"
        help = f"write `({node.text})` for the value; for the other, name the value differently"
        raise Mistake(Rejected("ambiguous-word", message, help=help), node.span)
    found = other if other is not None else lookup(node.text, node.span, here)
    if found is None:
        raise unknown_step(node.text, node.span, here)
    if found is UNKNOWN:
        raise Silent
    if isinstance(found, (OperatorValue, BlockValue)):
        return found
    if action.arguments or action.branches is not None:
        message = f"`{node.text}` is {kind(found)}, but only operators and blocks take arguments"
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


def name_value(step: s.Step, action: s.Apply, value: Value, here: Here) -> None:
    """Elaborate a step that is only a value, which flows on."""
    if action.arguments or action.branches is not None:
        message = f"this is {kind(value)}, but only operators and blocks take arguments"
        raise Mistake(Rejected("not-an-operator", message), action.head.span)
    if step.arrow and not mentions_it(action.head):
        message = "the value before this arrow is never used: what follows the arrow does not mention `it`"
        raise Mistake(Rejected("dropped-value", message, help="begin a new line with the value"), action.span)
    label = step_labels.label_of(step.label, here)
    here.it = value
    step_labels.bind(label, value, here, spelled(action.head))
