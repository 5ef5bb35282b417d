"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Autocast,
    Example,
    Kind,
    Lecture,
    Module,
    Reach,
    Saved,
    Scratch,
    Size,
    Wanted,
    Weight,
    Work,
    seeing_all,
)
from archlang.ops.checks import check_axis, check_batched, check_dtype
from archlang.ops.halves import panels
from archlang.ops.in_parts import InParts
from archlang.ops.layouts import is_matrix, laid
from archlang.ops.parts import Part
from archlang.ops.rearranging import turned_parts
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import AXIS_WORDS, TensorType

_SOURCE = """
class AxisLinear(nn.Linear):
    def __init__(self, in_features, out_features, axis, bias=True):
        super().__init__(in_features, out_features, bias)
        self.axis = axis

    def forward(self, x):
        return super().forward(x.transpose(self.axis, -1)).transpose(self.axis, -1)
"""


def _axes(x: TensorType) -> range:
    """Return the axes besides the batch."""
    return range(1, len(x.axes))


class Linear(InParts):
    """Fully connected layer: y = x·Wᵀ + b over the channels, the last axis, at each position by itself.

    `axis` selects another one, counted from the batch, 0: `linear 256 axis=1` mixes the tokens of n t c, each channel
    by itself. Its size is `size`, and it becomes `out`. Weights (out, size) and a bias.

        c' = out if axis is None
        params = out*c + out if axis is None
        params = out*c if axis is None and not bias
        MACs = h*w*out*c if axis is None
        bias_adds = h*w*out if axis is None and bias
        size' = out if axis is not None
        params = out*size + out if axis is not None
        params = out*size if axis is not None and not bias
        MACs = positions*out*size if axis is not None
        bias_adds = positions*out if axis is not None and bias
    """

    pointwise = True
    runs = replace(ONE_CALL, fresh=True)
    word: ClassVar[str] = "linear"
    noted: ClassVar[str] = "fc"
    family: ClassVar[str] = "fully connected"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("linear-needs-channels-last")
    positional: ClassVar[Mapping[str, Kind]] = {"out": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Linear", "Dense", "fc", "FullyConnected", "InnerProduct", "dense")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("linear 10", "84"),
        Example("linear 7 bias=false", "5"),
        Example("linear 3", "4x5 n t c"),
        Example("linear 3 axis=1", "4x5 n t c"),
        Example("linear 2 axis=1 bias=false", "5x3x4"),
        Example("linear 6 axis=-1", "5x3x4"),
    )

    out: Size
    bias: bool = True
    axis: int | None = None

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_batched(x, self.word)
        if self.axis is not None:
            check_axis(x, self.axis, self.word)
        elif x.axes[-1] != "c":
            raise self._unsaid(x)
        check_dtype(x, self.word, weighted=True)
        at = self._at(x)  # several stacked axes may have one name
        return (TensorType((*x.shape[:at], self.out, *x.shape[at + 1 :]), x.axes, x.dtype),)

    def _unsaid(self, x: TensorType) -> Rejected:
        """Return the error for an input whose channels are not last: the axis must be given."""
        axis = x.axes[-1]
        message = f"linear mixes the last axis, and the last axis of its input {x} is the"
        ways = [f"`linear {self.out} axis={at}` mixes the {AXIS_WORDS.get(x.axes[at], x.axes[at])}" for at in _axes(x)]
        help = f"{', '.join(ways)}; `flatten` before it mixes all {x.values} values"
        return Rejected(
            "linear-needs-channels-last", f"{message} {AXIS_WORDS.get(axis, axis)}", help=help, about="input"
        )

    def _at(self, x: TensorType) -> int:
        """Return the number of the axis that is mixed."""
        return range(len(x.axes))[-1 if self.axis is None else self.axis]

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        """Return none where the last axis is mixed; else that axis is turned to the end and back."""
        if self.axis is None or self.axis % len(x.axes) == len(x.axes) - 1:
            return ()
        return turned_parts(Linear(out=self.out, bias=self.bias, axis=-1), x, self.axis)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        weight = Weight("weight", (self.out, x.shape[self._at(x)]))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(macs=y.values * x.shape[self._at(x)], bias_adds=y.values if self.bias else 0)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, [x.axes[self._at(x)]]))

    def symbols(self, x: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        size = x.shape[self._at(x)]
        return {"size": size, "size'": self.out, "positions": prod(x.shape[1:]) // size}

    def is_fresh(self, x: TensorType) -> bool:
        return super().is_fresh(x) and len(x.axes) == 2  # of more axes torch makes one, and returns a view

    def saved(self, x: TensorType) -> tuple[Saved, ...] | None:
        if self.parts(x):
            return super().saved(x)
        if is_matrix(laid(x)):
            return (Saved("input", when="weights"),)
        return (Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy"),)

    def _sizes(self, x: TensorType) -> tuple[int, int]:
        """Return the rows that are multiplied, and their size."""
        size = x.shape[self._at(x)]
        return prod(laid(x).shape) // size, size

    def scratch(self, training: bool, x: TensorType) -> Scratch | None:
        (rows, size), taken = self._sizes(x), super().scratch(training, x)
        return None if taken is None else (*taken, *panels(x, rows, size, self.out))

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch | None:
        (rows, size), taken = self._sizes(x), super().scratch_backward(wanted, x)
        if wanted.weights:  # the greatest, by far
            return None if taken is None else (*taken, *panels(x, self.out, rows, size, turned=True))
        return None if taken is None else (*taken, *panels(x, rows, self.out, size))

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("lower", (("weight", "inputs"),))  # whichever axis is mixed

    def viewed_gradients(self, x: TensorType) -> tuple[int | str, ...]:
        # torch multiplies by the transposed weight, with the rows of all positions
        return ("weight", "bias") if len(x.axes) == 2 else (0, "weight", "bias")

    def torch(self, x: TensorType) -> Module:
        args = (("in_features", x.shape[self._at(x)]), ("out_features", self.out))
        options = (("bias", self.bias, True),)
        if not self.parts(x):
            return Module("torch.nn.Linear", args, options)
        return Module("AxisLinear", (*args, ("axis", self.axis)), options, _SOURCE)

    def lecture(self, x: TensorType) -> Lecture:
        size = "{input}" if self.axis is None else x.shape[self._at(x)]
        return Lecture("FC", f"{size}*{self.out}")
