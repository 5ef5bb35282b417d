"""What convolutions allocate and free by themselves, eager on the CPU.

oneDNN computes with copies in which channels lie in blocks of 16, and its result is such a copy before it becomes a
plain tensor. torch computes a small map of a single image by itself, with a matrix of all patches. Measured with two
threads: with one, torch convolves few images by a 1x1 window without copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from archlang.ops.answers import Wanted
from archlang.ops.layouts import is_channels_last, is_contiguous, is_last_weight, laid
from archlang.ops.running import Scratch
from archlang.shapes import TensorType, param_type

BLOCK = 16  # channels side by side, with AVX-512
SMALL = 20_480  # values of a single image's map, up to which torch does not use oneDNN


@dataclass(frozen=True, slots=True)
class Convolving:
    """A convolution from x to y by `weight`, in torch's order of axes: of a transposed one, that of its gradient."""

    x: TensorType
    y: TensorType
    weight: tuple[int, ...]
    groups: int
    strided: bool
    bias: bool
    transposed: bool = False

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.weight[2:]

    @property
    def is_plain(self) -> bool:
        """Whether torch computes it itself: a single image with a small map and a small window."""
        small = self.x.shape[0] == 1 and prod(self.x.shape) <= SMALL
        wide = self.kernel[-1] > 3 and self.kernel[-2:][0] > 3
        return small and self.groups == 1 and not wide

    @property
    def patches(self) -> int:
        """Values of the matrix of patches; none of a 1x1 window."""
        inner = self.x if self.transposed else self.y
        if prod(self.kernel) == 1 and not self.strided:
            return 0
        return self.weight[1] * prod(self.kernel) * prod(inner.shape[2:]) * inner.shape[0]

    @property
    def is_last(self) -> bool:
        """Whether it computes with channels innermost, which needs no copies of maps."""
        known = laid(self.x)
        return is_last_weight(known, self.weight) or (is_channels_last(known) and self.x["c"] > 1)

    @property
    def copied(self) -> int:
        """Values of the contiguous copy of x, which torch makes first where it lies in another way."""
        known = laid(self.x)
        return 0 if is_contiguous(known) or is_channels_last(known) else prod(self.x.shape)

    def blocked(self, x: TensorType) -> int:
        """Return the values of a map's copy, whose channels fill whole blocks."""
        if self.is_last:
            return 0
        return prod(x.shape) // x["c"] * up(x["c"])

    @property
    def is_few(self) -> bool:
        """Whether the channels of x are less than a block, which a wider window reads as they are."""
        few = self.weight[1] < BLOCK and self.groups == 1 and not self.transposed
        return few and prod(self.kernel) > 1 and not self.is_last

    @property
    def read(self) -> int:
        """Values of the copy of x in the forward pass."""
        one_or_three = self.x["c"] in (1, 3) and prod(self.kernel) > 1
        return 0 if self.is_few or one_or_three else self.blocked(self.x)

    @property
    def read_again(self) -> int:
        """Values of the copy of x for the gradient of the weight: 3 channels as they are, 8 as half a block."""
        if not self.is_few:
            return self.read
        return prod(self.x.shape) // self.x["c"] * _half(self.x["c"]) * (self.x["c"] > 3)

    @property
    def weights(self) -> int:
        """Values of the copy of the weight in the forward pass."""
        return self._weights(self.weight[1] if self.is_few else up(self.weight[1]))

    @property
    def all_weights(self) -> int:
        """The same for the gradient of x, whose channels fill whole blocks."""
        return self._weights(up(self.weight[1]))

    @property
    def gradients(self) -> int:
        """Values of the copy of the weight's gradient."""
        return self._weights(_half(self.weight[1]) if self.is_few else up(self.weight[1]))

    def _weights(self, inputs: int) -> int:
        return prod(self.weight) if self.groups > 1 else up(self.weight[0]) * inputs * prod(self.kernel)


def _half(channels: int) -> int:
    """Return the channels of half a block, or of whole ones; 3 and fewer stay as they are."""
    return channels if channels <= 3 else BLOCK // 2 if channels <= BLOCK // 2 else up(channels)


def up(channels: int) -> int:
    """Return the channels of whole blocks."""
    return -(-channels // BLOCK) * BLOCK


def forward(of: Convolving) -> Scratch:
    """Return what the forward pass takes: copies of map and weight beside the result's, or the result's beside it."""
    if of.is_plain:
        return _taken(of, of.patches)
    y, result = prod(of.y.shape), of.blocked(of.y)
    at_once = of.read + of.weights + result
    return _taken(of, max(at_once - (y if result else 0), result + (y if of.transposed and of.bias else 0)))


def backward(of: Convolving, wanted: Wanted) -> Scratch:
    """Return what the backward pass takes: copies of both gradients, then of the gradient and the input."""
    if of.is_plain:
        return _taken(of, of.patches)
    x, weight, most = prod(of.x.shape), prod(of.weight), 0
    gradient, given, read = of.blocked(of.y), of.blocked(of.x), of.read_again
    made = (x if wanted.inputs[0] else 0) + (weight if wanted.weights else 0)
    if wanted.inputs[0]:
        whole = of.strided and not of.is_last and of.groups != of.x["c"]  # then the product of matrices, twice copied
        most = max(gradient + of.all_weights + given, 3 * x if whole else given + x) - made
    if wanted.weights:
        most = max(most, gradient + read + of.gradients + (x if wanted.inputs[0] else 0) - made)
    return _taken(of, max(most, 0))


def _taken(of: Convolving, values: int) -> Scratch:
    return (param_type((values + of.copied,), of.x.dtype),)


def convolving(
    x: TensorType, y: TensorType, weight: Sequence[int], groups: int, stride: Sequence[int], *, bias: bool
) -> Convolving:
    """Return a convolution as its scratch is asked for; sequences are maps of height 1."""
    return Convolving(x, y, tuple(weight), groups, any(one > 1 for one in stride), bias)
