"""Argument sets besides the examples: drawn by hypothesis if it is installed, otherwise a fixed variation of each."""

from __future__ import annotations

import types as python
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from archlang.laws.cases import Case, bounds, examples
from archlang.ops.base import Operator
from archlang.shapes import TensorType

MOST = 40  # argument sets


def draws(op: type[Operator]) -> list[Case]:
    """Return at most `MOST` argument sets that the operator accepts, the same at each call."""
    found = _drawn(op) if find_spec("hypothesis") else list(islice(varied(op), MOST))
    return list(dict.fromkeys(case for case in found if case not in examples(op)))


def _drawn(op: type[Operator]) -> list[Case]:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.errors import Unsatisfiable

    from archlang.laws.strategies import accepted

    found: list[Case] = []

    @settings(
        max_examples=MOST,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
    )
    @given(accepted(op))
    def collect(case: Case) -> None:
        found.append(case)

    try:
        collect()
    except Unsatisfiable:
        return list(varied(op))
    return found


def varied(op: type[Operator]) -> Iterator[Case]:
    """Yield each example with one argument changed, or with other sizes, if the operator accepts it."""
    for case in examples(op):
        changed = [{name: value} for name, field in op.model_fields.items() for value in _values(field)]
        for types in (case.types, *_resized(case.types)):
            for change in ({}, *changed):
                one = _case(case, change, types)
                if one is not None and one.rejection() is None:
                    yield one


def _case(case: Case, change: dict[str, Any], types: tuple[TensorType, ...]) -> Case | None:
    try:
        return Case(type(case.op).model_validate({**dict(case.op), **change}), types)
    except ValidationError:
        return None


def _resized(types: tuple[TensorType, ...]) -> Iterator[tuple[TensorType, ...]]:
    """Yield the types with the channels doubled, and with more or fewer positions. Equal sizes stay equal."""
    for axes, change in (("c", 2), ("thwd", 2), ("thwd", -1)):
        yield tuple(
            TensorType(
                tuple(
                    size if axis not in axes or size == 1 else size * 2 if change == 2 else size - 1
                    for axis, size in zip(x.axes, x.shape, strict=True)
                ),
                x.axes,
                x.dtype,
            )
            for x in types
        )


def _values(field: FieldInfo | None, annotation: Any = None) -> Iterator[Any]:
    """Yield a few values of a field, or none if they cannot be made up, as of a string."""
    annotation = annotation or (field.annotation if field else None)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        yield from (
            _values(annotation.__metadata__[0], None) if isinstance(annotation.__metadata__[0], FieldInfo) else ()
        )
    elif origin in (Union, python.UnionType):
        for member in arguments:
            yield from _values(None, member)
    elif origin is Literal:
        yield from arguments
    elif annotation is bool:
        yield from (False, True)
    elif annotation in (int, float):
        least = bounds(field).get("ge", 1)
        yield from (annotation(least), annotation(least + 1), annotation(least + 2))
