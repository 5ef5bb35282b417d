"""Evaluates expressions that name values of the net (labels, paths, tuples), and reads paths."""

from __future__ import annotations

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.evaluating.evaluate import evaluate, text_of
from archlang.elaborate.evaluating.parts import labelled
from archlang.elaborate.state.kinds import Bundle, Tensor, Value, flattened, kind, known, values_in
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.session import Here
from archlang.elaborate.vocabulary.unknown import unknown_value


def flowing(node: s.Expression, here: Here) -> Value:
    """Evaluate a value of the net: a label, a path, a label computed in a string, or a tuple of these."""
    match node:
        case s.Text():
            return labelled(text_of(node, here), node.span, here)
        case s.Name() if node.text != "it" and here.lets.find(node.text) is None:
            found = here.scope.find(node.text)
            if found is None:
                raise unknown_value(node.text, node.span, here)
            return known(found)
        case s.Sequence(is_list=False):
            values = [flowing(item, here) for item in node.items]
            here.session.take(values_in(values), node.span)
            return values[0] if len(values) == 1 else Bundle(tuple(flattened(values)))
        case _:
            value = evaluate(node, here)
    if not isinstance(value, (Tensor, Bundle)):
        message = f"this is {kind(value)}, but only values of the net flow"
        help = "`identity` is the operator that changes nothing" if value in ("none", False) else None
        raise Mistake(Rejected("not-a-value", message, help=help), node.span)
    return value


def path_of(node: s.Expression, here: Here) -> str:
    """Return a path such as `features.conv1`, written or computed by a string. Empty if the expression is no path."""
    match node:
        case s.Name(text=text):
            return text
        case s.Text():
            return text_of(node, here)
        case s.Attribute(base=base, name=name):
            before = path_of(base, here)
            return f"{before}.{name}" if before else ""
        case _:
            return ""
