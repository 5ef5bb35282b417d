"""Arguments that torch may receive when a net runs: their numbers, and the formulas of sizes that give these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archlang.formulas import Formula, SizeOf, moved, parts
from archlang.open_numbers import OpenInt, WrittenInt, closed, formula_of, is_open, numbers_in, with_numbers
from archlang.ops.base import Operator
from archlang.shapes import TensorType

Sizes = Mapping[str, tuple[Formula, ...]]  # by argument


def with_open(op: Operator, arguments: Mapping[str, Any]) -> Operator:
    """Return the operator with these arguments, which have been checked."""
    return op.model_copy(update=dict(arguments)) if arguments else op


def sizes_of(op: Operator) -> dict[str, tuple[Formula, ...]]:
    """Return the formulas of an operator's open arguments."""
    if not op.open_arguments:
        return {}
    found = {name: getattr(op, name) for name in op.open_arguments}
    return {name: tuple(map(formula_of, numbers_in(value))) for name, value in found.items() if is_open(value)}


def sizes_in(sizes: Sizes) -> list[SizeOf]:
    """Return the sizes that arguments are made of."""
    made = (part for formulas in sizes.values() for formula in formulas for part in parts(formula))
    return [part for part in made if isinstance(part, SizeOf)]


def at_default(op: Operator) -> Operator:
    """Return the operator with plain numbers."""
    found = {name: getattr(op, name) for name in op.open_arguments}
    return with_open(op, {name: closed(value) for name, value in found.items() if is_open(value)})


def written_for(op: Operator, sizes: Sizes, reads: Sequence[int]) -> Operator:
    """Return the operator with arguments that write themselves as formulas. Placeholders count the `reads`."""
    places = {value: at for at, value in enumerate(reads)}
    given: dict[str, Any] = {}
    for name, formulas in sizes.items():
        value = getattr(op, name)
        made = tuple(
            number if isinstance(formula, int) else WrittenInt(number, moved(formula, places))
            for number, formula in zip(numbers_in(value), formulas, strict=True)
        )
        given[name] = with_numbers(value, made)
    return with_open(op, given)


def as_read(x: TensorType, at: int = 0) -> TensorType:
    """Return the type of the input number `at`, whose sizes write themselves as they are read from it."""
    sizes = tuple(WrittenInt(size, SizeOf(at, axis)) for axis, size in enumerate(x.shape))
    return replace(x, shape=sizes)


def as_one(numbers: Sequence[int]) -> str:
    """Write numbers as torch takes them: as a tuple, or as a slice if they are the sizes of one value."""
    made = [number.formula for number in numbers if isinstance(number, OpenInt)]
    read = [formula for formula in made if isinstance(formula, SizeOf)]
    if len(read) == len(numbers) and read == [SizeOf(read[0].value, read[0].axis + at) for at in range(len(read))]:
        return f"{{{read[0].value}}}.shape[{read[0].axis}:{read[-1].axis + 1}]"
    return f"({', '.join(map(str, numbers))}{',' if len(numbers) == 1 else ''})"
