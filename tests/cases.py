"""Operators with random arguments and random inputs, and those of the examples."""

from __future__ import annotations

import operator
import types as python
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, Literal, Union, get_args, get_origin

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from archlang.diagnostics import Rejected, render
from archlang.elaborate import elaborate
from archlang.ir import Graph
from archlang.ops.base import Operator
from archlang.parse import parse
from archlang.shapes import TensorType, Window, input_type, param_type
from archlang.source import Source

LAYOUTS = (("n", "c"), ("n", "c", "t"), ("n", "c", "h", "w"), ("n", "c", "d", "h", "w"), ("n", "t", "c"), ("n", "t"))
OFTEN = (0, 1, 2, 2, 3, 0, 1, 2, 2, 3, 4, 5)  # which layout: most operators slide over the second to the fourth
DTYPES = ("float32",) * 12 + ("float64", "int64", "uint8", "bool")

ARGUMENT_SETS = 200  # of each operator

more = settings(
    max_examples=100,
    phases=(Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
many = settings(more, max_examples=ARGUMENT_SETS)


@dataclass(frozen=True)
class Case:
    """An operator, and the types of the inputs that it is given. It may reject them."""

    op: Operator
    types: tuple[TensorType, ...]

    def __str__(self) -> str:
        return f"{self.op!r} of {', '.join(f'{x} ({x.names}, {x.dtype})' for x in self.types)}"

    @property
    def below(self) -> int:
        """Whole numbers that flow in are below this one; a table has so many rows, and a map so many places."""
        if self.places and self.rejection() is None:
            return prod(self.op.outputs(*self.types)[0].shape[2:])
        return getattr(self.op, "count", 10)

    @property
    def places(self) -> bool:
        """Whether whole numbers flow in beside floats, and say where these go."""
        return [x.is_float for x in self.types] == [True, False]

    @property
    def is_bounded(self) -> bool:
        """Whether every argument is within its bounds, which a copy of the operator need not be."""
        try:
            type(self.op).model_validate(dict(self.op))
        except ValidationError:
            return False
        return True

    def rejection(self) -> Rejected | None:
        try:
            self.op.outputs(*self.types)
        except Rejected as rejected:
            return rejected
        return None


def rejection(op: Operator, *types: TensorType) -> Rejected:
    """What the operator says, where it must reject these inputs."""
    found = Case(op, types).rejection()
    assert found is not None, f"{Case(op, types)} is accepted"
    return found


@cache
def examples(op: type[Operator]) -> list[Case]:
    """The examples of an operator's class, read as the language reads them."""
    return [read(example.step, *example.inputs.split(", ")) for example in op.examples]


def read(step: str, *inputs: str) -> Case:
    """A step of the language and the inputs that flow into it, as `example_graph` takes them."""
    *_, layer = example_graph(step, *inputs).flat()
    return Case(layer.op, layer.input_types)


def example_graph(step: str, *inputs: str) -> Graph:
    """The net of one step.

    An input is written as a shape without a batch, and after it, where they are not those of an input, the axes or
    the dtype: `3x8x8`, `16x8 n t c`, `16 int64`; a parameter is `1x1x8 param`.
    """
    lines = [line for at, text in enumerate(inputs) for line in _input_lines(f"x{at}", *text.split())]
    lines.sort(key=lambda line: "->" in line)  # what is declared stands before all steps
    values = ", ".join(f"x{at}" for at in range(len(inputs)))
    flow = f"({values}) -> " if any(" " in text for text in inputs) else ""
    source = Source("example", "\n".join(["net example {", *lines, f"{flow}{step}", "output", "}"]))
    file, wrong = parse(source)
    graph, more = elaborate(file, "example")
    assert graph is not None, "\n".join(render(diagnostic, {"example": source}) for diagnostic in [*wrong, *more])
    return graph


def _input_lines(name: str, shape: str, *rest: str) -> list[str]:
    """The lines that declare an input, and bring its axes into the order wanted."""
    written = shape if "x" in shape else f"[{shape}]"
    if rest == ("param",):
        return [f"param {name}: {written} init=normal"]
    if len(rest) < 2:
        return [f"input {name}: {written}" + "".join(f" dtype={dtype}" for dtype in rest)]
    sizes = dict(zip(rest[1:], shape.split("x"), strict=True))
    first = input_type(tuple(map(int, sizes.values()))).axes[1:]
    declared = Window(int(sizes[axis]) for axis in first)
    return [f"input {name}_: {declared}", f'{name}_ -> {name}: permute "{" ".join(rest)}"']


# ---- random arguments and inputs -----------------------------------------------------------------------------------


@st.composite
def cases(draw: st.DrawFn, op: type[Operator]) -> Case:
    """An operator with random arguments, and random inputs; most often they fit."""
    return draw(_near(op) if draw(st.booleans()) else _anywhere(op))


@st.composite
def _near(draw: st.DrawFn, op: type[Operator]) -> Case:
    """An example in which sizes and arguments are changed here and there; sizes that were equal stay equal."""
    case = draw(st.sampled_from(examples(op)))
    sizes = {1: 1} | {size: draw(_near_size(size)) for x in case.types for size in x.shape if size != 1}
    types = tuple(TensorType(tuple(sizes[size] for size in x.shape), x.axes, x.dtype) for x in case.types)
    rank = len(types[0].axes) - 2
    drawn = {name: _field_values(op, name, field, rank) for name, field in op.model_fields.items()}
    fields = {name: draw(st.just(getattr(case.op, name)) | values) for name, values in drawn.items()}
    return Case(op(**fields), types)


def _near_size(size: int) -> st.SearchStrategy[int]:
    return st.just(size) | st.just(2 * size) | st.integers(1, 9)


@st.composite
def _anywhere(draw: st.DrawFn, op: type[Operator]) -> Case:
    known = [case.types[0] for case in examples(op) if "n" in case.types[0].axes]
    like = draw(st.sampled_from([None, *known]))
    if like is None:
        first = draw(_types(LAYOUTS[draw(st.sampled_from(OFTEN))]))
    else:
        first = draw(st.one_of(_types(like.axes, like.dtype), st.just(like)))
    rank = len(first.axes) - 2
    fields = {name: draw(_field_values(op, name, field, rank)) for name, field in op.model_fields.items()}
    if not op.join:
        count = draw(st.sampled_from(op.arity))
        return Case(op(**fields), (first, *(draw(_like(first)) for _ in range(count - 1))))
    others = draw(st.lists(_like(first), min_size=draw(st.sampled_from((0, 1, 1, 1))), max_size=3))
    return Case(op(**fields), tuple(draw(st.permutations([first, *others]))))


def _field_values(op: type[Operator], name: str, field: FieldInfo, rank: int) -> st.SearchStrategy[Any]:
    """Values of a field; words and lists, of which few fit, are those of the examples."""
    if op.positional.get(name) in ("string", "list"):
        return st.sampled_from([getattr(case.op, name) for case in examples(op)])
    return _values(field, field.annotation, rank)


def accepted(op: type[Operator]) -> st.SearchStrategy[Case]:
    """Cases that the operator takes."""
    return cases(op).filter(lambda case: case.rejection() is None)


@st.composite
def _types(draw: st.DrawFn, layout: tuple[str, ...], dtype: str | None = None) -> TensorType:
    sizes = {"n": st.sampled_from((1, 1, 1, 2)), "c": st.sampled_from((1, 2, 3, 4, 6))}
    shape = tuple(draw(sizes.get(axis, st.integers(1, 9 if len(layout) < 5 else 5))) for axis in layout)
    return TensorType(shape, layout, dtype or draw(st.sampled_from(DTYPES)))


@st.composite
def _like(draw: st.DrawFn, x: TensorType) -> TensorType:
    """A second input: the same type, or one that differs a little, or a parameter."""
    change = draw(st.sampled_from(("none",) * 5 + ("one", "size", "dtype", "layout", "param", "param")))
    if change == "param":
        sizes = [draw(st.sampled_from((size, size, 1))) for size in (1, *x.shape[1:])]
        return param_type(tuple(sizes[draw(st.sampled_from((0, 0, 0, 1, 2))) :]), x.dtype)
    if change == "layout":
        return draw(st.sampled_from(LAYOUTS).flatmap(_types))
    if change == "dtype":
        return TensorType(x.shape, x.axes, draw(st.sampled_from(DTYPES)))
    if change == "none":
        return x
    size = 1 if change == "one" else draw(st.integers(1, 9))
    return x.resized(**dict.fromkeys(draw(st.sets(st.sampled_from(x.axes[1:]), min_size=1)), size))


def _values(field: FieldInfo | None, annotation: Any, rank: int) -> st.SearchStrategy[Any]:
    """Values of a field, from its annotation and bounds. `rank` is how many sides a window most often has."""
    bounds = _bounds(field)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _values(annotation.__metadata__[0], arguments[0], rank)
    if origin in (Union, python.UnionType):
        return st.one_of(*(_values(None, member, rank) for member in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        sides = st.sampled_from((*(max(rank, 1),) * 24, 1, 2, 3, 4))
        return sides.flatmap(lambda count: st.tuples(*[_values(None, arguments[0], rank)] * count))
    if annotation in (None, type(None)):
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        least = bounds.get("ge")
        return (
            st.integers(-3, 4) if least is None else st.sampled_from([least + x for x in (0, 0, 0, 1, 1, 1, 2, 2, 3)])
        )
    assert annotation is float, f"no values are known for {annotation}"
    inside = [x for x in (0.0, 1e-5, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5) if _is_inside(x, bounds)]
    return st.sampled_from(inside)


def _bounds(field: FieldInfo | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for bound in field.metadata if field else ():
        found |= {name: getattr(bound, name) for name in ("ge", "gt", "le", "lt") if hasattr(bound, name)}
    return found


def _is_inside(x: float, bounds: dict[str, Any]) -> bool:
    checks = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
    return all(checks[name](x, bound) for name, bound in bounds.items())


# ---- arguments that are refused -------------------------------------------------------------------------------------


def out_of_bounds(op: type[Operator]) -> list[tuple[str, Case]]:
    """The examples with one argument just outside its bounds, and that argument's name."""
    found: list[tuple[str, Case]] = []
    for name, field in op.model_fields.items():
        outside = [*_outside(field, field.annotation)]
        for case in examples(op):
            value = getattr(case.op, name)
            sides = len(value) if isinstance(value, tuple) else None
            for number, listed in outside:
                if listed != (sides is None):
                    wrong = number if sides is None else (number,) * sides
                    found.append((name, Case(case.op.model_copy(update={name: wrong}), case.types)))
    return found


def _outside(field: FieldInfo | None, annotation: Any, listed: bool = False) -> Iterator[tuple[float, bool]]:
    """Numbers just outside the bounds of a field, and whether they stand in a list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        yield from _outside(annotation.__metadata__[0], arguments[0], listed)
    elif origin in (Union, python.UnionType):
        for member in arguments:
            yield from _outside(None, member, listed)
    elif origin is tuple:
        yield from _outside(None, arguments[0], listed=True)
    else:
        for kind, bound in _bounds(field).items():
            yield {"ge": bound - 1, "gt": bound, "le": bound + 1, "lt": bound}[kind], listed
