"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Autocast, Example, Kind, Lecture, Module, Operator, Saved, Size, Weight, Work
from archlang.ops.checks import check_batched, check_dtype
from archlang.ops.layouts import laid, viewed
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import AXIS_WORDS, TensorType


class Linear(Operator):
    """Fully connected layer: y = x·Wᵀ + b over the last axis, at each position by itself.

    Weights (out, c) and a bias.

        c' = out
        params = out*c + out
        params = out*c if not bias
        MACs = h*w*out*c
        bias_adds = h*w*out if bias
    """

    pointwise = True
    runs = ONE_CALL
    word: ClassVar[str] = "linear"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("linear-needs-channels-last")
    positional: ClassVar[Mapping[str, Kind]] = {"out": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Linear", "Dense", "fc", "FullyConnected", "InnerProduct", "dense")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("linear 10", "84"),
        Example("linear 7 bias=false", "5"),
        Example("linear 3", "4x5 n t c"),
    )

    out: Size
    bias: bool = True

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_batched(x, self.word)
        if x.axes[-1] != "c":
            axis = x.axes[-1]
            raise Rejected(
                "linear-needs-channels-last",
                f"linear mixes the last axis, and the last axis of its input {x} is the {AXIS_WORDS.get(axis, axis)}",
                help=f"write `flatten` before it, which gives it {x.values} values",
                about="input",
            )
        check_dtype(x, self.word, weighted=True)
        return (x.resized(c=self.out),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        weight = Weight("weight", (self.out, x["c"]))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(macs=y.values * x["c"], bias_adds=y.values if self.bias else 0)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        known = laid(x)
        if viewed(known.shape, known.strides, (prod(known.shape[:-1]), known.shape[-1])) is None:
            return (Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy"),)
        return (Saved("input", when="weights"),)

    def viewed_gradients(self, x: TensorType) -> tuple[int | str, ...]:
        # torch multiplies by the weight turned round, and by the rows of all positions
        return ("weight", "bias") if len(x.axes) == 2 else (0, "weight", "bias")

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("lower", (("weight", "inputs"),))

    def torch(self, x: TensorType) -> Module:
        args = (("in_features", x["c"]), ("out_features", self.out))
        return Module("torch.nn.Linear", args, (("bias", self.bias, True),))

    def lecture(self, x: TensorType) -> Lecture:
        return Lecture("FC", f"{{input}}*{self.out}")
