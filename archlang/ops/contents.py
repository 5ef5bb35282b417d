"""What a parameter or a buffer holds at first: values of an initialiser, a list of numbers, or those of a formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from archlang.diagnostics import Rejected
from archlang.ops.initialisers import INITIALISERS, LISTED, Initialiser, Number, refuse_start
from archlang.ops.tables import FORMULA, refuse_table, table_text, table_values

Shape = tuple[int, ...]
Made = tuple[str, tuple[tuple[str, Number | tuple[float, ...]], ...]]  # the template and the values of a `Stored`


class Contents(Protocol):
    """The first values of a tensor."""

    @property
    def has_decimals(self) -> bool:
        """Whether they are decimal numbers, which a dtype of whole numbers does not hold."""
        ...

    def refuse(self, shape: Shape, dtype: str) -> None:
        """Raise `Rejected` if they do not fill a tensor of this shape and dtype."""

    def known(self, shape: Shape) -> tuple[float, ...] | None:
        """Return the whole numbers that are always among them, or the least and the largest; None if there are none."""

    def made(self, shape: Shape, dtype: str) -> Made:
        """Return the expression that makes the tensor, and the numbers that are filled into it."""
        ...


@dataclass(frozen=True, slots=True)
class _Filled:
    """The values of an initialiser, whose arguments are given by name."""

    word: str
    initialiser: Initialiser
    arguments: Mapping[str, Number]

    @property
    def has_decimals(self) -> bool:
        return self.initialiser.floats

    def refuse(self, shape: Shape, dtype: str) -> None:
        self.initialiser.refuse_shape(self.word, self.arguments, shape)

    def known(self, shape: Shape) -> tuple[float, ...] | None:
        return (0, shape[0] - 1) if self.word == "arange" else None

    def made(self, shape: Shape, dtype: str) -> Made:
        # an integer range is int64 unless a dtype is given
        written = ", dtype=torch.float32" if self.word == "arange" and dtype == "float32" else _written(dtype)
        values = tuple((name, int(value) if name == "groups" else value) for name, value in self.arguments.items())
        return self.initialiser.makes(self.arguments).replace("{dtype}", written), values


@dataclass(frozen=True, slots=True)
class _Listed:
    """The numbers of a list."""

    values: tuple[Number, ...]

    @property
    def _numbers(self) -> tuple[float, ...]:
        return tuple(value for value in self.values if not isinstance(value, str))

    @property
    def has_decimals(self) -> bool:
        return any(value != int(value) for value in self._numbers)

    def refuse(self, shape: Shape, dtype: str) -> None:
        refuse_start(LISTED, self.values, shape)

    def known(self, shape: Shape) -> tuple[float, ...] | None:
        return self._numbers

    def made(self, shape: Shape, dtype: str) -> Made:
        numbers = self._numbers if "float" in dtype else tuple(map(int, self._numbers))
        shaped = ".reshape({tuple})" if len(shape) > 1 else ""
        return f"torch.tensor({{numbers}}{_written(dtype)}){shaped}", (("numbers", numbers),)


@dataclass(frozen=True, slots=True)
class _Computed:
    """The values of a formula of the place (archlang/ops/tables.py)."""

    text: str
    has_decimals: bool = False  # `refuse` compares each value with the dtype

    def refuse(self, shape: Shape, dtype: str) -> None:
        refuse_table(self.text, shape, dtype)

    def known(self, shape: Shape) -> tuple[float, ...] | None:
        return table_values(self.text, shape)

    def made(self, shape: Shape, dtype: str) -> Made:
        sizes = [f"{{{at}}}" for at in range(len(shape))]
        return table_text(self.text, sizes, dtype, table_values(self.text, shape)), ()


def contents(word: str, values: tuple[Number, ...]) -> Contents:
    """Return what an initialiser, `list` or `formula` fills in. Raises `Rejected` if a formula is not one text."""
    if word == LISTED:
        return _Listed(values)
    if word != FORMULA:
        initialiser = INITIALISERS[word]
        return _Filled(word, initialiser, dict(zip(initialiser.arguments, values, strict=True)))
    if len(values) != 1 or not isinstance(values[0], str):
        raise Rejected("missing-argument", "a formula is one text", about="init")
    return _Computed(values[0])


def _written(dtype: str) -> str:
    """Return the argument for a dtype; float32 is torch's own."""
    return "" if dtype == "float32" else f", dtype=torch.{dtype}"
