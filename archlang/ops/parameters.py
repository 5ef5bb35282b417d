"""Tensors that a net holds itself and uses as values: parameters, which training changes, and buffers.

A statement declares them, no step applies them: `param class_token: 1x1x768 init=zeros`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import Operator, Stored, Weight, Work
from archlang.ops.initialisers import INITIALISERS, LISTED, refuse_start
from archlang.ops.runs import ONE_CALL
from archlang.ops.tables import FORMULA, refuse_table, table_text, table_values
from archlang.ops.windows import Sizes
from archlang.shapes import Dtype, TensorType, param_type


class _Stored(Operator):
    """What both share. `shape` is torch's whole shape, without a batch.

    `values` are the initialiser's arguments, the numbers themselves if it is a `list`, or the text of a `formula` of
    the place (archlang/ops/tables.py).
    """

    pointwise = True
    runs = replace(ONE_CALL, saved="nothing")
    declared: ClassVar[bool] = True
    buffer: ClassVar[bool]

    shape: Sizes
    init: Literal[
        "zeros", "ones", "constant", "arange", "normal", "uniform", "trunc_normal", "xavier_uniform", "xavier_normal",
        "he_normal", "he_uniform", "lecun_normal", "orthogonal", "dirac", "identity", "sparse", "list",
        "formula",
    ]  # fmt: skip
    values: tuple[float | str, ...] = ()
    dtype: Dtype = "float32"

    def outputs(self) -> tuple[TensorType]:
        if self.init == FORMULA:
            refuse_table(self._formula, self.shape, self.dtype)
            gives_decimals = False
        elif self.init == LISTED:
            refuse_start(LISTED, self.values, self.shape)
            gives_decimals = any(value != int(value) for value in self._numbers)
        else:
            initialiser = INITIALISERS[self.init]
            initialiser.refuse_shape(self.init, self._arguments, self.shape)
            gives_decimals = initialiser.floats
        if gives_decimals and "float" not in self.dtype:
            message = f"`{self.init}` fills with decimal numbers, but the dtype is {self.dtype}"
            raise Rejected("wrong-dtype", message, about="init")
        if not self.buffer and "float" not in self.dtype:
            message = f"training changes a parameter by small steps, which {self.dtype} cannot hold"
            help = "write `buffer` for values that training does not change"
            raise Rejected("wrong-dtype", message, help=help, about="dtype")
        return (param_type(self.shape, self.dtype),)

    @property
    def _arguments(self) -> dict[str, float | str]:
        """The initialiser's arguments by name."""
        return dict(zip(INITIALISERS[self.init].arguments, self.values, strict=True))

    def known_values(self) -> tuple[float, ...] | None:
        if not self.buffer or self.dtype != "int64":
            return None
        if self.init == "arange":
            return (0, self.shape[0] - 1)
        if self.init == LISTED:
            return tuple(self._numbers)
        return table_values(self._formula, self.shape) if self.init == FORMULA else None

    @property
    def _formula(self) -> str:
        """The text of a `formula`."""
        if len(self.values) != 1 or not isinstance(self.values[0], str):
            raise Rejected("missing-argument", "a formula is one text", about="init")
        return self.values[0]

    @property
    def _numbers(self) -> list[float]:
        """The numbers of a `list`."""
        return [value for value in self.values if not isinstance(value, str)]

    def weights(self) -> tuple[Weight, ...]:
        return (Weight("", self.shape, self.buffer, self.dtype, persistent=self.is_persistent),)

    @property
    def is_persistent(self) -> bool:
        """Whether the state dict holds it."""
        return True

    def work(self) -> Work:
        return Work()

    def torch(self) -> Stored:
        return replace(self._stored(), persistent=self.is_persistent)

    def _stored(self) -> Stored:
        if self.init == FORMULA:
            sizes = [f"{{{at}}}" for at in range(len(self.shape))]
            numbers = table_values(self._formula, self.shape)
            return Stored(table_text(self._formula, sizes, self.dtype, numbers), self.shape, (), self.buffer)
        dtype = "" if self.dtype == "float32" else f", dtype=torch.{self.dtype}"
        if self.init == LISTED:
            listed = tuple(self._numbers if "float" in self.dtype else map(int, self._numbers))
            shaped = ".reshape({tuple})" if len(self.shape) > 1 else ""
            return Stored(f"torch.tensor({{numbers}}{dtype}){shaped}", self.shape, (("numbers", listed),), self.buffer)
        initialiser, named = INITIALISERS[self.init], self._arguments
        values = tuple((name, int(value) if name == "groups" else value) for name, value in named.items())
        # an integer range is int64 unless a dtype is given
        dtype = ", dtype=torch.float32" if self.init == "arange" and not dtype else dtype
        template = initialiser.makes(named).replace("{dtype}", dtype)
        return Stored(template, self.shape, values, self.buffer)


class Param(_Stored):
    """A parameter: a tensor without a batch that training changes. Weights (shape); it is one value of the net.

    No MACs.

        params = prod(shape)
    """

    word: ClassVar[str] = "param"
    buffer: ClassVar[bool] = False


class Buffer(_Stored):
    """A buffer: a tensor without a batch that training does not change. No weights, no MACs.

    The state dict holds it, unless it is not `persistent`.

        buffers = prod(shape)
    """

    word: ClassVar[str] = "buffer"
    buffer: ClassVar[bool] = True

    persistent: bool = True

    @property
    def is_persistent(self) -> bool:
        return self.persistent
