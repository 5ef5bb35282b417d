"""Parts of values and what is made of parts: sizes, items, values by the path of their label, tuples, strides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from archlang import syntax as s
from archlang.diagnostics import Rejected
from archlang.elaborate.state.builtins import too_large
from archlang.elaborate.state.kinds import (
    UNKNOWN,
    Bundle,
    Given,
    Strided,
    Tensor,
    Value,
    flattened,
    kind,
    known,
    parts_in,
    values_in,
)
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.open_sizes import size_of
from archlang.elaborate.state.session import VALUES_PER_STEP, Here
from archlang.elaborate.vocabulary.spelled import spelled
from archlang.elaborate.vocabulary.suggest import did_you_mean
from archlang.elaborate.vocabulary.unknown import unknown_value
from archlang.limits import limits
from archlang.open_numbers import is_open
from archlang.ops.base import Operator
from archlang.shapes import AXIS_WORDS, Window
from archlang.source import Span

SIZE_WORDS = {word: axis for axis, word in AXIS_WORDS.items() if axis != "n"}  # `it.channels` is the size of the axis c


def placed(span: Span, compute: Callable[[], Value]) -> Value:
    """Compute a value. A refusal gets the place `span`."""
    try:
        return compute()
    except Rejected as rejected:
        raise Mistake(rejected, span) from None


def as_text(value: Value, span: Span) -> str:
    """Return a value as the text that fills the hole of a string."""
    if not isinstance(value, (int, float, str)):
        message = f"a string takes numbers and words, not {kind(value)}"
        raise Mistake(Rejected("wrong-kind", message), span)
    return str(value).lower() if isinstance(value, bool) else str(value)


def together(values: list[Value], node: s.Sequence, here: Here) -> Value:
    """Return the list of some values, or the tuple if they flow in the net."""
    flow = [isinstance(value, (Tensor, Bundle)) for value in values]
    if values and all(flow):
        here.session.take(values_in(values), node.span)
        return Bundle(tuple(flattened(values)))  # a tuple, even if a tuple in it is empty
    if any(flow):
        message = "a tuple cannot mix values of the net with numbers and the like"
        raise Mistake(Rejected("wrong-kind", message), node.items[flow.index(False)].span)
    return limited(tuple(values), node.span, here)


def limited(value: Value, span: Span, here: Here) -> Value:
    """Count the parts of a value against the limits, and return it."""
    most = limits().items
    size = parts_in(value, most)
    if size > most:
        raise Mistake(too_large("this"), span)
    here.session.tick(span, size // VALUES_PER_STEP)
    return value


def strided(left: tuple[Value, ...], right: Value, node: s.Binary) -> Strided:
    """Make a window with a stride: `3x3/2`."""
    sides = [side for side in left if isinstance(side, int) and not isinstance(side, bool)]
    if len(sides) < len(left):
        message = f"a stride needs a window of whole numbers on its left, not {kind(left)}"
        raise Mistake(Rejected("wrong-kind", message), node.left.span)
    return Strided(Window(sides), right, node.left.span, node.right.span)


def labelled(path: str, span: Span, here: Here) -> Value:
    """Return the value of a computed label, `"enc{i}"` or `"convs.{i}"`, or of a path."""
    found = value_at(path, here)
    if found is None:
        raise unknown_value(path, span, here)
    return known(found)


def value_at(path: str, here: Here) -> Value | None:
    """Return the value of a path. A label in it may have dots itself: the longest one counts."""
    find: Callable[[str], Value | None] = here.scope.find
    left, found = path.split("."), None
    while left:
        heads = ((end, find(".".join(left[:end]))) for end in range(len(left), 0, -1))
        end, found = next(((end, value) for end, value in heads if value is not None), (0, None))
        if found is None or found is UNKNOWN:
            return found
        left = left[end:]
        find = found.inner.get if isinstance(found, (Tensor, Bundle)) else dict[str, Value]().get
    return found


def attribute_of(base: Value, node: s.Attribute, here: Here) -> Value:
    """Return `base.name`: the value of a label inside braces, or a size of a tensor."""
    if isinstance(base, (Tensor, Bundle)):
        if node.name in base.inner:
            return base.inner[node.name]
        if isinstance(base, Bundle) and len(base.items) == 1:
            base = known(base.items[0])  # a tuple of one flows like its value
        if isinstance(base, Tensor) and (node.name in SIZE_WORDS or node.name == "shape"):
            return _size(base, node)
    near = did_you_mean(node.name, [*SIZE_WORDS, "shape", *getattr(base, "inner", ())])
    calls = [made for made in here.builder.contents.nodes if made.kind == "call"]
    if isinstance(base, Tensor) and any(base.value in made.outputs for made in calls):
        near = near or "of a block one sees what it outputs, and nothing within it"
    raise Mistake(Rejected("unknown-name", f"{kind(base)} has no `{node.name}`", help=near), _last_name(node))


def _last_name(node: s.Attribute) -> Span:
    """Return the place of the word after the dot."""
    span = node.span
    return Span(span.file, span.end_line, span.end_column - len(node.name), span.end_line, span.end_column)


def _size(base: Tensor, node: s.Attribute) -> Value:
    if node.name == "shape":
        return tuple(size_of(base, at) for at in range(len(base.type.shape)))
    axis = SIZE_WORDS[node.name]
    size = placed(_last_name(node), lambda: base.type[axis])
    return size_of(base, base.type.axes.index(axis)) if is_open(size) else size


def item_of(base: Value, index: int, node: s.Index) -> Value:
    """Return the value of `base[index]`."""
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


def slice_of(base: Value, start: int | None, stop: int | None, node: s.Slice, here: Here) -> Value:
    """Return the value of `base[start:stop]`."""
    if isinstance(base, Bundle):
        here.session.take(len(base.items), node.span)
        return Bundle(base.items[start:stop])
    if isinstance(base, (tuple, str)):
        return base[start:stop]
    raise Mistake(Rejected("wrong-kind", f"{kind(base)} has no items to slice"), node.base.span)


def slash_without_window(
    node: s.Binary, left: Value, before: Sequence[Given], op: type[Operator] | None, here: Here
) -> Mistake:
    """Return the mistake of a stride behind something else than a window. `before` are the arguments before it."""
    message = f"`/` is a stride here, and needs a window on its left: `{spelled(node.left)}` is {kind(left)}"
    windows = [given for given in before if isinstance(given.value, (Window, Strided))]
    help = _window_or_quotient(node, here, None if windows else op)
    return Mistake(Rejected("slash-without-window", message, help=help), node.span)


def _window_or_quotient(node: s.Binary, here: Here, op: type[Operator] | None) -> str:
    """Suggest the window that `3/2` lacks if the operator takes one, else the division in parentheses."""
    left, right = spelled(node.left), spelled(node.right)
    if op is not None and "window" in op.positional.values():
        axes = here.it.type.axes[2:] if isinstance(here.it, Tensor) else ()
        sides = [left] * (len(axes) or 2)
        is_plain = isinstance(node.left, s.Literal) and len(sides) > 1
        window = "x".join(sides) if is_plain else f"[{', '.join(sides)}]"
        return f"write `{window}/{right}`"
    return f"write `({left} / {right})`, or `({left} // {right})` for a whole number"
