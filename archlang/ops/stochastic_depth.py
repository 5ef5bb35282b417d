"""Whole images, and blocks of maps, dropped in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from archlang.ops.base import Autocast, Example, Module, Saved, Size
from archlang.ops.checks import check_batched, check_channels
from archlang.ops.course_encodings import hidden_blocks
from archlang.ops.layouts import Laid, Strides, blended, contiguous, laid
from archlang.ops.parts import Course
from archlang.ops.regularization import ALL_DROPPED, Drop
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

_STOCHASTIC_DEPTH = '''
class StochasticDepth(nn.Module):
    """Zeroes whole images of a batch (or the whole batch) with probability p in training."""

    def __init__(self, p, mode="row"):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        rows = x.shape[0] if self.mode == "row" else 1
        noise = torch.empty(rows, *[1] * (x.ndim - 1), dtype=x.dtype, device=x.device)
        return x * noise.bernoulli_(1 - self.p).div_(1 - self.p)
'''

_DROP_BLOCK = '''
class DropBlock(nn.Module):
    """Zeroes blocks of each map in training, a share p of the values at most, and scales the others."""

    def __init__(self, p, block_size=7, eps=1e-6):
        super().__init__()
        if block_size < 1:
            raise ValueError(f"a block has 1 value at least along each axis, not {block_size}")
        self.p = p
        self.block_size = block_size
        self.eps = eps

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        sizes = x.shape[2:]
        block = min(self.block_size, *sizes)
        corners = torch.Size(size - block + 1 for size in sizes)
        odds = self.p * sizes.numel() / (block ** len(sizes) * corners.numel())
        drawn = torch.empty(*x.shape[:2], *corners, dtype=x.dtype, device=x.device).bernoulli_(odds)
        bordered = nn.functional.pad(drawn, [block - 1] * (2 * len(sizes)))
        pool = (nn.functional.max_pool1d, nn.functional.max_pool2d, nn.functional.max_pool3d)[len(sizes) - 1]
        kept = 1 - pool(bordered, block, 1)
        return x * (kept * (kept.numel() / (kept.sum() + self.eps)))
'''


class StochasticDepth(Drop):
    """In training, all values of an image are zeroed with probability p, and otherwise scaled by 1/(1 - p).

    Huang et al. 2016 (arXiv:1603.09382). `mode=batch` draws once for the whole batch. In evaluation it is the identity.
    No weights, no MACs.
    """

    runs = replace(ONE_CALL, autocast="given")
    word: ClassVar[str] = "stochastic_depth"
    elsewhere: ClassVar[tuple[str, ...]] = ("StochasticDepth", "DropPath", "drop_path")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("stochastic_depth 0.2", "3x4x4"),
        Example("stochastic_depth 0.5 mode=batch", "9"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", "wrong-rank", p=ALL_DROPPED)

    mode: Literal["row", "batch"] = "row"

    def mask(self, x: TensorType) -> Saved:
        by_row = self.mode == "row"
        return replace(super().mask(x), shape=(x["n"] if by_row else 1,), per_image=by_row)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        outputs = super().outputs(x)
        check_batched(x, self.word)
        return outputs

    def strides(self, x: TensorType) -> tuple[Strides]:
        known, drawn = laid(x), laid(TensorType((1,) * len(x.shape), x.axes, x.dtype))
        return (blended(known.shape, known, drawn) if self.p else known.strides,)

    def torch(self, x: TensorType) -> Module:
        options = (("mode", self.mode, "row"),)
        return Module("StochasticDepth", (("p", self.p),), options, _STOCHASTIC_DEPTH)


class DropBlock(Drop):
    """In training, blocks of each map are zeroed, about a share p of its values, and the others are scaled.

    Ghiasi, Lin and Le 2018 (arXiv:1810.12890), algorithm 1, as torchvision has it but for maps of any rank and blocks
    of any size. A block starts at each place where it fits with probability p*h*w/(b*b*(h - b + 1)*(w - b + 1)), and
    then its b values along each axis are zeroed; b is `block_size`, or the map's shortest side where that is less. The
    remaining values are scaled by the number of values in the batch over the number of remaining ones (plus `eps`). In
    evaluation it is the identity. The random numbers are not counted. No weights, no MACs.
    """

    runs = replace(ONE_CALL, forward=None)
    word: ClassVar[str] = "dropblock"
    elsewhere: ClassVar[tuple[str, ...]] = ("DropBlock", "DropBlock1d", "DropBlock2d", "DropBlock3d", "drop_block")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("dropblock 0.1 block_size=4", "3x8x6"),
        Example("dropblock 0.2 eps=0.001", "2x9x9"),
        Example("dropblock 0.1 block_size=2", "3x9"),
        Example("dropblock 0.1 block_size=2", "2x3x4x5"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-dtype", "wrong-rank", p=ALL_DROPPED, eps="0 divides by 0 where nothing is left"
    )

    block_size: Size = 7
    eps: Annotated[float, Field(gt=0)] = 1e-6

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels(x, self.word, 1)
        return super().outputs(x)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course | None:
        (x,) = inputs
        return hidden_blocks(self, x, self.block_size) if training and self.p else None

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        drawn = Laid(known.shape, x.axes, x.dtype, contiguous(known.shape))
        return (blended(known.shape, known, drawn) if self.p else known.strides,)

    def autocast(self, x: TensorType) -> Autocast:
        return Autocast("float32" if self.p and len(x.shape) == 5 else "given")

    def torch(self, x: TensorType) -> Module:
        options = (("block_size", self.block_size, 7), ("eps", self.eps, 1e-6))
        return Module("DropBlock", (("p", self.p),), options, _DROP_BLOCK)
