"""What several operators ask of their inputs before anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from archlang.diagnostics import Rejected
from archlang.shapes import TensorType

_MOST_COUNTED, MOST_NUMBER = 2**31, 2**63


def check_dtype(x: TensorType, operator: str, *, weighted: bool = False, integers: bool = False) -> None:
    """Check a dtype. An operator with weights accepts only theirs, since torch mixes none; others accept any float.

    `integers` accepts integers too; truth values are never accepted.
    """
    if weighted and x.dtype != "float32":
        message = f"{operator} computes with float32 weights, but its input {x} is {x.dtype}"
    elif not (x.is_float or (integers and "int" in x.dtype)):
        message = (
            f"{operator} needs {'numbers' if integers else 'floating-point values'}, but its input {x} is {x.dtype}"
        )
    else:
        return
    raise Rejected("wrong-dtype", message, about="input")


def check_numbers(operator: str, fields: Mapping[str, object]) -> None:
    """Check that torch takes each number of an operator, which counts in 32 bits. Others stay below 2**63, as in specs.

    torch itself fails when the net runs: `value cannot be converted to type int without overflow`.
    """
    for name, value in fields.items():
        for number in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
            most, exponent = (_MOST_COUNTED, 31) if isinstance(number, int) else (MOST_NUMBER, 63)
            if isinstance(number, (int, float)) and abs(number) >= most:
                message = f"`{name}` of {operator} is {number}, but must be less than 2**{exponent}, as torch counts"
                raise Rejected("number-too-large", message, about=name)


def check_axis(x: TensorType, axis: int, operator: str) -> None:
    """Check an axis, which is counted from 0, the batch, or back from -1; the batch itself is rejected."""
    rank = len(x.axes)
    if not -rank <= axis < rank:
        axes = ", ".join(f"{at} is {name}" for at, name in enumerate(x.axes) if name != "n")
        message = f"{operator} along axis {axis}: its input {x} has no such axis ({axes})"
        raise Rejected("no-such-axis", message, about="axis")
    if x.axes[axis] == "n":
        message = f"{operator} along axis {axis}, which is the batch: one image would be mixed with another"
        raise Rejected("batch-axis", message, about="axis")


def check_axes(x: TensorType, axes: Sequence[int], operator: str) -> tuple[int, ...]:
    """Check axes, each as `check_axis` does, and return them counted from 0. Each is taken once, and one at least."""
    for axis in axes:
        check_axis(x, axis, operator)
    places = tuple(axis % len(x.axes) for axis in axes)
    if not places or len(set(places)) < len(places):
        raise Rejected("no-such-axis", f"{operator} takes each axis once, and one at least", about="axes")
    return places


def check_axis_or_axes(x: TensorType, axis: int | None, axes: tuple[int, ...] | None, operator: str) -> tuple[int, ...]:
    """Check that either an axis is given or a list of them, as `check_axes` does, and return them as written."""
    if (axis is None) == (axes is None):
        message = f"{operator} takes an axis or a list of them"
        raise Rejected("missing-argument", message, help=f"write `{operator} axis=1`", about="axis")
    found = (axis,) if axis is not None else axes or ()
    check_axes(x, found, operator)
    return found


def check_groups(inner: int, out: int, groups: int) -> None:
    """Check that the channels on both sides divide into the groups."""
    for name, width in (("input channels", inner), ("output channels", out)):
        if width % groups:
            message = f"{width} {name} do not divide into {groups} groups"
            raise Rejected("groups-do-not-divide", message, about="groups")


def check_channels(x: TensorType, operator: str, spatial: int = 0) -> None:
    """Check that the axes are n c and at least `spatial` more, at most three."""
    if x.axes[:2] != ("n", "c") or len(x.axes) < 2 + spatial or (spatial and len(x.axes) > 5):
        wanted = "n c t, n c h w or n c d h w" if spatial else "n c ..."
        message = f"{operator} needs axes {wanted}, but its input {x} has {x.names}"
        raise Rejected("wrong-rank", message, about="input")


def check_batched(x: TensorType, operator: str) -> None:
    """Check that the input has a batch; a parameter has none."""
    if "n" not in x.axes:
        message = f"{operator} takes values with a batch, but a parameter has none"
        raise Rejected("wrong-rank", message, about="input")
