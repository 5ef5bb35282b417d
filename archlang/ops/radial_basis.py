"""Units that compute the distance of their input from a vector of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.arithmetic import Sub
from archlang.ops.base import Autocast, Example, Kind, Lecture, Module, Size, Wanted, Weight, Work
from archlang.ops.checks import check_batched, check_dtype
from archlang.ops.in_parts import InParts
from archlang.ops.parts import Own, Part
from archlang.ops.reduction import Sum
from archlang.ops.scaling import Square
from archlang.ops.stricter import beyond_torch
from archlang.ops.unit_axes import Unsqueeze
from archlang.shapes import TensorType

_RADIAL_BASIS = '''
class RadialBasis(nn.Module):
    """The squared distance of the last axis from each of several vectors, of -1 and 1 at first."""

    def __init__(self, in_features, out_features, fixed=False):
        super().__init__()
        self.fixed = fixed
        codes = torch.empty(out_features, in_features).bernoulli_(0.5) * 2 - 1
        if fixed:
            self.register_buffer("weight", codes)
        else:
            self.weight = nn.Parameter(codes)

    def forward(self, x):
        return (x.unsqueeze(-2) - self.weight).square().sum(-1)
'''


class RadialBasis(InParts):
    """Euclidean radial basis units: y_i is the sum over j of (x_j - w_ij)**2, at each position by itself.

    LeCun et al. 1998, section II.B: the output of LeNet-5 is `radial_basis 10 fixed=true`, and the smallest value is
    the class. There the vectors are fixed codes of -1 and 1, drawings of the characters of 7 by 12. Here they are drawn
    at random, which the paper names as another choice; `fixed=true` makes them a buffer. The channels are the last
    axis. The differences are saved for backward. A value takes c differences, c squares and c - 1 additions; no MACs.

        c' = out
        params = out*c
        params = 0 if fixed
        buffers = out*c if fixed
        elementwise = h*w*out*(3*c - 1)
    """

    pointwise = True
    word: ClassVar[str] = "radial_basis"
    noted: ClassVar[str] = "RBF"
    family: ClassVar[str] = "fully connected"
    positional: ClassVar[Mapping[str, Kind]] = {"out": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("RBF", "RadialBasis", "RBFLayer", "euclidean_rbf")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("radial_basis 10", "84"),
        Example("radial_basis 3 fixed=true", "5"),
        Example("radial_basis 3", "4x5 n t c"),
        Example("radial_basis 2", "3x4x5 n h w c"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "needs-channels-last", "wrong-dtype", "wrong-rank", out="torch returns an empty tensor"
    )

    out: Size
    fixed: bool = False

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_batched(x, self.word)
        if x.axes[-1] != "c":
            message = f"radial_basis needs the channels as the last axis, but its input {x} has {x.names}"
            help = f"write `flatten` before it, which gives it {x.values} values"
            raise Rejected("needs-channels-last", message, help=help, about="input")
        check_dtype(x, self.word, weighted=True)
        return (x.resized(c=self.out),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return (Weight("weight", (self.out, x["c"]), buffer=self.fixed),)

    def work(self, x: TensorType) -> Work:
        (y,) = self.outputs(x)
        return Work(elementwise=y.values * (3 * x["c"] - 1))

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        """Return the arithmetic: the gradient of either side visits the differences and squares once more."""
        return self.work(x) if wanted.any else Work()

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("float32")

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        codes = Own("weight", trained=not self.fixed)
        return (
            Part(Unsqueeze(axis=-2), (0,)), Part(Sub(), (1, codes), "differences"), Part(Square(), (2,)),
            Part(Sum(axis=-1), (3,)),
        )  # fmt: skip

    def torch(self, x: TensorType) -> Module:
        args = (("in_features", x["c"]), ("out_features", self.out))
        return Module("RadialBasis", args, (("fixed", self.fixed, False),), _RADIAL_BASIS)

    def lecture(self, x: TensorType) -> Lecture:
        return Lecture("RBF", "" if self.fixed else f"{{input}}*{self.out}")
