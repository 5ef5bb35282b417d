"""Layers of two inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Autocast, Example, Kind, Module, Operator, Saved, Scratch, Size, Wanted, Weight, Work
from archlang.ops.checks import check_batched, check_dtype
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.layouts import is_matrix, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.states import Factor
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType, param_type


class Bilinear(Operator):
    """A bilinear form of two inputs: each of `out` values is left·W·right + b (Tenenbaum and Freeman 2000).

    Both inputs are n ... c with the same axes before the channels; each position is computed by itself. MACs: those of
    a linear layer over the products of all pairs of left and right channels; the products are elementwise. torch's
    counter does not know the call, and counts 0.

        c' = out
        params = out*left*right + out
        params = out*left*right if not bias
        MACs = positions*out*left*right
        bias_adds = positions*out if bias
        elementwise = positions*left*right
    """

    pointwise = True
    runs = replace(ONE_CALL, autocast=Autocast("given", takes_lower=False))
    word: ClassVar[str] = "bilinear"
    family: ClassVar[str] = "fully connected"
    positional: ClassVar[Mapping[str, Kind]] = {"out": "number"}
    arity: ClassVar[tuple[int, ...]] = (2,)
    elsewhere: ClassVar[tuple[str, ...]] = ("Bilinear",)
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "needs-channels-last", "wrong-dtype", "wrong-rank", out="torch returns an empty tensor"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("bilinear 5", "3, 4"),
        Example("bilinear 2 bias=false", "6x3 n t c, 6x3 n t c"),
        Example("bilinear 3", "2x5x3 n h w c, 2x5x4 n h w c"),
    )

    out: Size
    bias: bool = True

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        left, right = inputs
        for x in inputs:
            check_batched(x, self.word)
            check_channels_last(x, self.word)
            check_dtype(x, self.word, weighted=True)
        if left.axes != right.axes:
            message = f"{self.word} needs two values with the same axes, but these are {left.names} and {right.names}"
            raise Rejected("wrong-rank", message, about="input")
        if left.shape[:-1] != right.shape[:-1]:
            message = f"{self.word} needs equal sizes before the channels, but these differ: {left} and {right}"
            raise Rejected("unequal-sizes", message, about="input")
        return (left.resized(c=self.out),)

    def weights(self, *inputs: TensorType) -> tuple[Weight, ...]:
        left, right = inputs
        weight = Weight("weight", (self.out, left["c"], right["c"]))
        return (weight, Weight("bias", (self.out,))) if self.bias else (weight,)

    def work(self, *inputs: TensorType) -> Work:
        left, right = inputs
        pairs = left.values * right["c"]
        biased = left.values // left["c"] * self.out
        return Work(macs=pairs * self.out, bias_adds=biased if self.bias else 0, elementwise=pairs)

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return tuple(_multiplied(at, x) for at, x in enumerate(inputs))

    def scratch(self, training: bool, *inputs: TensorType) -> Scratch:
        left, right = inputs  # both multiplied with the weight of one output, whose results are written one by one
        return (left, right) * 2  # and copies of what is not contiguous

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        left, right = inputs
        pairs, rows = left["c"] * right["c"], prod(laid(left).shape[:-1])
        # the products of all pairs, row by row, are there before the gradient of the weight that they add up to
        products = max(pairs * (rows - self.out), pairs) if wanted.weights else pairs
        return (param_type((products,), left.dtype), left)

    def viewed_gradients(self, *inputs: TensorType) -> tuple[int | str, ...]:
        return (0, 1, "bias")

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        left, right = inputs
        images = left.shape[0] if "n" in left.axes else 1
        return {"left": left["c"], "right": right["c"], "positions": left.values // images // left["c"]}

    def torch(self, *inputs: TensorType) -> Module:
        left, right = inputs
        args = (("in1_features", left["c"]), ("in2_features", right["c"]), ("out_features", self.out))
        return Module("torch.nn.Bilinear", args, (("bias", self.bias, True),))


def _multiplied(at: int, x: TensorType) -> Saved:
    """Return an input as rows of channels: a copy if it is not contiguous."""
    return Factor("input", at) if is_matrix(laid(x)) else Factor("own", at, x.shape, name="copy")
