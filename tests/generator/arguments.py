"""Operators with arguments that are drawn: those of an example, changed here and there."""

from __future__ import annotations

import operator
import types as python
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge
from pydantic import ValidationError

from archlang.laws.cases import Case, examples
from archlang.ops.base import Operator
from tests.generator.draws import Draws
from tests.generator.scene import Stuck

FLOATS = (0.0, 1e-5, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5)


def near(op: type[Operator], draws: Draws, rank: int, changed: int = 30) -> Operator:
    """Return an example with this percentage of its arguments drawn anew; `rank` is the number of a window's axes."""
    case = draws.one(examples(op))
    fields: dict[str, Any] = dict(case.op)
    for name, field in op.model_fields.items():
        kept = op.positional.get(name) in ("string", "list")
        if kept and draws.chance(changed):
            fields[name] = getattr(draws.one(examples(op)).op, name)
        elif not kept and draws.chance(changed):
            fields[name] = drawn(field.annotation, field.metadata, rank, draws)
    return made(op, fields)


def made(op: type[Operator], fields: dict[str, Any]) -> Operator:
    """Return the operator with these arguments if they are within its bounds."""
    try:
        return op(**fields)
    except ValidationError as error:
        raise Stuck(str(error)) from None


def example(op: type[Operator], draws: Draws) -> Case:
    return draws.one(examples(op))


def drawn(annotation: Any, metadata: list[Any], rank: int, draws: Draws) -> Any:
    """Return a value of a field, from its annotation and bounds."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        inner = [bound for one in annotation.__metadata__ for bound in (getattr(one, "metadata", None) or [one])]
        return drawn(arguments[0], [*metadata, *inner], rank, draws)
    if origin in (Union, python.UnionType):
        return drawn(draws.one(arguments), [], rank, draws)
    if origin is Literal:
        return draws.one(arguments)
    if origin is tuple:
        sides = max(rank, 1) if draws.chance(90) else draws.one((1, 2, 3))
        return tuple(drawn(arguments[0], [], rank, draws) for _ in range(sides))
    if annotation is bool:
        return draws.chance(50)
    if annotation is int:
        return _whole(metadata, draws)
    if annotation is float:
        return draws.one([x for x in FLOATS if all(_holds(bound, x) for bound in metadata)])
    return None


def _whole(metadata: list[Any], draws: Draws) -> int:
    bounds: list[Any] = [bound for bound in metadata if isinstance(bound, Ge)]
    least = next((int(bound.ge) for bound in bounds), None)
    return draws.one((-1, 0, 1, 2, 2, 3)) if least is None else least + draws.one((0, 0, 0, 1, 1, 1, 2, 3))


def _holds(bound: Any, x: float) -> bool:
    checks = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
    return all(check(x, getattr(bound, name)) for name, check in checks.items() if hasattr(bound, name))
