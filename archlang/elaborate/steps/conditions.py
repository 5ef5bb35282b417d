"""The conditions on open sizes under which an operator's module computes what the spec says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from archlang import ir
from archlang.diagnostics import Rejected
from archlang.elaborate.state.kinds import Tensor
from archlang.elaborate.state.open_sizes import closed_type, guard, size_of
from archlang.elaborate.state.session import Here
from archlang.formulas import values_in
from archlang.open_numbers import is_open
from archlang.ops.base import Operator, Slide
from archlang.ops.sized import at_default, sizes_of, written_for
from archlang.shapes import TensorType
from archlang.source import Span

NEAR = (1, 2, 7)  # sizes above the default at which a call is compared
PERIOD = 16  # the longest period of a call that is found


def conditions(op: Operator, inputs: tuple[Tensor, ...], span: Span, here: Here) -> tuple[ir.Guard, ...]:
    """Return the conditions on sizes for an operator: those that were recorded before it, and its own."""
    if type(op).conditions is not Operator.conditions:
        types = [
            replace(one.type, shape=tuple(size_of(one, at) for at in range(len(one.type.shape)))) for one in inputs
        ]
        for left, comparison, right in op.conditions(*types):
            guard(comparison, left, right, True, span, here)
    opened = list(_opened(inputs))
    if not opened:
        return here.session.taken_guards()
    plain, sizes = at_default(op), sizes_of(op)
    written = written_for(plain, sizes, list(values_in([one for made in sizes.values() for one in made])))
    closed_types = tuple(closed_type(tensor.type) for tensor in inputs)
    for one, axis in opened:
        # an argument that is made of sizes equals its number, though it is written otherwise
        period = _period(written, closed_types, axis) if sizes else _known_period(plain, closed_types, axis, here)
        size = size_of(one, one.type.axes.index(axis))
        if period is None:
            guard("==", size, int(size), True, span, here)
        elif period > 1:
            guard("==", size % period, int(size) % period, True, span, here)
    return here.session.taken_guards()


def _opened(inputs: tuple[Tensor, ...]) -> Iterator[tuple[Tensor, str]]:
    """Yield each axis that is open, with the first input that has it."""
    found: dict[str, Tensor] = {}
    for tensor in inputs:
        for axis, size in zip(tensor.type.axes, tensor.type.shape, strict=True):
            if is_open(size) and axis != "n":
                found.setdefault(axis, tensor)
    return ((tensor, axis) for axis, tensor in found.items())


def _known_period(op: Operator, types: tuple[TensorType, ...], axis: str, here: Here) -> int | None:
    """Return the period of a call, which is found once for all equal calls of a net."""
    known, asked = here.session.periods, (type(op), op, types, axis)
    try:
        if asked not in known:
            known[asked] = _period(op, types, axis)
    except TypeError:  # an argument of a user's own operator that has no hash
        return _period(op, types, axis)
    return known[asked]


def _period(op: Operator, types: tuple[TensorType, ...], axis: str) -> int | None:
    """Return after how many sizes the torch call is the same again; None if it never is.

    Weights of another shape need no condition, since torch refuses them by itself.
    """
    size, call = next(type[axis] for type in types if axis in type.axes), op.torch(*types)
    if not any(_differs(op, types, call, {axis: size + more}) for more in _near(op, types, axis)):
        return 1
    differing = [_differs(op, types, call, {axis: size + more}) for more in range(1, 2 * PERIOD + 1)]
    for period in range(2, PERIOD + 1):
        if not any(differs for more, differs in enumerate(differing, 1) if more % period == 0 and differs):
            return period
    return None


def _near(op: Operator, types: tuple[TensorType, ...], axis: str) -> Iterable[int]:
    """Return the sizes above the default at which a call is compared: behind a stride, one for each remainder."""
    reach = op.reach(*types)
    steps = [1] if reach is None else [reach.between(at).get(axis, Slide()).step for at in range(len(types))]
    return (*range(1, int(max(steps)) + 1), *NEAR)


def _differs(op: Operator, types: tuple[TensorType, ...], call: object, sizes: Mapping[str, int]) -> bool | None:
    """Return whether the torch call differs at other sizes of axes; None if the operator refuses them."""
    others = tuple(type.resized(**sizes) for type in types)
    try:
        if op.torch(*others) == call:
            return False
        op.outputs(*others)
    except Rejected:
        return None
    return op.weights(*others) == op.weights(*types)
