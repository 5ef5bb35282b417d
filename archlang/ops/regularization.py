"""Regularisers that act only in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.ops.base import Example, Kind, Module, Operator, Saved, Work
from archlang.ops.checks import check_channels, check_dtype
from archlang.ops.layouts import Laid, Strides, blended, contiguous, laid, like
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

Probability = Annotated[float, Field(ge=0, lt=1)]
ALL_DROPPED = "torch takes 1, which leaves nothing"


class Drop(Operator):
    """What the droppers share: a probability, one operation for each value in training, none in evaluation."""

    family: ClassVar[str] = "dropout"
    pointwise = True
    runs = replace(ONE_CALL, autocast="given")
    positional: ClassVar[Mapping[str, Kind]] = {"p": "number"}
    idle: ClassVar[bool] = True
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", p=ALL_DROPPED)

    p: Probability

    def mask(self, x: TensorType) -> Saved:
        """Return the mask: 0, or the factor of the values that stay, in the dtype of the values."""
        return Saved("own", shape=x.shape, dtype=x.dtype, per_image="n" in x.axes, name="mask", training_only=True)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work()

    def training_work(self, x: TensorType) -> Work:
        return Work(elementwise=x.values if self.p else 0)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        return (self.mask(x),) if self.p else ()

    def view(self, x: TensorType) -> bool:
        return not self.p

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (like(x) if self.p else laid(x).strides,)


class Dropout(Drop):
    """In training, each value is zeroed with probability p and the others scaled by 1/(1 - p).

    Srivastava et al. 2014. In evaluation it is the identity. No weights, no MACs.
    """

    word: ClassVar[str] = "dropout"
    elsewhere: ClassVar[tuple[str, ...]] = ("Dropout", "drop")
    examples: ClassVar[tuple[Example, ...]] = (Example("dropout 0.5", "3x4x4"), Example("dropout 0.2", "9"))

    p: Probability = 0.5

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Dropout", (("p", self.p),))


class AlphaDropout(Drop):
    """In training, each value is set to -1.7581 with probability p; then all are scaled and shifted.

    `selu` tends to this value far below 0; mean and deviation stay 0 and 1 (Klambauer et al. 2017, arXiv:1706.02515).
    With a = 1.7581 and s = 1/sqrt((1 - p)*(1 + p*a*a)), x becomes s*x + s*p*a, or s*p*a - s*a if it is dropped. In
    evaluation it is the identity. No weights, no MACs.
    """

    word: ClassVar[str] = "alpha_dropout"
    elsewhere: ClassVar[tuple[str, ...]] = ("AlphaDropout",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("alpha_dropout 0.1", "3x4x4"),
        Example("alpha_dropout", "9"),
    )

    p: Probability = 0.5

    def training_work(self, x: TensorType) -> Work:
        return super().training_work(x) * 2  # a product and a sum

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.AlphaDropout", (("p", self.p),))


class _DropMaps(Drop):
    """What drops whole maps: one number is drawn for each channel of an image."""

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", "wrong-rank", p=ALL_DROPPED)

    def mask(self, x: TensorType) -> Saved:
        return Saved("own", shape=x.shape[:2], dtype=x.dtype, name="mask", training_only=True)

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels(x, self.word, 1)
        return super().outputs(x)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        shape = (*known.shape[:2], *(1,) * (len(known.shape) - 2))
        drawn = Laid(shape, x.axes, x.dtype, contiguous(shape))
        return (blended(known.shape, known, drawn) if self.p else known.strides,)


class SpatialDropout(_DropMaps):
    """In training, each map is zeroed as a whole with probability p and the others scaled by 1/(1 - p).

    Tompson et al. 2015 (arXiv:1411.4280): neighbours in a map are similar, so that dropping single values loses little.
    torch has a name for each number of axes, Dropout1d, 2d and 3d, and treats n c as one image of c channels, which is
    rejected here. In evaluation it is the identity. No weights, no MACs.
    """

    word: ClassVar[str] = "spatial_dropout"
    elsewhere: ClassVar[tuple[str, ...]] = (
        "Dropout1d", "Dropout2d", "Dropout3d", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
        "channel_dropout", "feature_dropout",
    )  # fmt: skip
    examples: ClassVar[tuple[Example, ...]] = (
        Example("spatial_dropout 0.2", "3x4x4"),
        Example("spatial_dropout", "4x9"),
        Example("spatial_dropout 0.1", "3x2x3x4"),
    )

    p: Probability = 0.5

    def torch(self, x: TensorType) -> Module:
        return Module(f"torch.nn.Dropout{len(x.axes) - 2}d", (("p", self.p),))


class FeatureAlphaDropout(_DropMaps):
    """In training, each map is set as a whole to -1.7581 with probability p; then all are scaled and shifted.

    `alpha_dropout` of whole maps, as `spatial_dropout` is `dropout` of whole maps (Klambauer et al. 2017,
    arXiv:1706.02515). Values without positions, n c, are rejected, where torch draws one by one. In evaluation it is
    the identity. No weights, no MACs.
    """

    word: ClassVar[str] = "feature_alpha_dropout"
    elsewhere: ClassVar[tuple[str, ...]] = ("FeatureAlphaDropout",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("feature_alpha_dropout 0.1", "3x4x4"),
        Example("feature_alpha_dropout", "4x9"),
        Example("feature_alpha_dropout 0.2", "3x2x3x4"),
    )

    p: Probability = 0.5

    def training_work(self, x: TensorType) -> Work:
        return super().training_work(x) * 2

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.FeatureAlphaDropout", (("p", self.p),))
