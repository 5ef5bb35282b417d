"""Vectors of length 1, and the cosine of the angle between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archlang.ops.arithmetic import Div
from archlang.ops.base import Example, Expression, Reach, Saved, Scratch, Work, seeing_all
from archlang.ops.checks import check_axis, check_dtype
from archlang.ops.course_norms import cosines
from archlang.ops.elementary import Clamp
from archlang.ops.functional import functional
from archlang.ops.in_parts import InParts
from archlang.ops.joining import Join
from archlang.ops.layouts import laid
from archlang.ops.moments import Norm
from archlang.ops.parts import Course, Part
from archlang.ops.runs import ONE_CALL_FORWARD
from archlang.ops.stricter import beyond_torch
from archlang.ops.unit_axes import Expand
from archlang.shapes import TensorType

Positive = Annotated[float, Field(gt=0)]
OF_ZEROS = "0 divides a vector of zeros by 0"


def _without(x: TensorType, axis: int, size: int | None = None) -> TensorType:
    """Return the type with that axis gone, or of another size."""
    at = axis % len(x.axes)
    if size is not None:
        return TensorType((*x.shape[:at], size, *x.shape[at + 1 :]), x.axes, x.dtype)
    return TensorType((*x.shape[:at], *x.shape[at + 1 :]), (*x.axes[:at], *x.axes[at + 1 :]), x.dtype)


class Normalize(InParts):
    """The values along `axis` divided by their norm: (sum of |x|**p)**(1/p), or by `eps` if that is larger.

    With p=2 the result has length 1, as when embeddings are compared (Schroff, Kalenichenko and Philbin 2015,
    arXiv:1503.03832). `axis` 0 is the batch, 1 usually the channels, -1 the last axis. No weights, no MACs.

        normalised = c*h*w
    """

    word: ClassVar[str] = "normalize"
    family: ClassVar[str] = "norm"
    elsewhere: ClassVar[tuple[str, ...]] = ("l2_normalize", "l2norm", "UnitNormalization", "LpNormalization")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("normalize", "8"),
        Example("normalize axis=-1 eps=0.001", "3x6 n t c"),
        Example("normalize p=1", "4x3x5"),
        Example("normalize p=3 axis=2", "4x3x5"),
        Example("normalize axis=0", "4x3 param"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch("batch-axis", p="below 1 it gives no norm", eps=OF_ZEROS)

    p: Annotated[float, Field(ge=1)] = 2.0
    axis: int = 1
    eps: Positive = 1e-12

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_axis(x, self.axis, self.word)
        check_dtype(x, self.word)
        return (x,)

    def work(self, x: TensorType) -> Work:
        return Work(normalised=x.values)

    def parts(self, x: TensorType) -> tuple[Part, ...]:
        norm, least = Norm(p=self.p, axis=self.axis, keep=True), Clamp(low=self.eps)
        repeated = Expand(shape=x.shape["n" in x.axes :])
        return (Part(norm, (0,), "norm"), Part(least, (1,), "divisor"), Part(repeated, (2,)), Part(Div(), (0, 3)))

    def reach(self, x: TensorType) -> Reach:
        return Reach(seeing_all(x, [x.axes[self.axis]]))

    def torch(self, x: TensorType) -> Expression:
        return functional("normalize", "{0}", (("p", self.p, 2.0), ("dim", self.axis, 1), ("eps", self.eps, 1e-12)))


class CosineSimilarity(Join):
    """The cosine of the angle between two values along `axis`, which is removed: x·y/(|x|·|y|).

    A norm counts as at least `eps`. An axis of size 1 is repeated along the other's. A parameter is aligned with the
    last axes, so that each image is compared with the same vectors. `axis` is counted from the batch, 0: 1 is mostly
    the channels, -1 the last. Both values are divided by their norms; the result takes products and sums. No weights,
    no MACs.

        normalised = 2*c*h*w if equal
        elementwise = 2*c*h*w - cosines if equal
    """

    runs = replace(ONE_CALL_FORWARD, autocast="given")
    word: ClassVar[str] = "cosine_similarity"
    elsewhere: ClassVar[tuple[str, ...]] = ("CosineSimilarity",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("cosine_similarity", "8, 8"),
        Example("cosine_similarity axis=-1 eps=0.001", "3x6 n t c, 3x6 n t c"),
        Example("cosine_similarity axis=2", "4x3x5, 4x3x1"),
        Example("cosine_similarity axis=-1", "3x6 n t c, 3x6 param"),
    )

    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "batch-axis", "unequal-axes", "unequal-dtypes", "unequal-shapes", eps=OF_ZEROS
    )

    axis: int = 1
    eps: Positive = 1e-8

    def _both(self, inputs: tuple[TensorType, ...]) -> TensorType:
        """Return the common shape to which both are repeated."""
        self.two(inputs)
        self.check_alike(inputs)
        return self.broadcast(inputs)[-1]

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        both = self._both(inputs)
        check_dtype(both, self.word)
        check_axis(both, self.axis, self.word)
        return (_without(both, self.axis),)

    def work(self, *inputs: TensorType) -> Work:
        values, (y,) = self._both(inputs).values, self.outputs(*inputs)
        return Work(normalised=2 * values, elementwise=2 * values - y.values)

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        both = self._both(inputs)
        quotient = Saved("own", shape=both.shape, dtype=both.dtype, per_image="n" in both.axes, name="quotient")
        norm = replace(quotient, shape=_without(both, self.axis, 1).shape, name="norm")
        kept: list[Saved] = []
        for at in (0, 1):
            own = (Saved("input", at), norm, replace(norm, name="divisor"))
            kept += [*(replace(one, when=(at,)) for one in own), replace(quotient, when=(1 - at,))]
        return tuple(kept)

    def scratch(self, training: bool, *inputs: TensorType) -> Scratch:
        return (*(super().scratch(training, *inputs) or ()), self._both(inputs))  # the products

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course | None:
        known = tuple(map(laid, inputs))
        return cosines(self, known, self._both(known), self.axis) if training else None

    def symbols(self, *inputs: TensorType) -> dict[str, int]:
        (y,) = self.outputs(*inputs)
        images = y["n"] if "n" in y.axes else 1
        return {"cosines": y.values // images, "equal": len({x.shape for x in inputs}) == 1}

    def reach(self, *inputs: TensorType) -> Reach:
        both = self._both(inputs)
        return Reach(seeing_all(both, [both.axes[self.axis]]))

    def torch(self, *inputs: TensorType) -> Expression:
        self.two(inputs)
        return functional("cosine_similarity", "{0}, {1}", (("dim", self.axis, 1), ("eps", self.eps, 1e-8)))
