"""Normalisation of the channels at each position by the root of their mean square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archlang.ops.base import Autocast, Example, Module, Operator, Saved, Scratch, Wanted, Weight, Work
from archlang.ops.checks import check_dtype
from archlang.ops.course_norms import root_mean_square
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.halves import HALF, WHOLE, bytes_taken, is_half
from archlang.ops.layouts import Strides, contiguous, formatted, is_contiguous, laid
from archlang.ops.parts import Course
from archlang.ops.runs import ONE_CALL_FORWARD
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType, param_type

Positive = Annotated[float, Field(gt=0)]


class RMSNorm(Operator):
    """The channels at each position divided by the root of their mean square, then scaled by a learned weight.

    Zhang and Sennrich 2019 (arXiv:1910.07467). The channels are the last axis. Without `eps`, torch adds the smallest
    number that the dtype knows. No MACs.

        params = c
        params = 0 if not affine
        normalised = c*h*w
    """

    pointwise = True
    runs = replace(ONE_CALL_FORWARD, autocast=Autocast("float32", result="given"))
    word: ClassVar[str] = "rmsnorm"
    family, noted = "norm", "RMSNorm"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "needs-channels-last", "wrong-dtype", eps="torch accepts 0, which divides by zero where all values are equal"
    )
    elsewhere: ClassVar[tuple[str, ...]] = ("RMSNorm", "RMSNormalization", "rms_norm")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("rmsnorm", "6x8 n t c"),
        Example("rmsnorm eps=0.00001", "8"),
        Example("rmsnorm affine=false", "4x5x6 n h w c"),
    )

    eps: Positive | None = None
    affine: bool = True

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels_last(x, self.word)
        check_dtype(x, self.word, weighted=self.affine)
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (x["c"],)),) if self.affine else ()

    def work(self, x: TensorType) -> Work:
        return Work(normalised=x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        scaled = Saved("own", shape=x.shape, dtype=x.dtype, per_image="n" in x.axes, when="weights", name="scaled")
        root = replace(scaled, shape=x.shape[:-1], when="inputs", name="statistics")
        if is_half(x):  # a copy in float32, from which all is computed
            floats, root, scaled = (replace(one, wide=True, full=True) for one in (scaled, root, scaled))
            floats = replace(floats, when="inputs", name="floats")
            return (floats, root, *((scaled,) if self.affine else ()))
        return (Saved("input", when="inputs"), root, *((scaled,) if self.affine else ()))

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        if is_half(x):
            shape, floats = laid(x).shape, 1 if training else 2 + self.affine
            return bytes_taken((WHOLE * floats - HALF * (not training)) * prod(shape) + WHOLE * prod(shape[:-1]))
        row = param_type((2 * prod(x.shape[:-1]),), x.dtype)
        return () if training and is_contiguous(laid(x)) else (x, row)  # a copy, or what is scaled

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        if is_half(x):
            return bytes_taken((5 * WHOLE + HALF) * prod(laid(x).shape))  # with what is kept, freed one by one
        return (x,) * 4  # at most

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course | None:
        return root_mean_square(self, inputs[0], affine=self.affine) if training and not is_half(inputs[0]) else None

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        return (contiguous(known.shape) if is_contiguous(known) else formatted(known.shape, x),)

    def torch(self, x: TensorType) -> Module:
        options = (("eps", self.eps, None), ("elementwise_affine", self.affine, True))
        return Module("torch.nn.RMSNorm", (("normalized_shape", x["c"]),), options)
