"""Whole images dropped in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from archlang.ops.base import Example, Kind, Module, Operator, Saved, Work
from archlang.ops.checks import check_batched, check_dtype
from archlang.ops.layouts import Strides, laid, like
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


class StochasticDepth(Operator):
    """In training, each image's values are all zeroed with probability p, or else scaled by 1/(1 - p).

    Huang et al. 2016 (arXiv:1603.09382). `mode=batch` draws once for the whole batch. In evaluation it is the identity.
    No weights, no MACs.
    """

    word: ClassVar[str] = "stochastic_depth"
    positional: ClassVar[Mapping[str, Kind]] = {"p": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("StochasticDepth", "DropPath", "drop_path")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("stochastic_depth 0.2", "3x4x4"),
        Example("stochastic_depth 0.5 mode=batch", "9"),
    )

    idle: ClassVar[bool] = True

    p: Annotated[float, Field(ge=0, lt=1)]
    mode: Literal["row", "batch"] = "row"

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word)
        check_batched(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work()

    def training_work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values if self.p else 0)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        if not self.p:
            return ()
        rows = x["n"] if self.mode == "row" else 1
        mask = Saved("own", shape=(rows,), dtype=x.dtype, per_image=self.mode == "row", name="mask")
        return (replace(mask, training_only=True),)

    def view(self, x: TensorType) -> bool:
        return not self.p

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (like(x) if self.p else laid(x).strides,)

    def torch(self, x: TensorType) -> Module:
        options = (("mode", self.mode, "row"),)
        return Module("StochasticDepth", (("p", self.p),), options, _STOCHASTIC_DEPTH)
