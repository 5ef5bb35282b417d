"""The argument `like=x`: sizes that are those of another value."""

from __future__ import annotations

from dataclasses import replace

from archlang.diagnostics import Rejected
from archlang.elaborate.state.kinds import Bundle, Given, Tensor, kind, known
from archlang.elaborate.state.mistakes import Mistake
from archlang.elaborate.state.open_sizes import size_of
from archlang.elaborate.state.session import Here
from archlang.ops.base import Operator


def liked(given: tuple[Given, ...], op: type[Operator], here: Here) -> tuple[Given, ...]:
    """Return the arguments of an operator, with `like=` replaced by the sizes of a value."""
    if op.alike is None:
        return given
    return tuple(_sizes(one, *op.alike, here) if one.name == "like" else one for one in given)


def _sizes(given: Given, name: str, first: int, here: Here) -> Given:
    value = given.value
    label = here.scope.find(value) if isinstance(value, str) else None
    value = known(label) if label is not None else value  # a computed label
    if isinstance(value, Bundle) and len(value.items) == 1:
        value = known(value.items[0])
    if not isinstance(value, Tensor):
        message = f"`like` takes a value of the net, whose size is meant, and this is {kind(value)}"
        raise Mistake(Rejected("not-a-value", message), given.at)
    sizes = tuple(size_of(value, at) for at in range(first, len(value.type.shape)))
    return replace(given, name=name, value=sizes)
