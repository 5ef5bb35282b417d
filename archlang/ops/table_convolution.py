"""Convolutions with a connection table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.ops.answers import Fans
from archlang.ops.base import Example, Kind, Lecture, Module, Natural, Saved, Weight, Work
from archlang.ops.borders import Border
from archlang.ops.convolving import FAR_STRIDES, EmittedConvolution
from archlang.ops.course_table import by_table
from archlang.ops.layouts import laid
from archlang.ops.parts import Course
from archlang.ops.windows import Sizes, Stride, short
from archlang.shapes import TensorType

_TABLE_CONV = '''
class TableConvRANKd(nn.Module):
    """A convolution each of whose output maps sees the input maps that a list names.

    `border` is the padding as torch.nn.functional.pad takes it.
    """

    def __init__(
        self,
        connections,
        kernel_size,
        stride=(1,) * RANK,
        dilation=(1,) * RANK,
        border=(0, 0) * RANK,
        bias=True,
        drawn="torch",
    ):
        super().__init__()
        self.connections = connections
        self.stride, self.dilation, self.border = stride, dilation, border
        pairs = [
            (number, out) for out, seen in enumerate(connections) for number in seen
        ]
        self.uses = {}  # of each input map: its kernels, and the output maps that see it
        for at, (number, out) in enumerate(pairs):
            self.uses.setdefault(number, []).append((at, out))
        self.weight = nn.Parameter(torch.empty(len(pairs), *kernel_size))
        self.bias = nn.Parameter(torch.empty(len(connections))) if bias else None
        counts = [len(seen) for seen in connections]
        for out, kernels in enumerate(self.weight.split(counts)):
            fan_in = kernels.numel()
            bound = 2.4 / fan_in if drawn == "lecun" else fan_in**-0.5
            nn.init.uniform_(kernels, -bound, bound)
            if bias:
                nn.init.uniform_(self.bias[out], -bound, bound)

    def forward(self, x):
        if any(self.border):
            x = nn.functional.pad(x, self.border)
        kernels = self.weight.unbind()
        sums = [[] for _ in self.connections]
        for number, uses in self.uses.items():
            weight = torch.stack([kernels[at] for at, _ in uses])[:, None]
            parts = nn.functional.convRANKd(
                x[:, number : number + 1],
                weight,
                stride=self.stride,
                dilation=self.dilation,
            )
            for (_, out), part in zip(uses, parts.unbind(1)):
                sums[out].append(part)
        y = torch.stack([sum(parts) for parts in sums], 1)
        if self.bias is not None:
            y = y + self.bias.view(-1, *[1] * RANK)
        return y.contiguous()
'''


class TableConv(EmittedConvolution):
    """Convolution with a connection table: output map i sees the input maps that `connections[i]` lists.

    LeCun et al. 1998, table I, for LeNet-5's C3. There are as many output maps as lists. Weights (pairs, k, k), a
    kernel for each connected pair of maps, in the table's order, and a bias for each output map. Both start as uniform
    values, up to a bound that depends on the inputs of each unit, its fan_in: 1/sqrt(fan_in), as torch draws a
    convolution's, or with `drawn=lecun` 2.4/fan_in, as LeCun et al. 1998 do (appendix A). An initialiser with a fan,
    such as `he_normal`, takes that of a unit too, and is refused where units have different ones. Each input map is
    convolved for all output maps that see it; the input and a copy of the kernels are saved for backward. `pad` is that
    of `conv`.

        n c h w -> n out h' w'
        h' = floor((h + 2*pad - dilation*(k - 1) - 1)/stride) + 1
        h' = floor((h + before + after - dilation*(k - 1) - 1)/stride) + 1 if before != after
        params = pairs*k*k + out
        params = pairs*k*k if not bias
        MACs = h'*w'*pairs*k*k
        bias_adds = h'*w'*out if bias
    """

    word: ClassVar[str] = "table_conv"
    noted: ClassVar[str] = "table conv"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window"}
    elsewhere: ClassVar[tuple[str, ...]] = ("SpatialConvolutionMap", "TableConv2d", "conv_table", "connected_conv")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("table_conv 3x3 connections=[[1, 2], [2], [1, 2], [1]]", "3x6x7"),
        Example("table_conv 5x5 connections=[[0, 1], [1, 2], [0, 1, 2]]", "3x8x8"),
        Example("table_conv 3x2/2 connections=[[1], [0], [1]] pad=1 bias=false", "2x7x5"),
        Example("table_conv [3] connections=[[0, 2], [1]] pad=causal dilation=2", "3x9"),
        Example("table_conv 2x1x2 connections=[[0, 1], [0]] pad=[0, 1, [0, 1]]", "2x4x3x5"),
        Example("table_conv 3x3 connections=[[0, 1], [0]] drawn=lecun", "2x5x6"),
    )

    stricter: ClassVar[Mapping[str, str]] = {**EmittedConvolution.stricter, **FAR_STRIDES}

    kernel: Sizes
    connections: tuple[tuple[Natural, ...], ...]
    stride: Stride = 1
    pad: Border = 0
    dilation: Stride = 1
    bias: bool = True
    drawn: Literal["torch", "lecun"] = "torch"

    @property
    def _pairs(self) -> int:
        """How many pairs of maps are connected."""
        return sum(map(len, self.connections))

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        sizes = self.slid(x)
        if not self.connections or not all(self.connections):
            message = "each output map of table_conv sees one input map at least, but `connections` has an empty list"
            raise Rejected("empty-output", message, about="connections")
        for number in (number for seen in self.connections for number in seen):
            if number >= x["c"]:
                message = f"{x} has {x['c']} maps, counted from 0, but `connections` names map {number}"
                raise Rejected("no-such-position", message, about="connections")
        return (x.resized(c=len(self.connections), **sizes),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        weight = Weight("weight", (self._pairs, *self.kernel), fans=self._fans())
        return (weight, Weight("bias", (len(self.connections),))) if self.bias else (weight,)

    def _fans(self) -> Fans:
        """Return the inputs of an output map and the outputs of an input map; None if maps have different ones."""
        seen = {len(maps) for maps in self.connections}
        seeing = {*Counter(number for maps in self.connections for number in maps).values()}
        fan_in, fan_out = (counts.pop() * prod(self.kernel) if len(counts) == 1 else None for counts in (seen, seeing))
        return fan_in, fan_out

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        macs = y.values // len(self.connections) * self._pairs * prod(self.kernel)
        return Work(macs=macs, bias_adds=y.values if self.bias else 0)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        kernels = Saved("own", shape=(self._pairs, *self.kernel), per_image=False, name="kernels")
        return (self.padded_input(x), kernels)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        known = laid(inputs[0])
        (y,) = self.outputs(known)
        return by_table(self, known, self.geometry(known), self.connections, y.shape, bias=self.bias)

    def symbols(self, x: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        return {**super().symbols(x), "out": len(self.connections), "pairs": self._pairs}

    def torch(self, x: TensorType) -> Module:
        args = (("connections", self.connections), ("kernel_size", self.kernel))
        return self.emitted("TableConv", _TABLE_CONV, x, *args, further=[("drawn", self.drawn, "torch")])

    def lecture(self, x: TensorType) -> Lecture:
        weights = f"({'*'.join(map(str, self.kernel))})*{self._pairs}"
        return Lecture(f"CONV{short(self.kernel)}-{len(self.connections)}", weights)
