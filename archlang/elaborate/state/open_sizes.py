"""Numbers made of sizes that a net leaves open: where they are read, and where they can only be what they are here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from archlang import ir
from archlang.elaborate.state.kinds import BlockValue, Given, Initial, OperatorValue, Strided, Tensor, Value
from archlang.elaborate.state.session import Here
from archlang.formulas import OpenInt, SizeOf, closed, formula_of, is_open
from archlang.shapes import TensorType, Window
from archlang.source import Span

_MIRRORED: dict[str, ir.Comparison] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def size_of(tensor: Tensor, axis: int) -> int:
    """Return the size of a value along an axis. One that the net leaves open remembers where it is read."""
    size = tensor.type.shape[axis]
    return OpenInt(size, SizeOf(tensor.value, axis)) if is_open(size) else size


def closed_type(type: TensorType) -> TensorType:
    """Return a type with plain numbers."""
    return replace(type, shape=closed(type.shape)) if is_open(type.shape) else type


Openness = tuple[tuple[bool, ...], ...]  # of each size of several types


def openness(types: Sequence[TensorType]) -> Openness:
    """Return which sizes of these types are open, for the key of a block; empty where none is."""
    if not any(is_open(type.shape) for type in types):
        return ()
    return tuple(tuple(isinstance(size, OpenInt) for size in type.shape) for type in types)


def guard(sign: str, left: int, right: int, holds: bool, span: Span, here: Here) -> None:
    """Record that a comparison of sizes holds here, or that it does not. A module refuses sizes where it differs."""
    comparison = cast(ir.Comparison, sign) if holds else ir.OPPOSITE[sign]
    one, other = formula_of(left), formula_of(right)
    if isinstance(one, int):
        comparison, one, other = _MIRRORED[comparison], other, one
    if not isinstance(one, int):
        here.session.guard(ir.Guard(comparison=comparison, left=one, right=other, span=span))


def all_fixed(given: Sequence[Given], here: Here) -> tuple[Given, ...]:
    """Return arguments whose numbers are no longer open."""
    return tuple(replace(argument, value=fixed(argument.value, argument.at, here)) for argument in given)


def closed_int(number: int, span: Span, here: Here) -> int:
    """Return a number that is no longer open; see `fixed`."""
    return cast(int, fixed(number, span, here))


def fixed(value: Value, span: Span, here: Here) -> Value:
    """Return a value whose numbers are no longer open: the module refuses sizes that would give others."""
    if not here.session.has_open_sizes:
        return value
    match value:
        case OpenInt():
            guard("==", value, int(value), True, span, here)
            return int(value)
        case tuple():
            items = (fixed(item, span, here) for item in value)
            return Window(cast("Iterator[int]", items)) if isinstance(value, Window) else tuple(items)
        case Strided():
            window = tuple(cast(int, fixed(side, span, here)) for side in value.window)
            return replace(value, window=window, stride=fixed(value.stride, span, here))
        case OperatorValue() | BlockValue() | Initial() if value.given:
            return replace(value, given=all_fixed(value.given, here))
        case _:
            return value
