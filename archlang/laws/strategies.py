"""Operators with random arguments and random inputs, for hypothesis."""

from __future__ import annotations

import operator
import types as python
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from archlang.laws.cases import Case, bounds, examples
from archlang.ops.base import Operator
from archlang.shapes import TensorType, param_type

LAYOUTS = (("n", "c"), ("n", "c", "t"), ("n", "c", "h", "w"), ("n", "c", "d", "h", "w"), ("n", "t", "c"), ("n", "t"))
OFTEN = (0, 1, 2, 2, 3, 0, 1, 2, 2, 3, 4, 5)  # an index of a layout: most operators slide over the second to the fourth
DTYPES = ("float32",) * 12 + ("float64", "int64", "uint8", "bool")


# each strategy is made once: hypothesis examines it at its first draw, which takes longer than the draw


@cache
@st.composite
def cases(draw: st.DrawFn, op: type[Operator]) -> Case:
    """Return an operator with random arguments, and random inputs that fit in most cases."""
    return draw(_near(op) if draw(st.booleans()) else _anywhere(op))


@cache
@st.composite
def _near(draw: st.DrawFn, op: type[Operator]) -> Case:
    """Return an example with some sizes and arguments changed. Sizes that were equal stay equal."""
    at = draw(_example_numbers(op))
    case = examples(op)[at]
    sizes = {1: 1} | {size: draw(_near_size(size)) for x in case.types for size in x.shape if size != 1}
    types = tuple(TensorType(tuple(sizes[size] for size in x.shape), x.axes, x.dtype) for x in case.types)
    rank = len(types[0].axes) - 2
    fields = {name: draw(_near_values(op, at, name, rank)) for name in op.model_fields}
    return Case(op(**fields), types)


@cache
def _example_numbers(op: type[Operator]) -> st.SearchStrategy[int]:
    return st.sampled_from(range(len(examples(op))))


@cache
def _near_values(op: type[Operator], at: int, name: str, rank: int) -> st.SearchStrategy[Any]:
    """Return the value of a field in an example, or any other."""
    return st.just(getattr(examples(op)[at].op, name)) | _field_values(op, name, rank)


@cache
def _near_size(size: int) -> st.SearchStrategy[int]:
    return st.just(size) | st.just(2 * size) | st.integers(1, 9)


@cache
@st.composite
def _anywhere(draw: st.DrawFn, op: type[Operator]) -> Case:
    first = draw(_first_types(op))
    rank = len(first.axes) - 2
    fields = {name: draw(_field_values(op, name, rank)) for name in op.model_fields}
    if not op.join:
        count = draw(_sampled(op.arity))
        return Case(op(**fields), (first, *(draw(_like(first)) for _ in range(count - 1))))
    others = draw(st.lists(_like(first), min_size=draw(_sampled((0, 1, 1, 1))), max_size=3))
    return Case(op(**fields), tuple(draw(st.permutations([first, *others]))))


@cache
def _first_types(op: type[Operator]) -> st.SearchStrategy[TensorType]:
    """Return types of a first input: any, or one of an example."""
    known = [case.types[0] for case in examples(op) if "n" in case.types[0].axes]
    other = st.sampled_from(OFTEN).flatmap(lambda at: _types(LAYOUTS[at]))
    alike = [st.one_of(_types(x.axes, x.dtype), st.just(x)) for x in known]
    return st.sampled_from(range(1 + len(alike))).flatmap([other, *alike].__getitem__)


@cache
def _sampled(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@cache
def _field_values(op: type[Operator], name: str, rank: int) -> st.SearchStrategy[Any]:
    """Return values of a field. Words and lists are taken from the examples, since few others would fit."""
    field = op.model_fields[name]
    if op.positional.get(name) in ("string", "list"):
        return st.sampled_from([getattr(case.op, name) for case in examples(op)])
    return _values(field, field.annotation, rank)


@cache
def accepted(op: type[Operator]) -> st.SearchStrategy[Case]:
    """Return cases that the operator accepts."""
    return cases(op).filter(lambda case: case.rejection() is None)


SIZES = {"n": st.sampled_from((1, 1, 1, 2)), "c": st.sampled_from((1, 2, 3, 4, 6))}
UP_TO_5, UP_TO_9 = st.integers(1, 5), st.integers(1, 9)


@cache
@st.composite
def _types(draw: st.DrawFn, layout: tuple[str, ...], dtype: str | None = None) -> TensorType:
    shape = tuple(draw(SIZES.get(axis, UP_TO_9 if len(layout) < 5 else UP_TO_5)) for axis in layout)
    return TensorType(shape, layout, dtype or draw(_sampled(DTYPES)))


@st.composite
def _like(draw: st.DrawFn, x: TensorType) -> TensorType:
    """Return a second input: the same type, one that differs a little, or a parameter."""
    change = draw(_sampled(("none",) * 5 + ("one", "size", "dtype", "layout", "param", "param")))
    if change == "param":
        sizes = [draw(_sampled((size, size, 1))) for size in (1, *x.shape[1:])]
        return param_type(tuple(sizes[draw(_sampled((0, 0, 0, 1, 2))) :]), x.dtype)
    if change == "layout":
        return draw(_types(draw(_sampled(LAYOUTS))))
    if change == "dtype":
        return TensorType(x.shape, x.axes, draw(_sampled(DTYPES)))
    if change == "none" or not x.axes[1:]:
        return x
    size = 1 if change == "one" else draw(UP_TO_9)
    return x.resized(**dict.fromkeys(draw(st.sets(st.sampled_from(x.axes[1:]), min_size=1)), size))


def _values(field: FieldInfo | None, annotation: Any, rank: int) -> st.SearchStrategy[Any]:
    """Return values of a field, from its annotation and bounds. `rank` is the usual number of sides of a window."""
    limits = bounds(field)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _values(annotation.__metadata__[0], arguments[0], rank)
    if origin in (Union, python.UnionType):
        return st.one_of(*(_values(None, member, rank) for member in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        each = _values(None, arguments[0], rank)
        counts = (*(max(rank, 1),) * 24, 1, 2, 3, 4)
        tuples = {count: st.tuples(*[each] * count) for count in counts}
        return st.sampled_from(counts).flatmap(tuples.__getitem__)
    if annotation in (None, type(None)):
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        least = limits.get("ge")
        return (
            st.integers(-3, 4) if least is None else st.sampled_from([least + x for x in (0, 0, 0, 1, 1, 1, 2, 2, 3)])
        )
    assert annotation is float, f"no values are known for {annotation}"
    inside = [x for x in (0.0, 1e-5, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5) if _is_inside(x, limits)]
    return st.sampled_from(inside)


def _is_inside(x: float, limits: dict[str, Any]) -> bool:
    checks = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
    return all(checks[name](x, bound) for name, bound in limits.items())
