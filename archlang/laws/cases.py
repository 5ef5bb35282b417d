"""Operators with the types of their inputs, read from the examples of their classes."""

from __future__ import annotations

import types as python
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, Union, cast, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from archlang.diagnostics import Rejected, render
from archlang.elaborate import elaborate
from archlang.ir import Graph
from archlang.laws.agreeing import Broken
from archlang.ops.base import Operator
from archlang.ops.layouts import MemoryFormat
from archlang.parse import parse
from archlang.shapes import TensorType, Window, input_type
from archlang.source import Source


@dataclass(frozen=True)
class Case:
    """An operator, and the types of its inputs. It may reject them.

    `weights` is the memory format of its weights with four axes. The result is written `over` the input of this number.
    """

    op: Operator
    types: tuple[TensorType, ...]
    weights: MemoryFormat | None = None
    over: int | None = None

    def __str__(self) -> str:
        return f"{self.op!r} of {', '.join(f'{x} ({x.names}, {x.dtype})' for x in self.types)}"

    @property
    def below(self) -> int:
        """The bound of integer inputs: the rows of a table, or the positions of a map."""
        if self.places and self.rejection() is None:
            return prod(self.op.outputs(*self.types)[0].shape[2:])
        bound = self.op.index_bound(*self.types) if self.rejection() is None else None
        return getattr(self.op, "count", 10) if bound is None else bound

    @property
    def places(self) -> bool:
        """Whether integers that stand for places are inputs beside floats."""
        return type(self.op).take_positions is not Operator.take_positions

    @property
    def are_places(self) -> bool:
        """Whether integers that flow in beside floats say where values stand."""
        return self.places or type(self.op).index_bound is not Operator.index_bound

    @property
    def is_bounded(self) -> bool:
        """Whether every argument is within its bounds. A copy of an operator need not be."""
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
    """Return the message of an operator that must reject these inputs."""
    found = Case(op, types).rejection()
    assert found is not None, f"{Case(op, types)} is accepted"
    return found


@cache
def examples(op: type[Operator]) -> list[Case]:
    """Return the examples of an operator's class, parsed."""
    return [read(example.step, *example.inputs.split(", ")) for example in op.examples]


def read(step: str, *inputs: str) -> Case:
    """Return a step of the language and its inputs, as `example_graph` takes them."""
    *_, layer = example_graph(step, *inputs).flat()
    return Case(layer.op, layer.input_types)


def example_graph(step: str, *inputs: str) -> Graph:
    """Return the net of one step.

    An input is written as a shape without a batch, then its axes or its dtype unless they are the usual ones: `3x8x8`,
    `16x8 n t c`, `16 int64`, `scalar int64`. A parameter is `1x1x8 param`, a buffer of whole numbers `3x3 buffer`.
    """
    lines = [line for at, text in enumerate(inputs) for line in input_lines(f"x{at}", *text.split())]
    lines.sort(key=lambda line: "->" in line)  # declarations come before all steps
    values = ", ".join(f"x{at}" for at in range(len(inputs)))
    flow = f"({values}) -> " if any(" " in text for text in inputs) else ""
    source = Source("example", "\n".join(["net example {", *lines, f"{flow}{step}", "output", "}"]))
    file, wrong = parse(source)
    graph, more = elaborate(file, "example")
    if graph is None or wrong or more:
        raise Broken("\n".join(render(diagnostic, {"example": source}) for diagnostic in [*wrong, *more]))
    return graph


def input_lines(name: str, shape: str, *rest: str) -> list[str]:
    """Return the lines that declare an input and permute or rename its axes where they are others."""
    written = shape if "x" in shape else f"[{shape.removeprefix('scalar')}]"
    if rest == ("buffer",):
        return [f"buffer {name}: {written} init=zeros dtype=int64"]
    if rest == ("param",):
        return [f"param {name}: {written} init=normal"]
    if len(rest) < 2:
        return [f"input {name}: {written}" + "".join(f" dtype={dtype}" for dtype in rest)]
    sizes = dict(zip(rest[1:], shape.split("x"), strict=True))
    first = input_type(tuple(map(int, sizes.values()))).axes[1:]
    if sorted(first) != sorted(rest[1:]):
        return [f"input {name}_: {written}", f'{name}_ -> {name}: axes "{" ".join(rest)}"']
    declared = Window(int(sizes[axis]) for axis in first)
    return [f"input {name}_: {declared}", f'{name}_ -> {name}: permute "{" ".join(rest)}"']


# ---- arguments that are refused -------------------------------------------------------------------------------------


def out_of_bounds(op: type[Operator]) -> list[tuple[str, Case]]:
    """Return the examples with one argument just outside its bounds, and that argument's name."""
    found: list[tuple[str, Case]] = []
    for name, field in op.model_fields.items():
        outside = [*_outside(field, field.annotation)]
        for case in examples(op):
            value: object = getattr(case.op, name)
            sides = len(cast(tuple[object, ...], value)) if isinstance(value, tuple) else None
            for number, listed in outside:
                if listed != (sides is None):
                    wrong = number if sides is None else (number,) * sides
                    found.append((name, Case(case.op.model_copy(update={name: wrong}), case.types)))
    return found


def _outside(field: FieldInfo | None, annotation: Any, listed: bool = False) -> Iterator[tuple[float, bool]]:
    """Yield numbers just outside the bounds of a field, each with whether it is in a list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        yield from _outside(annotation.__metadata__[0], arguments[0], listed)
    elif origin in (Union, python.UnionType):
        for member in arguments:
            yield from _outside(None, member, listed)
    elif origin is tuple:
        yield from _outside(None, arguments[0], listed=True)
    else:
        for kind, bound in bounds(field).items():
            yield {"ge": bound - 1, "gt": bound, "le": bound + 1, "lt": bound}[kind], listed


def bounds(field: FieldInfo | None) -> dict[str, Any]:
    """Return the least and the greatest values of a field, by pydantic's names for them."""
    found: dict[str, Any] = {}
    for bound in field.metadata if field else ():
        found |= {name: getattr(bound, name) for name in ("ge", "gt", "le", "lt") if hasattr(bound, name)}
    return found
