"""Matrix products of two values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Reach, Saved, Slide, Work, seeing_all
from archlang.ops.checks import check_dtype
from archlang.ops.joining import Join, shapes
from archlang.ops.layouts import Laid, is_matrix, laid
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType, unused_axis


def _multiplied(at: int, x: Laid, rank: int) -> Saved:
    """Return what is saved of a side for the other's gradient.

    torch joins the axes before the matrix, with a copy if they are not contiguous. Before a parameter of two axes the
    rows of all images are one matrix.
    """
    when = (1 - at,)
    if is_matrix(x, last=1 if rank == 2 else 2):
        return Saved("input", at, when=when)
    return Saved("own", shape=x.shape, dtype=x.dtype, per_image="n" in x.axes, when=when, name="copy")


class MatMul(Join):
    """The matrix product over the last two axes, for each image: n a k times n k b is n a b.

    Axes before them are equal. A parameter with two axes, k b, multiplies each image. A value of the result takes k
    MACs. No weights.

        MACs = c'*h'*w'*k
    """

    runs = replace(ONE_CALL, autocast="lower")
    word: ClassVar[str] = "matmul"
    elsewhere: ClassVar[tuple[str, ...]] = ("MatMul", "bmm", "dot")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "too-few-inputs", "too-many-inputs", "wrong-rank", "wrong-dtype", "unequal-dtypes", "unequal-shapes"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("matmul", "6x4 n t c, 4x5"),
        Example("matmul", "2x3x4, 2x4x6"),
        Example("matmul", "6x4 n t c, 4x3 param"),
        Example("matmul", "4, 4x3 param"),
    )

    def _checked(self, inputs: tuple[TensorType, ...]) -> tuple[TensorType, TensorType]:
        x, y = self.two(inputs)
        for z in inputs:
            check_dtype(z, self.word)
        self.check_dtypes(inputs)
        is_param = "n" not in y.axes and len(y.axes) == 2
        if "n" not in x.axes[:-1] or not (is_param or ("n" in y.axes and len(x.axes) == len(y.axes) > 2)):
            message = f"matmul takes two values of n and as many axes more, two at least: {shapes(inputs)}"
            help = "the second may be a parameter of two axes"
            raise Rejected("wrong-rank", message, help=help, about="input")
        if x.shape[-1] != y.shape[-2]:
            message = (
                f"matmul pairs the last axis of {x} with the last but one of {y}: {x.shape[-1]} is not {y.shape[-2]}"
            )
            raise Rejected("unequal-sizes", message, about="input")
        if not is_param and x.shape[:-2] != y.shape[:-2]:
            message = f"matmul needs equal axes before the last two, but these differ: {shapes(inputs)}"
            raise Rejected("unequal-shapes", message, about="input")
        return x, y

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        x, y = self._checked(inputs)
        name = y.axes[-1] if y.axes[-1] != "_" else x.axes[-1]
        # t c times c t is t s: the same axis twice, once of each
        name = unused_axis(x.axes[:-1], name, "s", "k", "m")
        return (TensorType((*x.shape[:-1], y.shape[-1]), (*x.axes[:-1], name), x.dtype),)

    def work(self, *inputs: TensorType) -> Work:
        (z,) = self.outputs(*inputs)
        return Work(macs=z.values * inputs[0].shape[-1])

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        known = [laid(z) for z in inputs]
        return tuple(_multiplied(at, z, len(known[1].shape)) for at, z in enumerate(known))

    def viewed_gradients(self, *inputs: TensorType) -> tuple[int, ...]:
        return tuple(at for at, x in enumerate(inputs) if len(x.axes) > 2)

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        return {"k": inputs[0].shape[-1]}

    def reach(self, *inputs: TensorType) -> Reach:
        x, y = inputs
        *_, rows, kept = y.axes
        moved = Slide(axis=self.outputs(x, y)[0].axes[-1])
        named = {kept: moved} if kept not in ("c", "_", moved.axis) else {}
        return Reach(inputs=(seeing_all(x, x.axes[-1:]), seeing_all(y, [rows]) | named))

    def torch(self, *inputs: TensorType) -> Expression:
        self.two(inputs)
        return Expression("torch.matmul({0}, {1})")
