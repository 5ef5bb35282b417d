"""Convolutions whose weights are standardised before each use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Lecture, Module, Wanted, Weight, Work
from archlang.ops.calls import Convolved, standardized
from archlang.ops.convolution import Conv
from archlang.ops.layouts import convolved, laid
from archlang.ops.parts import Own, Part
from archlang.ops.runs import ONE_CALL
from archlang.ops.scaling import Scale
from archlang.ops.views import Reshaped, Viewed
from archlang.shapes import TensorType

_SOURCE = '''
class StdConvRANKd(nn.ConvRANKd):
    """A convolution whose kernels have a mean of 0 and a deviation of 1.

    With `gamma`, they are scaled by a trained gain and by gamma/sqrt(fan_in). `border` is as torch.nn.functional.pad
    takes it, for padding that differs at the two sides.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        border=None,
        padding_mode="zeros",
        eps=1e-6,
        gamma=None,
        **options,
    ):
        mode = "zeros" if border else padding_mode
        super().__init__(
            in_channels, out_channels, kernel_size, padding_mode=mode, **options
        )
        self.border, self.eps = border, eps
        self.border_mode = "constant" if padding_mode == "zeros" else padding_mode
        self.gain = None
        if gamma is not None:
            self.gain = nn.Parameter(torch.ones(out_channels, *[1] * (self.weight.ndim - 1)))
            self.scale = gamma * self.weight[0].numel() ** -0.5

    def forward(self, x):
        if self.border:
            x = nn.functional.pad(x, self.border, self.border_mode)
        gain = None if self.gain is None else (self.gain * self.scale).view(-1)
        kernels = self.weight.reshape(1, self.out_channels, -1)
        kernels = nn.functional.batch_norm(
            kernels, None, None, gain, training=True, momentum=0.0, eps=self.eps
        )
        return self._conv_forward(x, kernels.reshape_as(self.weight), self.bias)
'''


class StdConv(Conv):
    """Convolution whose kernels are standardised at each use: of each, the mean is 0 and the deviation 1.

    Qiao et al. 2019 (arXiv:1903.10520), for nets with `groupnorm`, such as BiT. With `gamma`, as in nets without
    normalisation (Brock et al. 2021, arXiv:2101.08692 and 2102.06171), each kernel is also scaled by a trained gain and
    by gamma/sqrt(c/groups*k*k). Other arguments and keys are those of `conv`. For the backward pass the standardised
    kernels are kept.

        n c h w -> n out h' w'
        h' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
        h' = floor((h + before + after - dilation*(k - 1) - 1)/stride) + 1 if before != after
        params = out*(c/groups)*k*k + out if gamma is None
        params = out*(c/groups)*k*k if gamma is None and not bias
        params = out*(c/groups)*k*k + 2*out if gamma is not None
        params = out*(c/groups)*k*k + out if gamma is not None and not bias
        MACs = h'*w'*out*(c/groups)*k*k
        bias_adds = h'*w'*out if bias
        normalised = out*(c/groups)*k*k/n
    """

    runs = replace(ONE_CALL, weights="any format")
    word: ClassVar[str] = "std_conv"
    noted: ClassVar[str] = "weight-standardised conv"
    elsewhere: ClassVar[tuple[str, ...]] = (
        "StdConv2d", "ScaledStdConv2d", "WSConv2d", "weight_standardization", "weight_standardized_conv",
    )  # fmt: skip
    examples: ClassVar[tuple[Example, ...]] = (
        Example("std_conv 3x3 8 pad=1 bias=false", "3x6x7"),
        Example("std_conv 3x3/2 6 pad=1 gamma=1.7139", "4x7x7"),
        Example("std_conv 3x3 4 groups=2 eps=1e-8 pad=same_upper", "4x6x6"),
        Example("std_conv 3x1 4 pad=1 dilation=2 padding_mode=reflect", "2x9x9"),
        Example("std_conv [5]/2 6", "3x20"),
        Example("std_conv 3x3x3 4 pad=1 gamma=1.0 bias=false", "2x5x6x7"),
    )
    stricter: ClassVar[Mapping[str, str]] = {**Conv.stricter, "gamma": "torch takes numbers of 0 and below"}

    eps: Annotated[float, Field(gt=0)] = 1e-6
    gamma: Annotated[float, Field(gt=0)] | None = None

    def _kernels(self, x: TensorType) -> tuple[int, ...]:
        return (self.out, x["c"] // self.groups, *self.kernel)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        (y,) = super().outputs(x)
        if prod(self._kernels(x)[1:]) == 1:
            message = "std_conv divides each kernel by its deviation, and a kernel of one value has none"
            raise Rejected("one-position", message, about="kernel")
        return (y,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        gain = Weight("gain", (self.out, *(1,) * (len(self.kernel) + 1)), factor=True)
        return super().weights(x) if self.gamma is None else (*super().weights(x), gain)

    def once(self, x: TensorType) -> Work:
        return Work(normalised=prod(self._kernels(x)), elementwise=self.out if self.gamma is not None else 0)

    def work(self, x: TensorType) -> Work:
        return super().work(x) + self.once(x)

    def once_backward(self, wanted: Wanted, x: TensorType) -> Work:
        return self.once(x) * wanted.weights

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        work, times = super().work(x), wanted.weights + sum(wanted.inputs)
        return Work(macs=work.macs * times, bias_adds=work.bias_adds * wanted.weights) + self.once_backward(wanted, x)

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        shape, (y,), pads = self._kernels(x), self.outputs(x), self.pads_first(x)
        found = [self.border_part(x)] if pads else []
        gain: tuple[int, ...] = ()
        if self.gamma is not None:
            found.append(Part(Scale(factor=self.gamma), (Own("gain"),)))
            found.append(Part(Viewed(shape=(self.out,)), (len(found),), held=True))
            gain = (len(found),)
        sizes = (1, self.out, prod(shape[1:]))
        found.append(Part(Reshaped(shape=sizes), (Own("weight"),)))
        found.append(Part(standardized(sizes, gain=bool(gain)), (len(found), *gain), "kernels", held=True))
        found.append(Part(Viewed(shape=shape), (len(found),)))
        lies = convolved(y.shape, replace(laid(x), weights=None), shape)
        stride = self.geometry(x).stride
        last = Convolved(shape=y.shape, axes=y.axes, lies=lies, groups=self.groups, stride=stride)
        return (*found, Part(last, (int(pads), len(found), *([Own("bias")] if self.bias else []))))

    def lecture(self, x: TensorType) -> Lecture:
        gains = {} if self.gamma is None else {"weights": f"({prod(self._kernels(x)[1:]) + 1})*{self.out}"}
        return replace(super().lecture(x), **gains)

    def torch(self, x: TensorType) -> Module:
        call, rank = super().torch(x), len(self.kernel)
        named = dict(call.args)
        own = (("border", named.pop("border", None), None), ("eps", self.eps, 1e-6), ("gamma", self.gamma, None))
        return Module(f"StdConv{rank}d", (*named.items(),), (*call.options, *own), _SOURCE.replace("RANK", str(rank)))
