"""Operators that only change how values are laid out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Module, Operator, Reach, Work, seeing_all
from archlang.ops.layouts import Strides, contiguous, laid, viewed
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.ops.views import View
from archlang.shapes import TensorType, param_type


class Flatten(Operator):
    """Join all axes but the batch into one, channels outermost; of a parameter all axes. No weights, no MACs.

    c' = c*h*w
    """

    runs = replace(ONE_CALL, gradients="whole", saved="nothing", autocast="given")
    word: ClassVar[str] = "flatten"
    family: ClassVar[str] = "layout"
    elsewhere: ClassVar[tuple[str, ...]] = ("Flatten",)
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("flatten", "3x4x5"),
        Example("flatten", "7"),
        Example("flatten", "3x4 param"),
    )

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if "n" not in x.axes:
            return (param_type((prod(x.shape),), x.dtype),)
        if x.axes[:1] != ("n",):
            message = f"flatten needs the batch as the first axis, but its input has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        if len(x.axes) == 1:
            message = "flatten needs an axis besides the batch, but its input is one value for each image"
            raise Rejected(
                "wrong-rank", message, help="leave it out, or write `unsqueeze axis=1` instead", about="input"
            )
        return (TensorType((x.shape[0], prod(x.shape[1:])), ("n", "c"), x.dtype),)

    def work(self, x: TensorType) -> Work:
        return Work()

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x))

    def view(self, x: TensorType) -> bool:
        return self._viewed(x) is not None

    def viewed_gradients(self, x: TensorType) -> tuple[int, ...]:
        return (0,) if len(x.axes) > 1 + ("n" in x.axes) else ()  # of n c it returns the same tensor

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (self._viewed(x) or contiguous(self.outputs(laid(x))[0].shape),)

    def _viewed(self, x: TensorType) -> Strides | None:
        known = laid(x)
        return viewed(known.shape, known.strides, self.outputs(known)[0].shape)

    def torch(self, x: TensorType) -> Module | Expression:
        return Module("torch.nn.Flatten") if "n" in x.axes else Expression("{0}.flatten()")


class Identity(View):
    """The input itself. No weights, no MACs."""

    pointwise = True
    word: ClassVar[str] = "identity"
    elsewhere: ClassVar[tuple[str, ...]] = ("Identity", "noop")
    examples: ClassVar[tuple[Example, ...]] = (Example("identity", "3x4x4"),)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        return (x,)

    def viewed_gradients(self, x: TensorType) -> tuple[int, ...]:
        return ()

    def torch(self, x: TensorType) -> Module | Expression:
        return Module("torch.nn.Identity")


class Detach(Identity):
    """The input itself, as a constant to the backward pass: nothing before it gets a gradient through it.

    The stop-gradient sg(x) of VQ-VAE (van den Oord et al. 2017, arXiv:1711.00937) and SimSiam. With `(y, x) -> sub ->
    detach -> rest: it`, `(x, rest) -> add` has the values of y and the gradient of x. No weights, no MACs.
    """

    detached = True
    word: ClassVar[str] = "detach"
    elsewhere: ClassVar[tuple[str, ...]] = ("stop_gradient", "StopGradient", "stop_grad", "sg")
    examples: ClassVar[tuple[Example, ...]] = (Example("detach", "3x4x4"), Example("detach", "6x8 n t c"))

    def torch(self, x: TensorType) -> Expression:
        return Expression("{0}.detach()")
