"""Random choices that have a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archlang.ops.base import (
    Example,
    Expression,
    Operator,
    Reach,
    Saved,
    Work,
    seeing_all,
)
from archlang.ops.checks import check_axis, check_dtype
from archlang.ops.course_encodings import noisy_softmax
from archlang.ops.parts import Course
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType


class GumbelSoftmax(Operator):
    """softmax((x + g)/tau) along `axis`, with noise g of Gumbel's distribution (Jang et al. 2016, arXiv:1611.01144).

    With `hard=true` the largest becomes 1 and the others 0, and the gradient stays that of softmax. The noise is
    drawn anew in each call, also in evaluation, as in torch. `axis` 0 is the batch, -1 the last axis. No
    weights, no MACs.

        activated = c*h*w
        elementwise = 2*c*h*w
    """

    runs = replace(SEVERAL_CALLS, autocast="given")
    word: ClassVar[str] = "gumbel_softmax"
    elsewhere: ClassVar[tuple[str, ...]] = ("GumbelSoftmax",)
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "batch-axis", "wrong-dtype", tau="torch divides by it, whatever its value"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("gumbel_softmax", "10"),
        Example("gumbel_softmax tau=0.5 axis=2", "3x4x5"),
        Example("gumbel_softmax hard=true axis=-1", "6x4 n t c"),
    )

    tau: Annotated[float, Field(gt=0)] = 1.0
    hard: bool = False
    axis: int = 1

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_axis(x, self.axis, self.word)
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        compared = x.values - x.values // x.shape[self.axis] if self.hard else 0
        return Work(activated=x.values, elementwise=2 * x.values, comparisons=compared)

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        if not self.hard:
            return (Saved("output", when="inputs"),)
        return (Saved("own", shape=x.shape, dtype=x.dtype, per_image="n" in x.axes, when="inputs", name="shares"),)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course:
        (x,) = inputs
        return noisy_softmax(self, x, self.axis, hard=self.hard)

    def reach(self, x: TensorType) -> Reach:
        # at a small tau the largest share is 1, and no gradient reaches the others
        return Reach({axis: replace(slide, at_most=True) for axis, slide in seeing_all(x, [x.axes[self.axis]]).items()})

    def torch(self, x: TensorType) -> Expression:
        options = f"tau={self.tau}, hard={self.hard}, dim={self.axis}"
        return Expression(f"torch.nn.functional.gumbel_softmax({{0}}, {options})")
