"""LeNet's subsampling, which learns a coefficient and a bias for each map."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import ClassVar, Literal

from archlang.ops.alike import Add
from archlang.ops.arithmetic import Mul
from archlang.ops.base import Autocast, Example, Kind, Lecture, Module, Wanted, Weight, Work
from archlang.ops.checks import check_dtype
from archlang.ops.in_parts import InParts
from archlang.ops.parts import Own, Part
from archlang.ops.pooling import AvgPool
from archlang.ops.scaling import Scale
from archlang.ops.sliding import Sliding
from archlang.ops.stricter import beyond_torch
from archlang.ops.windows import Geometry, Sizes, Stride, brief, check_sides, each, short, slid
from archlang.shapes import TensorType

_SUBSAMPLING = '''
class Subsampling(nn.Module):
    """The sum (or mean) under each window times a coefficient of its map, plus a bias; at first the mean."""

    def __init__(self, channels, kernel_size, stride=None, mode="sum"):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride
        self.values = torch.Size(kernel_size).numel() if mode == "sum" else 1
        self.weight = nn.Parameter(torch.ones(channels) / self.values)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        sides = len(self.kernel_size)
        pool = (nn.functional.avg_pool1d, nn.functional.avg_pool2d, nn.functional.avg_pool3d)[sides - 1]
        summed = pool(x, self.kernel_size, self.stride) * self.values
        shape = -1, *[1] * sides
        return summed * self.weight.view(shape) + self.bias.view(shape)
'''


class Subsampling(InParts, Sliding):
    """The sum under each window, times a learned coefficient and plus a learned bias of its map.

    LeCun et al. 1998, section II.B: S2 and S4 of LeNet-5, `subsampling 2x2`, before the squashing, which is a step of
    its own (`scaled_tanh` or `sigmoid`). `mode=mean` takes the mean instead of the sum. Windows are side by side unless
    a stride is given. What the paper calls connections, a sum's values and the bias, is elementwise + bias_adds.
    Weights (c) and a bias; no MACs.

        n c h w -> n c h' w'
        h' = floor((h - k)/stride) + 1
        params = 2*c
        elementwise = c*h'*w'*k*k
        elementwise = c*h'*w'*(k*k + 1) if mode == 'mean'
        bias_adds = c*h'*w'
    """

    word: ClassVar[str] = "subsampling"
    family: ClassVar[str] = "pooling"
    positional: ClassVar[Mapping[str, Kind]] = {"kernel": "window"}
    elsewhere: ClassVar[tuple[str, ...]] = ("SpatialSubSampling", "TemporalSubSampling", "subsample", "sub_sampling")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("subsampling 2x2", "6x8x8"),
        Example("subsampling 3x2/2x1 mode=mean", "2x9x7"),
        Example("subsampling [2]", "3x9"),
        Example("subsampling 2x2x2", "2x4x5x6"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", "wrong-rank")

    kernel: Sizes
    stride: Stride | None = None
    mode: Literal["sum", "mean"] = "sum"

    def geometry(self, x: TensorType) -> Geometry:
        rank = len(self.kernel)
        check_sides(rank)
        stride = self.kernel if self.stride is None else each(self.stride, rank, "stride")
        return Geometry(self.kernel, stride, (0,) * rank, (1,) * rank)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        sizes = slid(x, self.word, self.geometry(x), (0,) * len(self.kernel))
        check_dtype(x, self.word, weighted=True)
        return (x.resized(**sizes),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (x["c"],)), Weight("bias", (x["c"],)))

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        # a sum of k*k values takes k*k - 1 additions and the coefficient one product; a mean divides besides
        return Work(elementwise=y.values * (prod(self.kernel) + (self.mode == "mean")), bias_adds=y.values)

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        """Add a product for each sum, for the gradient of the coefficients."""
        work, (y,) = self.work(x), self.outputs(x)
        products = work.elementwise * wanted.inputs[0] + y.values * wanted.weights
        return Work(elementwise=products, bias_adds=work.bias_adds * wanted.weights)

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("float32", known="float32")

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        means, shape = AvgPool(kernel=self.kernel, stride=self.stride), (x["c"], *(1,) * len(self.kernel))
        values = prod(self.kernel) if self.mode == "sum" else 1
        return (
            Part(means, (0,)), Part(Scale(factor=values), (1,), "sums", held=True),
            Part(Mul(), (2, Own("weight", shape))), Part(Add(), (3, Own("bias", shape))),
        )  # fmt: skip

    def torch(self, x: TensorType) -> Module:
        geometry = self.geometry(x)
        stride = None if geometry.stride == self.kernel else brief(geometry.stride)
        args = (("channels", x["c"]), ("kernel_size", self.kernel))
        options = (("stride", stride, None), ("mode", self.mode, "sum"))
        return Module("Subsampling", args, options, _SUBSAMPLING)

    def lecture(self, x: TensorType) -> Lecture:
        return Lecture(f"POOL{short(self.kernel)}", str(x["c"]))
