"""Normalisation by fixed statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.ops.alike import Add
from archlang.ops.arithmetic import Mul, Sub
from archlang.ops.base import Example, Module, Weight, Work
from archlang.ops.checks import check_channels, check_dtype
from archlang.ops.elementary import Rsqrt
from archlang.ops.in_parts import InParts
from archlang.ops.parts import Own, Part
from archlang.ops.scaling import Shift
from archlang.ops.stricter import beyond_torch
from archlang.ops.views import Viewed
from archlang.shapes import TensorType

_FROZEN_BATCHNORM = '''
class FrozenBatchNorm(nn.Module):
    """Batch normalisation by statistics, a weight and a bias that are all buffers, in training too."""

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(num_features))
        self.register_buffer("bias", torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        shape = 1, -1, *[1] * (x.ndim - 2)
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.view(shape) + shift.view(shape)
'''


class FrozenBatchNorm(InParts):
    """Batch normalisation whose weight, bias and statistics are all buffers, so that training changes none of them.

    Each value becomes weight*(x - mean)/sqrt(var + eps) + bias, channel by channel (Ioffe and Szegedy 2015,
    arXiv:1502.03167), in training as in evaluation. Detectors use it in a pretrained trunk (He et al. 2017,
    arXiv:1703.06870, as in torchvision). Its keys are those of `batchnorm` without the count of batches. The scales of
    the channels are saved for backward. No weights, no MACs.

        buffers = 4*c
        normalised = c*h*w
    """

    pointwise = True
    word: ClassVar[str] = "frozen_batchnorm"
    noted: ClassVar[str] = "frozen BN"
    family: ClassVar[str] = "norm"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-dtype", "wrong-rank", eps="torch accepts 0, which divides by zero where all values are equal"
    )
    elsewhere: ClassVar[tuple[str, ...]] = ("FrozenBatchNorm2d", "FrozenBatchNorm", "frozen_bn", "AffineChannel")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("frozen_batchnorm", "3x8x8"),
        Example("frozen_batchnorm eps=0.001", "5"),
        Example("frozen_batchnorm", "3x7"),
    )

    eps: Annotated[float, Field(gt=0)] = 1e-5

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels(x, self.word)
        check_dtype(x, self.word, weighted=True)
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        names = ("weight", "bias", "running_mean", "running_var")
        return tuple(Weight(name, (x["c"],), buffer=True) for name in names)

    def work(self, x: TensorType) -> Work:
        return Work(normalised=x.values)

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        weight, bias, mean, var = (Own(one.name, trained=False) for one in self.weights(x))
        view = Viewed(shape=(x["c"], *(1,) * (len(x.axes) - 2)))
        return (
            Part(Shift(offset=self.eps), (var,)), Part(Rsqrt(), (1,)), Part(Mul(), (weight, 2), "scale", held=True),
            Part(Mul(), (mean, 3)), Part(Sub(), (bias, 4), held=True), Part(view, (3,)), Part(Mul(), (0, 6)),
            Part(view, (5,)), Part(Add(), (7, 8)),
        )  # fmt: skip

    def torch(self, x: TensorType) -> Module:
        args, options = (("num_features", x["c"]),), (("eps", self.eps, 1e-5),)
        return Module("FrozenBatchNorm", args, options, _FROZEN_BATCHNORM)
