"""Units that weigh values against each other: gates, the largest of several, shares of a sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.activation import Softmax
from archlang.ops.base import Example, Expression, Kind, Module, Operator, Reach, Saved, Slide, Temporaries, Work
from archlang.ops.checks import check_axis, check_dtype
from archlang.ops.in_parts import InParts
from archlang.ops.layouts import Laid, Strides, blended, laid
from archlang.ops.parts import Part
from archlang.ops.runs import ONE_CALL
from archlang.ops.scaling import Neg
from archlang.ops.stricter import beyond_torch
from archlang.shapes import AXIS_WORDS, TensorType


class Softmin(InParts, Softmax):
    """exp(-x) divided by its sum along `axis`; 0 is the batch, -1 the last axis. No weights, no MACs.

    activated = c*h*w
    """

    word: ClassVar[str] = "softmin"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis")
    elsewhere: ClassVar[tuple[str, ...]] = ("Softmin",)
    examples: ClassVar[tuple[Example, ...]] = (Example("softmin", "10"), Example("softmin axis=2", "3x4x5"))

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        return (Part(Neg(), (0,)), Part(Softmax(axis=self.axis), (1,)))

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.Softmin", (("dim", self.axis),))


class _Shared(Operator):
    """What both share: an axis is cut into equal parts, and the result has the size of one part."""

    family: ClassVar[str] = "activation"
    pointwise = True
    runs = replace(ONE_CALL, autocast="given")

    def _cut(self, x: TensorType, at: int, parts: int, about: str) -> TensorType:
        size, axis = x.shape[at], x.axes[at]
        if size % parts:
            called = f" (the {AXIS_WORDS[axis]})" if axis in AXIS_WORDS else ""
            message = f"{size} along {axis}{called} does not divide into {parts} equal parts"
            raise Rejected("parts-do-not-divide", message, about=about)
        return TensorType((*x.shape[:at], size // parts, *x.shape[at + 1 :]), x.axes, x.dtype)


class Glu(_Shared):
    """The first half of the values along `axis` times the sigmoid of the second half: a·sigmoid(b).

    Dauphin et al. 2016 (arXiv:1612.08083). `axis` 0 is the batch, 1 usually the channels. No weights,
    no MACs.

        activated = c*h*w/2
        elementwise = c*h*w/2
    """

    runs = replace(ONE_CALL, saved="input", autocast="given")
    word: ClassVar[str] = "glu"
    noted: ClassVar[str] = "GLU"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis")
    elsewhere: ClassVar[tuple[str, ...]] = ("GLU", "gated_linear_unit")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("glu", "6x4x5"),
        Example("glu axis=-1", "3x8 n t c"),
        Example("glu axis=2", "3x6x5"),
    )

    axis: int = 1

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_axis(x, self.axis, self.word)
        check_dtype(x, self.word)
        return (self._cut(x, self.axis % len(x.axes), 2, "axis"),)

    def work(self, x: TensorType) -> Work:
        return Work(activated=x.values // 2, elementwise=x.values // 2)

    def strides(self, x: TensorType) -> tuple[Strides]:
        known = laid(x)
        half = Laid(self.outputs(known)[0].shape, x.axes, x.dtype, known.strides)
        return (blended(half.shape, half, half),)

    def reach(self, x: TensorType) -> Reach:
        axis = x.axes[self.axis]
        return Reach({} if axis in ("c", "_") else {axis: Slide(x[axis] // 2 + 1)})

    def torch(self, x: TensorType) -> Module:
        return Module("torch.nn.GLU", (), (("dim", self.axis, -1),))


class Maxout(_Shared):
    """The largest of each run of `parts` channels (Goodfellow et al. 2013, arXiv:1302.4389): a cross-channel max pool.

    Channel i of the result is the largest of the channels from i*parts to i*parts + parts - 1; a convolution or a
    `linear` before it computes the pieces. The indices are saved for backward. No weights, no MACs.

        comparisons = c*h*w/parts*(parts - 1)
    """

    word: ClassVar[str] = "maxout"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-dtype", parts="one part is the value itself")
    positional: ClassVar[Mapping[str, Kind]] = {"parts": "number"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Maxout", "MaxoutDense", "cross_channel_pool", "channel_maxpool")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("maxout 2", "6x4x5"),
        Example("maxout 3", "6"),
        Example("maxout 4", "3x8 n t c"),
    )

    parts: Annotated[int, Field(ge=2)]

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if "c" not in x.axes:
            message = f"maxout compares channels, but its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        check_dtype(x, self.word, integers=True)
        return (self._cut(x, x.axes.index("c"), self.parts, "parts"),)

    def work(self, x: TensorType) -> Work:
        return Work(comparisons=self.outputs(x)[0].values * (self.parts - 1))

    def viewed_gradients(self, x: TensorType) -> tuple[int]:
        return (0,)

    def temporaries(self, x: TensorType) -> Temporaries:
        (y,) = self.outputs(x)
        return ((TensorType(y.shape, y.axes, "int64"),),)  # the indices, which are computed with the values

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        (y,) = self.outputs(x)
        if not x.is_float:
            return ()
        return (Saved("own", shape=y.shape, dtype="int64", per_image="n" in x.axes, when="inputs", name="indices"),)

    def torch(self, x: TensorType) -> Expression:
        at = x.axes.index("c")
        return Expression(f"{{0}}.unflatten({at}, (-1, {self.parts})).max({at + 1}).values")
