"""Joins: several values become one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from math import prod
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Example, Expression, Operator, Reach, Saved, Work
from archlang.ops.checks import check_axis
from archlang.ops.windows import short
from archlang.shapes import AXIS_WORDS, TensorType, Window, slide, spatial_axes


class _Join(Operator):
    """What the joins share: at least two inputs, of the same axes and dtype."""

    join: ClassVar[bool] = True

    def _check_alike(self, inputs: tuple[TensorType, ...]) -> None:
        if len(inputs) < 2:
            many = "one value flows" if inputs else "none flows"
            message = f"{self.word} takes two values or more, and {many} into it"
            raise Rejected("too-few-inputs", message, about="input")
        if len({x.axes for x in inputs}) > 1:
            code = "unequal-axes" if len({len(x.axes) for x in inputs}) == 1 else "unequal-shapes"
            differ = _and(f"{x} ({x.names})" for x in inputs)
            raise Rejected(code, f"{self.word} needs equal axes, and these differ: {differ}", about="input")
        if len({x.dtype for x in inputs}) > 1:
            differ = _and(x.dtype for x in inputs)
            raise Rejected(
                "unequal-dtypes", f"{self.word} needs equal dtypes, and these differ: {differ}", about="input"
            )


class Add(_Join):
    """The sum, value by value: shapes are equal, and so is the result's."""

    word: ClassVar[str] = "add"
    elsewhere: ClassVar[tuple[str, ...]] = ("Add", "plus", "eltwise_add")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("add", "8x5x4, 8x5x4"),
        Example("add", "7, 7, 7"),
    )

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self._check_alike(inputs)
        if len({x.shape for x in inputs}) > 1:
            message = f"add needs equal shapes, and these differ: {_shapes(inputs)}"
            raise Rejected("unequal-shapes", message, help=_projection(inputs), about="input")
        return (inputs[0],)

    def work(self, *inputs: TensorType) -> Work:
        return Work(elementwise=inputs[0].values * (len(inputs) - 1))

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return ()

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(" + ".join(f"{{{at}}}" for at in range(len(inputs))))


class Mul(_Join):
    """The product, value by value. An axis of size 1 is repeated along the others': 64x1x1 times 64x56x56."""

    word: ClassVar[str] = "mul"
    elsewhere: ClassVar[tuple[str, ...]] = ("Multiply", "multiply", "times", "eltwise_mul")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("mul", "8x5x4, 8x1x1"),
        Example("mul", "3x6, 3x6"),
        Example("mul", "4x1x5, 4x3x1, 4x3x5"),
    )

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self._check_alike(inputs)
        return (self._products(inputs)[-1],)

    def _products(self, inputs: tuple[TensorType, ...]) -> list[TensorType]:
        """The first input, the product of the first two, of the first three, and so on."""

        def product(x: TensorType, y: TensorType) -> TensorType:
            for axis, a, b in zip(x.axes, x.shape, y.shape, strict=True):
                # the batch is open: 1 there is one batch, which repeats along no other
                if a == b or (1 in (a, b) and axis != "n"):
                    continue
                message = f"mul needs equal sizes, or 1, along each axis, and these differ: {_shapes(inputs)}"
                raise Rejected("unequal-shapes", message, about="input")
            return TensorType(tuple(map(max, x.shape, y.shape)), x.axes, x.dtype)

        return list(accumulate(inputs, product))

    def work(self, *inputs: TensorType) -> Work:
        return Work(elementwise=sum(x.values for x in self._products(inputs)[1:]))

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        if not inputs[0].is_float:
            return ()
        between = self._products(inputs)[1:-1]
        kept = (Saved("own", shape=x.shape, dtype=x.dtype) for x in between)
        return (*(Saved("input", at) for at in range(len(inputs))), *kept)

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(" * ".join(f"{{{at}}}" for at in range(len(inputs))))


class Concat(_Join):
    """The inputs one after another along `axis`, counted as axes are: 1 is the channels. Other sizes are equal."""

    word: ClassVar[str] = "concat"
    elsewhere: ClassVar[tuple[str, ...]] = ("Concat", "Concatenate", "concatenate", "cat")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("concat", "8x5x4, 3x5x4"),
        Example("concat axis=2", "3x5, 3x1, 3x4"),
        Example("concat", "7, 2"),
    )

    axis: int = 1

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self._check_alike(inputs)
        x = inputs[0]
        check_axis(x, self.axis, self.word)
        along = x.axes[self.axis]
        for axis in x.axes:
            sizes = [y[axis] for y in inputs]
            if axis != along and len(set(sizes)) > 1:
                message = (
                    f"concat along {_name(along)} needs equal sizes elsewhere, and these differ along {_name(axis)}: "
                    f"{_shapes(inputs)}"
                )
                raise Rejected("unequal-sizes", message, about="input")
        return (x.resized(**{along: sum(y[along] for y in inputs)}),)

    def work(self, *inputs: TensorType) -> Work:
        return Work(moved=sum(x.values for x in inputs))

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return ()

    def reach(self, *inputs: TensorType) -> Reach:
        # along an axis of positions each input moves by the sizes before it
        return Reach(whole=inputs[0].axes[self.axis] != "c")

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(f"torch.cat([{{all}}], {self.axis})")


def _and(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}"


def _shapes(inputs: tuple[TensorType, ...]) -> str:
    """The shapes, with the batch where they differ in nothing else."""
    return _and(map(str, inputs) if len(set(map(str, inputs))) > 1 else (str(Window(x.shape)) for x in inputs))


def _name(axis: str) -> str:
    return f"{axis} (the {AXIS_WORDS[axis]})" if axis in AXIS_WORDS else axis


def _projection(inputs: tuple[TensorType, ...]) -> str | None:
    """The layer that gives one of two shapes the other's, where a convolution of one position does."""
    shapes = list(dict.fromkeys(inputs))
    axes, rank = shapes[0].axes, len(shapes[0].axes) - 2
    if len(shapes) != 2 or axes not in (("n", "c"), *(("n", "c", *spatial_axes(sides)) for sides in (1, 2, 3))):
        return None
    small, large = sorted(shapes, key=lambda x: prod(x.shape[2:]))
    if small.shape[0] != large.shape[0]:
        return None
    window = Window((1,) * rank)
    if small.shape[2:] == large.shape[2:]:
        width = shapes[0]["c"]
        layer = f"conv {window} {width}" if rank else f"linear {width}"
        return f"project one side: `{layer}` brings {shapes[1]} to {shapes[0]}"
    strides = tuple(-(-size // wanted) for size, wanted in zip(large.shape[2:], small.shape[2:], strict=True))
    reached = (slide(size, 1, stride, 0, 0) for size, stride in zip(large.shape[2:], strides, strict=True))
    # a longer stride would leave out most of what it skips
    if tuple(reached) != small.shape[2:] or max(strides) > 4:
        return None
    return f"one side has a stride more: `conv {window}/{short(strides)} {small['c']}` brings {large} to {small}"
