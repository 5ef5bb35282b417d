"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Autocast,
    Example,
    GradientPlace,
    Kind,
    Lecture,
    Module,
    Operator,
    Reach,
    Saved,
    Size,
    Temporaries,
    Weight,
    Work,
    seeing_all,
)
from archlang.ops.checks import check_axis, check_batched, check_dtype
from archlang.ops.layouts import Strides, laid, viewed
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import AXIS_WORDS, TensorType

if TYPE_CHECKING:
    from archlang.ops.turned import Turned

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


class Linear(Operator):
    """Fully connected layer: y = x·Wᵀ + b over the channels, which are the last axis, at each position separately.

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
    runs = replace(ONE_CALL, autocast=Autocast("lower", (("weight", "inputs"),)))
    word: ClassVar[str] = "linear"
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
        return (x.resized(**{self._name(x): self.out}),)

    def _unsaid(self, x: TensorType) -> Rejected:
        """Return the error for an input whose channels are not last: the axis must be given."""
        axis = x.axes[-1]
        message = f"linear mixes the last axis, and the last axis of its input {x} is the"
        ways = [f"`linear {self.out} axis={at}` mixes the {AXIS_WORDS.get(x.axes[at], x.axes[at])}" for at in _axes(x)]
        help = f"{', '.join(ways)}; `flatten` before it mixes all {x.values} values"
        return Rejected(
            "linear-needs-channels-last", f"{message} {AXIS_WORDS.get(axis, axis)}", help=help, about="input"
        )

    def _name(self, x: TensorType) -> str:
        """Return the name of the axis that is mixed."""
        return x.axes[-1 if self.axis is None else self.axis]

    def _turned(self, x: TensorType) -> Turned | None:
        """Return its parts if its axis is not the last one."""
        if self.axis is None or self.axis % len(x.axes) == len(x.axes) - 1:
            return None
        from archlang.ops.turned import Turned

        return Turned(inner=self.model_copy(update={"axis": -1}), axis=self.axis)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        weight = Weight("weight", (self.out, x[self._name(x)]))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(macs=y.values * x[self._name(x)], bias_adds=y.values if self.bias else 0)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, [self._name(x)]))

    def symbols(self, x: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        size = x[self._name(x)]
        return {"size": size, "size'": self.out, "positions": prod(x.shape[1:]) // size}

    def saved(self, x: TensorType) -> tuple[Saved, ...] | None:
        turned = self._turned(x)
        if turned is not None:
            return turned.saved(x)
        known = laid(x)
        if viewed(known.shape, known.strides, (prod(known.shape[:-1]), known.shape[-1])) is None:
            return (Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy"),)
        return (Saved("input", when="weights"),)

    def viewed_gradients(self, x: TensorType) -> tuple[int | str, ...]:
        turned = self._turned(x)
        if turned is not None:
            return turned.viewed_gradients(x)
        # torch multiplies by the transposed weight, with the rows of all positions
        return ("weight", "bias") if len(x.axes) == 2 else (0, "weight", "bias")

    def strides(self, x: TensorType) -> tuple[Strides, ...] | None:
        turned = self._turned(x)
        return super().strides(x) if turned is None else turned.strides(x)

    def temporaries(self, x: TensorType) -> Temporaries | None:
        turned = self._turned(x)
        return super().temporaries(x) if turned is None else turned.temporaries(x)

    def gradient_places(self, x: TensorType) -> tuple[GradientPlace, ...] | None:
        turned = self._turned(x)
        return super().gradient_places(x) if turned is None else turned.gradient_places(x)

    def backward_in_one_call(self, x: TensorType) -> bool | None:
        return super().backward_in_one_call(x) if self._turned(x) is None else None

    def torch(self, x: TensorType) -> Module:
        args = (("in_features", x[self._name(x)]), ("out_features", self.out))
        options = (("bias", self.bias, True),)
        if self._turned(x) is None:
            return Module("torch.nn.Linear", args, options)
        return Module("AxisLinear", (*args, ("axis", self.axis)), options, _SOURCE)

    def lecture(self, x: TensorType) -> Lecture:
        size = "{input}" if self.axis is None else x[self._name(x)]
        return Lecture("FC", f"{size}*{self.out}")
