"""The rows of the lecture's table as data: names, and how weights multiply out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from archlang.ir import Layer
from archlang.shapes import TensorType


@dataclass(frozen=True, slots=True)
class LectureRow:
    """A row of the CS231n table: its name, how its weights multiply out, and their number without and of biases."""

    name: str
    formula: str
    weights: int
    biases: int
    fan_in: int  # inputs of one unit of the first weight, 0 without weights

    def to_json(self) -> dict[str, object]:
        return {"name": self.name, "formula": self.formula, "weights": self.weights, "biases": self.biases}


def lecture_row(layer: Layer) -> LectureRow | None:
    """Return the row of a layer, or None if the layer belongs to the row above. Its input is still to be filled in."""
    told = layer.op.lecture(*layer.input_types)
    if told is None:
        return None
    weights = [weight for weight in layer.op.weights(*layer.input_types) if not weight.buffer]
    biases = sum(weight.count for weight in weights if weight.name == "bias")
    first = weights[0].shape if weights else (0, 0)
    return LectureRow(
        told.name, told.weights, sum(weight.count for weight in weights) - biases, biases, fan_in=prod(first[1:])
    )


def with_input(row: LectureRow, entering: Sequence[int]) -> LectureRow:
    """Return the row with `{input}` filled in: the factors of the input, if their product is the weight's width."""
    if "{input}" not in row.formula:
        return row
    factors = entering if prod(entering) == row.fan_in else (row.fan_in,)
    return replace(row, formula=row.formula.replace("{input}", "*".join(map(str, factors))))


def factors_after(has_row: bool, type: TensorType, entering: tuple[int, ...]) -> tuple[int, ...]:
    """Return the factors of an output's size. A map that is only flattened keeps the factors of the map."""
    own = multiplied(type)
    keeps = not has_row and len(own) == 1 and prod(entering) == own[0]
    return entering if keeps else own


def channels_last(type: TensorType) -> tuple[int, ...]:
    """Return the sizes as the lecture writes them, without the batch: height, width, channels."""
    inner = [size for size, axis in zip(type.shape, type.axes, strict=True) if axis not in ("n", "c")]
    return (*inner, type["c"]) if "c" in type.axes else tuple(inner)


def multiplied(type: TensorType) -> tuple[int, ...]:
    """Return the factors of the size for one image, channels last. A map of one position has only its channels."""
    written = channels_last(type)
    return written[-1:] if "c" in type.axes and set(written[:-1]) <= {1} else written
