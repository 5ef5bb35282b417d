"""An operator as its class describes it: its syntax, the values of its arguments, its examples applied."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from archlang.elaborate import elaborate
from archlang.ir import Layer
from archlang.ops import OperatorsError
from archlang.ops.base import Example, Operator
from archlang.ops.written import argument as written_as
from archlang.parse import parse
from archlang.source import Source
from archlang.why.example_specs import example_spec

_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of an operator.

    `default` is None if it is required, and empty if its value follows from others.
    """

    name: str
    accepts: tuple[str, ...]
    default: str | None
    kind: str | None  # of one that stands without a name

    @property
    def written(self) -> str:
        """Its form in a signature: `KERNEL`, `[/STRIDE]`, `[pad=0]`."""
        name = self.name.upper()
        text = f"/{name}" if self.kind == "stride" else name if self.kind else f"{self.name}={self.default or '...'}"
        return text if self.default is None else f"[{text}]"


def arguments(op: type[Operator]) -> list[Argument]:
    """Return the arguments, positional ones first."""
    return [_argument(op, name) for name in sorted(op.model_fields, key=lambda name: _rank(op, name))]


def signature(op: type[Operator], *, named: bool = True) -> str:
    """Return the syntax of a step: `conv KERNEL[/STRIDE] OUT [pad=0]`, or the same without its named arguments."""
    words = [op.word, *(argument.written for argument in arguments(op) if named or argument.kind)]
    return " ".join(words).replace(" [/", "[/").replace(f"{op.word}[/", f"{op.word} [/")


def applied(example: Example) -> Layer:
    """Return an applied example: its operator and the types of its inputs and outputs; see `example_spec`."""
    file, wrong = parse(Source("example", example_spec(example)))
    graph, more = elaborate(file, "example")
    if graph is None:
        raise OperatorsError(
            f"the example `{example.step}` of {example.inputs}: {[d.message for d in (*wrong, *more)]}"
        )
    return list(graph.flat())[-1]


# ---- arguments


def _rank(op: type[Operator], name: str) -> tuple[int, int]:
    """Return the order in a signature: positional arguments, the stride after its window, then named ones."""
    places: Mapping[str, int] = {name: at for at, name in enumerate(op.positional)}
    order = list(op.model_fields).index(name)
    window = next((at for name, at in places.items() if op.positional[name] == "window"), -1)
    if name == "stride":
        return 2 * window + 1, order
    return (2 * places[name], order) if name in places else (2 * len(places) + 2, order)


def _argument(op: type[Operator], name: str) -> Argument:
    field = op.model_fields[name]
    kind = "stride" if name == "stride" else op.positional.get(name)
    accepts = tuple(dict.fromkeys(_accepted(field.annotation, tuple(field.metadata))))
    if kind == "window":
        accepts = ("a window",)
    default = None if field.is_required() else written_as(field.default)
    return Argument(name, accepts, default, kind)


def _accepted(annotation: Any, bounds: tuple[Any, ...] = ()) -> Iterator[str]:
    """Yield the values that a field accepts, in the language's words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _accepted(inner[0], inner[1:])
    elif origin in (Union, types.UnionType):
        for member in inner:
            yield from _accepted(member, bounds)
    elif origin is Literal:
        yield from (f"`{written_as(word)}`" for word in inner)
    elif origin is tuple:
        yield f"a list of {_several(' or '.join(_accepted(inner[0])))}"
    elif annotation is not type(None):
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}[annotation]
        yield " ".join([words, *([" and ".join(_bounds(bounds))] if bounds else [])])


def _several(words: str) -> str:
    """Return `whole numbers >= 0 or lists of whole numbers >= 0` for a value or a list of such values."""
    return words.replace("a list", "lists").replace("a whole number", "whole numbers")


def _bounds(metadata: tuple[Any, ...]) -> Iterator[str]:
    """Yield the bounds in pydantic's metadata: `at least 1`."""
    for holder in metadata:
        # a Field holds its bounds in a list of its own
        for bound in getattr(holder, "metadata", [holder]):
            yield from (f"{text} {getattr(bound, name)}" for name, text in _BOUNDS.items() if hasattr(bound, name))
