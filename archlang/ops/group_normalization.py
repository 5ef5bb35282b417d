"""Normalisations by the statistics of one image: over its channels, over groups of them, over its positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Example,
    Kind,
    Module,
    Operator,
    Reach,
    Saved,
    Scratch,
    Size,
    Weight,
    Work,
    seeing_all,
)
from archlang.ops.checks import check_channels, check_dtype
from archlang.ops.layouts import Strides, contiguous, formatted, is_at, is_contiguous, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

Positive = Annotated[float, Field(gt=0)]


def check_channels_last(x: TensorType, operator: str) -> None:
    """Check that the channels are the last axis."""
    if x.axes[-1:] == ("c",):
        return
    help = None
    if "c" in x.axes:
        last = " ".join([*(axis for axis in x.axes if axis != "c"), "c"])
        help = f'write `permute "{last}"` before it and `permute "{x.names}"` after it'
        help += ", or `groupnorm 1` instead, which takes the positions in" if operator == "layernorm" else ""
    message = f"{operator} needs the channels as the last axis, but its input {x} has {x.names}"
    raise Rejected("needs-channels-last", message, help=help, about="input")


def _kept_at(x: TensorType, strides: Strides) -> Saved:
    """Return the input if it is contiguous, else the copy that torch makes of it."""
    return Saved("input") if is_at(laid(x), strides) else Saved("own", shape=x.shape, dtype=x.dtype, name="copy")


def _learned(channels: int, affine: bool) -> tuple[Weight, ...]:
    return (Weight("weight", (channels,)), Weight("bias", (channels,))) if affine else ()


class LayerNorm(Operator):
    """The channels at each position scaled to mean 0 and deviation 1, then by a learned weight and bias.

    Ba, Kiros and Hinton 2016 (arXiv:1607.06450). The channels are the last axis. No MACs.

        params = 2*c
        params = c if not bias
        params = 0 if not affine
        normalised = c*h*w
    """

    pointwise = True
    runs = replace(ONE_CALL, fresh=True, autocast="given")
    word: ClassVar[str] = "layernorm"
    family, noted = "norm", "LN"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "needs-channels-last",
        eps="torch accepts 0, which divides by zero where all values are equal",
        **{"out-of-range": "torch accepts `bias=false` where there is no bias anyway"},
    )
    elsewhere: ClassVar[tuple[str, ...]] = ("LayerNorm", "LayerNormalization", "layer_norm", "ln")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("layernorm", "6x8 n t c"),
        Example("layernorm eps=0.000001", "8"),
        Example("layernorm affine=false", "4x5x6 n h w c"),
        Example("layernorm bias=false", "6x8 n t c"),
    )

    eps: Positive = 1e-5
    affine: bool = True
    bias: bool = True

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels_last(x, self.word)
        check_dtype(x, self.word, weighted=self.affine)
        if not (self.affine or self.bias):
            raise Rejected("out-of-range", "layernorm without its affine part has no bias to leave out", about="bias")
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return _learned(x["c"], self.affine)[: 1 + self.bias]

    def work(self, x: TensorType) -> Work:
        return Work(normalised=x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        statistic = Saved("own", shape=x.shape[:-1], dtype=x.dtype, per_image="n" in x.axes, name="statistics")
        statistic = replace(statistic, wide=self.affine)
        return (Saved("input"), statistic, statistic)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        kept = super().scratch(training, x) or ()
        return kept if is_contiguous(laid(x)) else (x, *kept)  # a copy

    def torch(self, x: TensorType) -> Module:
        options = (("eps", self.eps, 1e-5), ("elementwise_affine", self.affine, True), ("bias", self.bias, True))
        return Module("torch.nn.LayerNorm", (("normalized_shape", x["c"]),), options)


class GroupNorm(Operator):
    """Each group of channels scaled to mean 0 and deviation 1 over all positions, then by a weight and bias a channel.

    Wu and He 2018 (arXiv:1803.08494). No MACs.

        params = 2*c
        params = 0 if not affine
        normalised = c*h*w
    """

    runs = replace(ONE_CALL, fresh=True, autocast="given")
    crashes = True
    word: ClassVar[str] = "groupnorm"
    family, noted = "norm", "GN"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-rank", eps="torch accepts 0, which divides by zero where all values are equal"
    )
    positional: ClassVar[Mapping[str, Kind]] = {"groups": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("GroupNorm", "GroupNormalization", "group_norm", "gn")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("groupnorm 2", "6x4x5"),
        Example("groupnorm 4 affine=false", "8x5"),
        Example("groupnorm 1 eps=0.001", "3x2x3x4"),
        Example("groupnorm 2", "8"),
    )

    groups: Size
    eps: Positive = 1e-5
    affine: bool = True

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels(x, self.word)
        check_dtype(x, self.word, weighted=self.affine)
        if x["c"] % self.groups:
            message = f"{x['c']} channels do not divide into {self.groups} groups"
            raise Rejected("groups-do-not-divide", message, about="groups")
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return _learned(x["c"], self.affine)

    def least_batch(self, training: bool, x: TensorType) -> int:
        return 2 if x.values == self.groups else 1  # torch refuses the statistics of a single value

    def work(self, x: TensorType) -> Work:
        return Work(normalised=x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        statistic = Saved("own", shape=(x["n"], self.groups), dtype=x.dtype, name="statistics", wide=self.affine)
        return (_kept_at(x, formatted(laid(x).shape, x)), statistic, statistic)

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (formatted(laid(x).shape, x),)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x))

    def torch(self, x: TensorType) -> Module:
        options = (("eps", self.eps, 1e-5), ("affine", self.affine, True))
        return Module("torch.nn.GroupNorm", (("num_groups", self.groups), ("num_channels", x["c"])), options)


class InstanceNorm(Operator):
    """Each map of each image scaled to mean 0 and deviation 1; with `affine=true`, then by a learned weight and bias.

    Ulyanov, Vedaldi and Lempitsky 2016 (arXiv:1607.08022). No MACs.

        params = 0
        params = 2*c if affine
        normalised = c*h*w
    """

    runs = replace(ONE_CALL, autocast="given", scratch=1)
    word: ClassVar[str] = "instancenorm"
    family, noted = "norm", "IN"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-rank", eps="torch accepts 0, which divides by zero where all values are equal"
    )
    elsewhere: ClassVar[tuple[str, ...]] = ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "instance_norm")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("instancenorm", "3x4x5"),
        Example("instancenorm affine=true eps=0.001", "2x7"),
        Example("instancenorm", "3x2x3x4"),
    )

    eps: Positive = 1e-5
    affine: bool = False

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels(x, self.word, 1)
        check_dtype(x, self.word, weighted=self.affine)
        if prod(x.shape[2:]) == 1:
            message = f"instancenorm takes the mean of a map, and a map of {x} has one value"
            raise Rejected("one-position", message, about="input")
        return (x,)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        return _learned(x["c"], self.affine)

    def work(self, x: TensorType) -> Work:
        return Work(normalised=x.values)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        # torch normalises a batch of n*c channels, and repeats the weight for each image
        each = Saved("own", shape=x.shape[:2], dtype=x.dtype, name="statistics", wide=self.affine)
        repeated = (replace(each, name="weight"),) if self.affine else ()
        return (_kept_at(x, contiguous(laid(x).shape)), each, each, *repeated)

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x))

    def backward_in_one_call(self, x: TensorType) -> bool | None:
        return None if self.affine else True

    def viewed_gradients(self, x: TensorType) -> tuple[int]:
        return (0,)

    def torch(self, x: TensorType) -> Module:
        rank = len(x.shape) - 2
        options = (("eps", self.eps, 1e-5), ("affine", self.affine, False))
        return Module(f"torch.nn.InstanceNorm{rank}d", (("num_features", x["c"]),), options)
