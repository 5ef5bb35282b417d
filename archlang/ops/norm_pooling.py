"""Pooling by the norm of the values under a window."""

from __future__ import annotations

from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.ops.activation import Relu
from archlang.ops.arithmetic import Mul
from archlang.ops.base import Example, Module, Work
from archlang.ops.checks import check_dtype
from archlang.ops.elementary import Abs, Pow, Sign
from archlang.ops.in_parts import InParts
from archlang.ops.parts import Part
from archlang.ops.pooling import AvgPool
from archlang.ops.scaling import Scale
from archlang.ops.sliding import Pool
from archlang.ops.windows import Geometry, brief, check_inside, check_sides, each, slid
from archlang.shapes import TensorType


class LpPool(InParts, Pool):
    """(sum of x**p)**(1/p) under each window: the L2 norm for p=2 (LeCun et al. 1998; Sermanet et al. 2012).

    torch uses x, not |x|: with an odd p a sum may be below 0 and has no root, and x**p of values below 0 is NaN unless
    p is whole. There is no padding. With `ceil=true` the last window may extend beyond the end, and its sum is scaled
    up to a whole window. The powers and four tensors of the size of the result are saved for backward. No weights, no
    MACs.

        n c h w -> n c h' w'
        h' = floor((h - k)/stride) + 1
        h' = min(ceil((h - k)/stride), ceil(h/stride) - 1) + 1 if ceil
        activated = c*h*w + c*h'*w'
        elementwise = c*h'*w'*(k*k - 1)
    """

    word: ClassVar[str] = "lppool"
    noted: ClassVar[str] = "Lp pool"
    elsewhere: ClassVar[tuple[str, ...]] = ("LPPool1d", "LPPool2d", "LPPool3d", "L2Pool", "lp_pool", "LpPool")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("lppool 2x2/2 p=2", "3x8x8"),
        Example("lppool 3x3/2 p=3", "2x9x7"),
        Example("lppool 3x3/2 ceil=true", "2x8x8"),
        Example("lppool [2]", "3x9"),
        Example("lppool 2x2x2 p=1.5", "2x4x5x6"),
    )

    p: Annotated[float, Field(ge=1)] = 2.0
    ceil: bool = False

    def geometry(self, x: TensorType) -> Geometry:
        rank = len(self.kernel)
        check_sides(rank)
        stride = self.kernel if self.stride is None else each(self.stride, rank, "stride")
        return Geometry(self.kernel, stride, (0,) * rank, (1,) * rank, self.ceil)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        geometry = self.geometry(x)
        sizes = slid(x, self.word, geometry, (0,) * len(self.kernel))
        if len(self.kernel) == 3:
            check_inside(x, self.kernel)
        check_dtype(x, self.word)
        return (x.resized(**sizes),)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(activated=x.values + y.values, elementwise=y.values * (prod(self.kernel) - 1))

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        means = AvgPool(kernel=self.kernel, stride=self.stride, ceil=self.ceil)
        return (
            Part(Pow(p=self.p), (0,), "powers"), Part(means, (1,), "means", held=True), Part(Sign(), (2,), "signs"),
            Part(Abs(), (2,)), Part(Relu(), (4,), "positive"), Part(Mul(), (3, 5)),
            Part(Scale(factor=float(prod(self.kernel))), (6,), "sums"), Part(Pow(p=1 / self.p), (7,)),
        )  # fmt: skip

    def torch(self, x: TensorType) -> Module:
        geometry = self.geometry(x)
        stride = None if geometry.stride == self.kernel else brief(geometry.stride)
        options = (("stride", stride, None), ("ceil_mode", self.ceil, False))
        args = (("norm_type", self.p), ("kernel_size", brief(self.kernel)))
        return Module(f"torch.nn.LPPool{len(self.kernel)}d", args, options)
