"""Tensors that a net holds itself and uses as values: parameters, which training changes, and buffers.

A statement declares them, no step applies them: `param class_token: 1x1x768 init=zeros`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import Operator, Stored, Weight, Work
from archlang.ops.contents import contents
from archlang.ops.runs import ONE_CALL
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
        held = contents(self.init, self.values)
        held.refuse(self.shape, self.dtype)
        if held.has_decimals and "float" not in self.dtype:
            message = f"`{self.init}` fills with decimal numbers, but the dtype is {self.dtype}"
            raise Rejected("wrong-dtype", message, about="init")
        if not self.buffer and "float" not in self.dtype:
            message = f"training changes a parameter by small steps, which {self.dtype} cannot hold"
            help = "write `buffer` for values that training does not change"
            raise Rejected("wrong-dtype", message, help=help, about="dtype")
        return (param_type(self.shape, self.dtype),)

    def known_values(self) -> tuple[float, ...] | None:
        if not self.buffer or self.dtype != "int64":
            return None
        return contents(self.init, self.values).known(self.shape)

    def weights(self) -> tuple[Weight, ...]:
        return (Weight("", self.shape, self.buffer, self.dtype, persistent=self.is_persistent),)

    @property
    def is_persistent(self) -> bool:
        """Whether the state dict holds it."""
        return True

    def work(self) -> Work:
        return Work()

    def torch(self) -> Stored:
        template, values = contents(self.init, self.values).made(self.shape, self.dtype)
        return Stored(template, self.shape, values, self.buffer, self.is_persistent)


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
