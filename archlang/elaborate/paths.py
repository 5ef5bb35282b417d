"""Names, labels and paths: what they stand for, their facts, indexes and slices."""

from __future__ import annotations

from typing import Any

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.builder import Here, bundle
from archlang.elaborate.expressions import evaluate, number, placed
from archlang.elaborate.names import lookup, unknown_name, unknown_value
from archlang.elaborate.suggest import did_you_mean
from archlang.elaborate.values import UNKNOWN, Bundle, Function, Initial, Mistake, Tensor, Unknown, Value, kind, known
from archlang.ops import enumerations
from archlang.ops.base import Operator
from archlang.shapes import AXIS_WORDS
from archlang.source import Span

FACTS = {word: axis for axis, word in AXIS_WORDS.items() if axis != "n"}


def name(node: s.Name, here: Here) -> Value:
    found = lookup(node.text, node.span, here)
    if found is None:
        raise unknown_name(node.text, node.span, here)
    return found


def word_or_value(node: s.Expression, here: Here, op: type[Operator] | None) -> Value:
    """A named argument's value, where a bare word may be one of an enumeration of `op`, or of any: `mode=nearest`."""
    if isinstance(node, s.Name):
        found = lookup(node.text, node.span, here)
        # an operator's own word comes before a function's and an initialiser's
        if (found is None or isinstance(found, (Function, Initial))) and node.text in enumerations(op):
            return node.text
    return evaluate(node, here)


# ---- values that flow


def flowing(node: s.Expression, here: Here) -> Value:
    """A value of the net: a label, a path, a label computed in a string, or a tuple of such."""
    match node:
        case s.Text():
            return _labelled(node, here)
        case s.Name() if node.text != "it" and here.lets.find(node.text) is None:
            found = here.scope.find(node.text)
            if found is None:
                raise unknown_value(node.text, node.span, here)
            return known(found)
        case s.Sequence(is_list=False):
            return bundle(flattened([flowing(item, here) for item in node.items]))
        case _:
            value = evaluate(node, here)
    if not isinstance(value, (Tensor, Bundle)):
        message = f"this is {kind(value)}, and only values of the net flow"
        raise Mistake(Rejected("not-a-value", message), node.span)
    return value


def _labelled(node: s.Text, here: Here) -> Value:
    """A value by its computed label: `"enc{i}"`, or by its path."""
    path = _text(node, here)
    name, *more = path.split(".")
    found = here.scope.find(name)
    for part in more:
        found = found.inner.get(part) if isinstance(found, (Tensor, Bundle)) else found if found is UNKNOWN else None
    if found is None:
        raise unknown_value(path, node.span, here)
    return known(found)


def _text(node: s.Text, here: Here) -> str:
    return str(evaluate(node, here))


def path_of(node: s.Expression, here: Here) -> str:
    """`features.conv1` as it is written, or as a string computes it; empty where an expression is no path."""
    match node:
        case s.Name(text=text):
            return text
        case s.Text():
            return _text(node, here)
        case s.Attribute(base=base, name=name):
            before = path_of(base, here)
            return f"{before}.{name}" if before else ""
        case _:
            return ""


def flattened(values: list[Value]) -> list[Tensor | Unknown]:
    """The values of tuples within tuples, side by side: tuples are flat."""
    flat: list[Tensor | Unknown] = []
    for value in values:
        if isinstance(value, Bundle):
            flat += value.items
        elif isinstance(value, (Tensor, Unknown)):
            flat.append(value)
    return flat


# ---- facts, indexes


def _base(node: s.Expression, here: Here) -> Value:
    """What stands before a dot or an index; there a string is a computed label, where there is such a label."""
    if isinstance(node, s.Text) and here.scope.find(_text(node, here)) is not None:
        return _labelled(node, here)
    return evaluate(node, here)


def attribute(node: s.Attribute, here: Here) -> Value:
    base = _base(node.base, here)
    if isinstance(base, (Tensor, Bundle)):
        if node.name in base.inner:
            return base.inner[node.name]
        if isinstance(base, Tensor) and (node.name in FACTS or node.name == "shape"):
            return _fact(base, node)
    near = did_you_mean(node.name, [*FACTS, "shape", *getattr(base, "inner", ())])
    calls = [made for made in here.builder.nodes if made.kind == "call"]
    if isinstance(base, Tensor) and any(base.value in made.outputs for made in calls):
        near = near or "of a block one sees what it outputs, and nothing within it"
    raise Mistake(Rejected("unknown-name", f"{kind(base)} has no `{node.name}`", help=near), _last_name(node))


def _last_name(node: s.Attribute) -> Span:
    """The place of the word after the dot."""
    span = node.span
    return Span(span.file, span.end_line, span.end_column - len(node.name), span.end_line, span.end_column)


def _fact(base: Tensor, node: s.Attribute) -> Value:
    if node.name == "shape":
        return tuple(base.type.shape)
    return placed(_last_name(node), lambda: base.type[FACTS[node.name]])


def index(node: s.Index, here: Here) -> Value:
    base, index = _base(node.base, here), number(node.index, here, "an index")
    items: tuple[Any, ...] | str
    if isinstance(base, Bundle):
        items = base.items
    elif isinstance(base, (tuple, str)):
        items = base
    else:
        raise Mistake(Rejected("wrong-kind", f"{kind(base)} has no items to index"), node.base.span)
    if not -len(items) <= index < len(items):
        last = f"the last is {len(items) - 1}" if items else "it is empty"
        message = f"there is no item {index} in {kind(base)}: counted from 0, {last}"
        raise Mistake(Rejected("index-out-of-range", message), node.index.span)
    return items[index]


def slice(node: s.Slice, here: Here) -> Value:
    base = _base(node.base, here)
    start = number(node.start, here, "a bound") if node.start else None
    stop = number(node.stop, here, "a bound") if node.stop else None
    if isinstance(base, Bundle):
        return Bundle(base.items[start:stop])
    if isinstance(base, (tuple, str)):
        return base[start:stop]
    raise Mistake(Rejected("wrong-kind", f"{kind(base)} has no items to slice"), node.base.span)
