"""A convolution as its scratch is asked for: sizes of maps and weights as oneDNN lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from archlang.ops.layouts import is_channels_last, is_contiguous, is_last_weight, laid
from archlang.shapes import DTYPE_BYTES, TensorType

BLOCK = 16  # channels side by side, with AVX-512
SMALL = 20_480  # values of a single image's map, up to which torch does not use oneDNN
DOUBLE = 4  # bytes of a sum, twice those of a half-precision value


@dataclass(frozen=True, slots=True)
class Convolving:
    """A convolution from x to y by `weight`, in torch's order of axes: of a transposed one, that of its gradient."""

    x: TensorType
    y: TensorType
    weight: tuple[int, ...]
    groups: int
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    bias: bool
    transposed: bool = False

    @property
    def size(self) -> int:
        """Bytes of a value, in the dtype in which it is computed."""
        return DTYPE_BYTES[laid(self.x).computed or self.x.dtype]

    @property
    def source(self) -> TensorType:
        """The map that the convolution reads: of a transposed one, its result."""
        return self.y if self.transposed else self.x

    @property
    def target(self) -> TensorType:
        """The map that the convolution makes: of a transposed one, what it reads."""
        return self.x if self.transposed else self.y

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight[2:]

    @property
    def strided(self) -> bool:
        return any(one > 1 for one in self.stride)

    @property
    def is_one(self) -> bool:
        """Whether the window has one position."""
        return prod(self.kernel) == 1

    @property
    def is_plain(self) -> bool:
        """Whether torch computes it itself: a single image with a small map and a small window, not in halves."""
        small = self.x.shape[0] == 1 and prod(self.x.shape) <= SMALL
        wide = self.kernel[-1] > 3 and self.kernel[-2:][0] > 3
        return small and self.groups == 1 and not wide and self.size >= DOUBLE

    @property
    def patches(self) -> int:
        """Values of the matrix of patches; none of a 1x1 window."""
        inner = self.x if self.transposed else self.y
        if self.is_one and not self.strided:
            return 0
        return self.weight[1] * prod(self.kernel) * prod(inner.shape[2:]) * inner.shape[0]

    @property
    def column(self) -> int:
        """Values of the patches of one image and one group, which a product of matrices takes."""
        if self.is_one and not self.strided:
            return 0
        return self.weight[1] * prod(self.kernel) * prod(self.target.shape[2:])

    @property
    def is_last(self) -> bool:
        """Whether it computes with channels innermost, which needs no copies of maps."""
        known = laid(self.x)
        return is_last_weight(known, self.weight) or (is_channels_last(known) and self.x["c"] > 1)

    @property
    def copied(self) -> int:
        """Values of the copy that torch makes first: of x where it lies in another way, or of the weight as x lies."""
        known = laid(self.x)
        if is_contiguous(known):
            return 0
        if not is_channels_last(known):
            return prod(self.x.shape)
        same = self.is_one or self.weight[1] == 1 or is_last_weight(known, self.weight)
        return 0 if same else prod(self.weight)

    @property
    def is_depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.x["c"] == self.y["c"]

    @property
    def sides(self) -> tuple[int, int]:
        """The channels of a group in the weight: outer and inner."""
        return self.weight[0] // self.groups, self.weight[1]

    @property
    def is_odd(self) -> bool:
        """Whether the groups have channels that fill no block: then it is a product of matrices, of plain maps."""
        return self.groups > 1 and not self.is_depthwise and any(side % 4 for side in self.sides)

    @property
    def is_spread(self) -> bool:
        """Whether it has a stride and a dilation: then its gradients are products of matrices."""
        return self.strided and any(one > 1 for one in self.dilation)

    @property
    def is_strided_product(self) -> bool:
        """Whether the gradient of its source is a product of matrices with channels innermost."""
        return self.strided and not self.is_last and (not self.is_depthwise or self.size < DOUBLE)

    def blocked(self, x: TensorType) -> int:
        """Return the values of a map's copy, whose channels fill whole blocks."""
        if self.is_last:
            return 0
        whole = self.groups == 1 or self.is_depthwise
        return prod(x.shape) // x["c"] * (up(x["c"]) if whole else x["c"])

    @property
    def is_few(self) -> bool:
        """Whether the channels of the source are less than a block, which a wider window reads as they are."""
        few = self.weight[1] < BLOCK and self.groups == 1 and not (self.transposed and self.weight[1] > 3)
        return few and not self.is_one and not self.is_last

    @property
    def read(self) -> int:
        """Values of the copy of the source in the forward kernel."""
        one_or_three = self.source["c"] in (1, 3) and not self.is_one
        return 0 if self.is_few or one_or_three else self.blocked(self.source)

    @property
    def weights(self) -> int:
        """Values of the copy of the weight in the forward kernel."""
        return self.widened(self.weight[1] if self.is_few else up(self.weight[1]))

    @property
    def all_weights(self) -> int:
        """The same for the gradient of the source, whose channels fill whole blocks."""
        return self.widened(up(self.weight[1]))

    def widened(self, inputs: int) -> int:
        """Return the values of a weight of so many inner channels, whose outer ones fill whole blocks."""
        if self.is_depthwise:
            return up(self.groups) * prod(self.kernel)
        return prod(self.weight) if self.groups > 1 else up(self.weight[0]) * inputs * prod(self.kernel)


def up(channels: int) -> int:
    """Return the channels of whole blocks."""
    return -(-channels // BLOCK) * BLOCK


def convolving(
    x: TensorType, y: TensorType, weight: Sequence[int], groups: int, stride: Sequence[int], *, bias: bool,
    dilation: Sequence[int] = (),
) -> Convolving:  # fmt: skip
    """Return a convolution as its scratch is asked for; sequences are maps of height 1."""
    return Convolving(x, y, tuple(weight), groups, tuple(stride), tuple(dilation), bias)
