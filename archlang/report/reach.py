"""Receptive fields in words and as data: size, effective stride, and where the field of the first position starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from archlang.facts.receptive import Interval, ReceptiveField

SIZE = "receptive_field"
UNKNOWN = "?"  # what stands in a table for people where a fact is unknown

# an offset is the position of the input where the field of position 0 starts: negative in the padding
REACH: Mapping[str, Callable[[Interval], object]] = {
    SIZE: lambda interval: interval.size,
    "stride": lambda interval: interval.stride,
    "offset": lambda interval: -interval.pad,
}


def reach_text(fields: Sequence[ReceptiveField], name: str) -> str:
    """Return one of `REACH` for the values that a row returns: once if all agree."""
    return ", ".join(filter(None, dict.fromkeys(_text(field, name) for field in fields)))


def reach_json(field: ReceptiveField) -> dict[str, dict[str, int | str | None] | None]:
    """Return all of `REACH` by axis, fractions in strings; None if the field is unknown.

    An axis that is seen from end to end is `whole`, one along which paths of different strides meet is `uneven`;
    neither has a stride and an offset.
    """
    return {name: None if field.untold else _sides(field, name) for name in REACH}


def _sides(field: ReceptiveField, name: str) -> dict[str, int | str | None]:
    sides: dict[str, int | str | None] = {}
    for axis, interval in field.axes.items():
        if interval is None or interval.whole:
            sides[axis] = ("uneven" if interval is None else "whole") if name == SIZE else None
        else:
            value = REACH[name](interval)
            sides[axis] = value if isinstance(value, int) else str(value)
    return sides


def _text(field: ReceptiveField, name: str) -> str:
    """Return `427x427`, `7 x whole` or `1/2 x 1/2`; one `whole`, `uneven` or nothing if every axis has the same.

    It is `?` where the field is unknown.
    """
    if field.untold:
        return UNKNOWN
    sides = ["-" if side is None else str(side) for side in _sides(field, name).values()]
    if set(sides) in ({"whole"}, {"uneven"}):
        return sides[0]
    if set(sides) == {"-"}:
        return ""
    return ("x" if all(side.lstrip("-").isdecimal() for side in sides) else " x ").join(sides)
