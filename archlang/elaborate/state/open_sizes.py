"""Numbers that depend on sizes which a net leaves open: where they are read, and where their value is fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import cast

from archlang import ir
from archlang.bounds import holds_always
from archlang.elaborate.state.kinds import BlockValue, Given, Initial, OperatorValue, Strided, Tensor, Value
from archlang.elaborate.state.session import Here
from archlang.formulas import SizeOf, moved, value_at, values_in
from archlang.open_numbers import OpenFloat, OpenInt, OpenText, closed, formula_of, is_open, with_numbers
from archlang.shapes import TensorType, Window
from archlang.source import Span

Open = OpenInt | OpenFloat
_MIRRORED: dict[str, ir.Comparison] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def size_of(tensor: Tensor, axis: int) -> int:
    """Return the size of a value along an axis. A size that the net leaves open remembers where it is read."""
    size = tensor.type.shape[axis]
    return OpenInt(size, SizeOf(tensor.value, axis)) if is_open(size) else size


def closed_type(type: TensorType) -> TensorType:
    """Return a type with plain numbers."""
    return replace(type, shape=closed(type.shape)) if is_open(type.shape) else type


Openness = tuple[tuple[bool, ...], ...]  # of each size of several types


def openness(types: Sequence[TensorType]) -> Openness:
    """Return which sizes of these types are open, for the key of a block; empty if none is."""
    if not any(is_open(type.shape) for type in types):
        return ()
    return tuple(tuple(isinstance(size, OpenInt) for size in type.shape) for type in types)


def guard(sign: str, left: float, right: float, holds: bool, span: Span, here: Here) -> None:
    """Record whether a comparison of sizes holds here. The module refuses sizes at which it does not."""
    comparison = cast(ir.Comparison, sign) if holds else ir.OPPOSITE[sign]
    one, other = formula_of(left), formula_of(right)
    if isinstance(one, (int, float)):
        comparison, one, other = _MIRRORED[comparison], other, one
    if not isinstance(one, (int, float)) and not holds_always(one, comparison, other):
        here.session.guard(ir.Guard(comparison=comparison, left=one, right=other, span=span))


def all_fixed(given: Sequence[Given], here: Here) -> tuple[Given, ...]:
    """Return arguments whose numbers are no longer open."""
    return tuple(replace(argument, value=fixed(argument.value, argument.at, here)) for argument in given)


def closed_int(number: int, span: Span, here: Here) -> int:
    """Return a number that is no longer open; see `fixed`."""
    return cast(int, fixed(number, span, here))


def entered(given: Sequence[Given], inputs: Sequence[Tensor], here: Here) -> tuple[Given, ...]:
    """Return the arguments of a call inside the block: as formulas of the sizes of its inputs, or fixed.

    The inputs are the first values of a block.
    """
    places = {tensor.value: at for at, tensor in reversed(list(enumerate(inputs)))}

    def within(number: Open, span: Span) -> float:
        formula = formula_of(number)
        if places.keys() >= {*values_in([formula])}:
            return type(number)(closed(number), moved(formula, places))
        return cast(float, fixed(number, span, here))

    return _changed(given, within)


def entered_again(given: Sequence[Given], types: Sequence[TensorType]) -> tuple[Given, ...]:
    """Return the arguments of a block that is applied again to inputs of these types.

    A number whose formula would give another value for these inputs keeps its value, and is fixed.
    """

    def within(number: Open, _: Span) -> float:
        made = value_at(formula_of(number), lambda size: types[size.value].shape[size.axis])
        return number if made == number else cast(float, closed(number))

    return _changed(given, within)


def _changed(given: Sequence[Given], change: Callable[[Open, Span], float]) -> tuple[Given, ...]:
    """Return arguments with their open numbers replaced."""
    return tuple(replace(one, value=_with_changed(one.value, one.at, change)) for one in given)


def _with_changed(value: Value, span: Span, change: Callable[[Open, Span], float]) -> Value:
    match value:
        case OpenInt() | OpenFloat():
            return change(value, span)
        case OpenText():
            return with_numbers(str(value), [cast(int, _with_changed(one, span, change)) for one in value.numbers])
        case tuple():
            items = (_with_changed(item, span, change) for item in value)
            return Window(cast("Iterator[int]", items)) if isinstance(value, Window) else tuple(items)
        case Strided():
            window = tuple(int(change(side, span)) if isinstance(side, OpenInt) else side for side in value.window)
            return replace(value, window=window, stride=_with_changed(value.stride, span, change))
        case OperatorValue() | BlockValue() | Initial() if value.given:
            return replace(value, given=_changed(value.given, change))
        case _:
            return value


def fixed(value: Value, span: Span, here: Here) -> Value:
    """Return a value with its numbers fixed: the module refuses sizes that would give other numbers."""

    def closing(number: Open, span: Span) -> float:
        plain: float = closed(number)
        guard("==", number, plain, True, span, here)
        return plain

    return _with_changed(value, span, closing) if here.session.has_open_sizes else value
