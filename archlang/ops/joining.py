"""Joins that lay values side by side, and what all joins share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import ClassVar

from archlang.diagnostics import Rejected
from archlang.open_numbers import is_open
from archlang.ops.base import Example, Expression, GradientPlace, Operator, Reach, Slide, Work
from archlang.ops.checks import check_axis
from archlang.ops.join_cures import against, renaming
from archlang.ops.layouts import Laid, Strides, channels_last, contiguous, is_channels_last, laid, unsqueezed
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import AXIS_WORDS, TensorType, Window, unused_axis


class Join(Operator):
    """What the joins share: at least two inputs, of the same axes and dtype. A parameter has no names of axes."""

    family: ClassVar[str] = "join"
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "too-few-inputs", "unequal-axes", "unequal-dtypes", "unequal-shapes"
    )

    join: ClassVar[bool] = True

    def check_alike(self, inputs: tuple[TensorType, ...]) -> None:
        """Check that there are two inputs or more of one dtype, and that those with a batch have the same axes."""
        if len(inputs) < 2:
            many = "one value flows" if inputs else "none flows"
            message = f"{self.word} takes two values or more, but {many} into it"
            raise Rejected("too-few-inputs", message, about="input")
        batched = [x for x in inputs if "n" in x.axes]
        if len({x.axes for x in batched}) > 1:
            code = "unequal-axes" if len({len(x.axes) for x in batched}) == 1 else "unequal-shapes"
            differ = listing(f"{x} ({x.names})" for x in batched)
            message = f"{self.word} needs equal axes, but these differ: {differ}"
            raise Rejected(code, message, help=renaming(self, inputs), about="input")
        self.check_dtypes(inputs)

    def check_dtypes(self, inputs: tuple[TensorType, ...]) -> None:
        """Check that all inputs have one dtype."""
        if len({x.dtype for x in inputs}) > 1:
            differ = listing(x.dtype for x in inputs)
            message = f"{self.word} needs equal dtypes, but these differ: {differ}"
            raise Rejected("unequal-dtypes", message, about="input")

    def symbols(self, *inputs: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        return {"inputs": len(inputs), "equal": len({x.shape for x in inputs}) == 1}

    def two(self, inputs: tuple[TensorType, ...]) -> tuple[TensorType, TensorType]:
        """Return the two inputs. Raise `Rejected` if there are more or fewer."""
        if len(inputs) != 2:
            many = {0: "none flows", 1: "one flows"}.get(len(inputs), f"{len(inputs)} flow")
            code = "too-few-inputs" if len(inputs) < 2 else "too-many-inputs"
            raise Rejected(code, f"{self.word} takes two values, but {many} into it", about="input")
        return inputs

    def broadcast(self, inputs: tuple[TensorType, ...]) -> list[TensorType]:
        """Return the result after the first input, the first two, the first three, and so on: sizes of 1 are repeated.

        A parameter is aligned with the last axes of the others, as in torch. The batch is open: 1 there is one batch,
        which is not repeated.
        """

        def both(x: TensorType, y: TensorType) -> TensorType:
            rank = max(len(x.axes), len(y.axes))
            axes = next((z.axes for z in (x, y) if "n" in z.axes), ("_",) * rank)
            a, b = ((1,) * (rank - len(z.axes)) + z.shape for z in (x, y))
            if len(axes) < rank or not all(_meet(x, y, *along) for along in zip(axes, a, b, strict=True)):
                message = f"{self.word} needs equal sizes, or 1, along each axis, but these differ: {shapes(inputs)}"
                raise Rejected("unequal-shapes", message, help=against(x, y), about="input")
            return TensorType(tuple(map(_met, a, b)), axes, x.dtype)

        return list(accumulate(inputs, both))


def _meet(x: TensorType, y: TensorType, axis: str, a: int, b: int) -> bool:
    """Return whether the sizes of x and y along an axis are equal, or one is repeated."""
    if axis != "n":
        return a == b or 1 in (a, b)
    if x.axes == y.axes:
        return a == b
    return (b if "n" in x.axes else a) == 1


def _met(a: int, b: int) -> int:
    """Return the size at which two sizes meet. If both are 1 it is the open one, to which the other is repeated."""
    return b if (b, is_open(b)) > (a, is_open(a)) else a


class Concat(Join):
    """The inputs one after another along `axis`; 0 is the batch, 1 the channels. Their other sizes are equal.

    A parameter, 1x1x768 for n t c, is repeated for each image. `size` is that of each input along the axis. No weights,
    no MACs.

        size' = sum(size)
    """

    of_one = True
    runs = replace(ONE_CALL, fresh=True, saved="nothing", autocast="widest")
    word: ClassVar[str] = "concat"
    noted: ClassVar[str] = "||"
    elsewhere: ClassVar[tuple[str, ...]] = ("Concat", "Concatenate", "concatenate", "cat")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "too-few-inputs", "unequal-axes", "unequal-dtypes", "unequal-shapes", "batch-axis", "param-batch"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("concat", "8x5x4, 3x5x4"),
        Example("concat axis=2", "3x5, 3x1, 3x4"),
        Example("concat", "7, 2"),
        Example("concat", "1x1x4 param, 6x4 n t c"),
    )

    axis: int = 1

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self.check_alike(inputs)
        x = repeated(inputs, self.word)
        check_axis(x, self.axis, self.word)
        at = self.axis % len(x.axes)
        for place, axis in enumerate(x.axes):
            if place != at and len({y.shape[place] for y in inputs if "n" in y.axes or axis != "n"}) > 1:
                message = (
                    f"concat along {_name(x, at)} needs equal sizes elsewhere, but these differ along "
                    f"{_name(x, place)}: {shapes(inputs)}"
                )
                raise Rejected("unequal-sizes", message, about="input")
        size = sum(y.shape[at] for y in inputs)
        return (TensorType((*x.shape[:at], size, *x.shape[at + 1 :]), x.axes, x.dtype),)

    def work(self, *inputs: TensorType) -> Work:
        (y,) = self.outputs(*inputs)
        return Work(moved=y.values)

    def reach(self, *inputs: TensorType) -> Reach:
        axis = repeated(inputs, self.word).axes[self.axis]
        if axis == "c":
            return Reach()
        # along an axis of positions each input moves by the sizes before it
        firsts = accumulate((x.shape[self.axis] for x in inputs), initial=0)
        return Reach(inputs=tuple({axis: Slide(1, 1, first)} for first in firsts))

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        return (joined(self.outputs(*inputs)[0].shape, laid_expanded(inputs)),)

    def symbols(self, *inputs: TensorType) -> Mapping[str, int | tuple[int, ...]]:
        at = self.axis
        return {"size": tuple(x.shape[at] for x in inputs), "size'": self.outputs(*inputs)[0].shape[at]}

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        return parts_of(inputs)

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(f"torch.cat([{', '.join(expanded(inputs))}], {self.axis})")


class Stack(Join):
    """The inputs one after another along a new axis at position `axis`: vectors n c become n t c.

    All have one shape. The new axis is called t, or d before the height and width of maps. No weights, no MACs.
    """

    pointwise = True
    runs = replace(ONE_CALL, saved="nothing", autocast="given")
    word: ClassVar[str] = "stack"
    elsewhere: ClassVar[tuple[str, ...]] = ("Stack",)
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "too-few-inputs", "unequal-axes", "unequal-dtypes", "unequal-shapes", "batch-axis", "param-batch"
    )
    examples: ClassVar[tuple[Example, ...]] = (
        Example("stack", "8, 8, 8"),
        Example("stack axis=2", "3x4x5, 3x4x5"),
        Example("stack axis=-1", "8x3, 8x3"),
    )

    axis: int = 1

    def outputs(self, *inputs: TensorType) -> tuple[TensorType]:
        self.check_alike(inputs)
        x = repeated(inputs, self.word)
        rank = len(x.axes) + 1
        if not -rank <= self.axis < rank or (self.axis % rank == 0 and "n" in x.axes):
            message = f"the new axis must be at 1 to {rank - 1}, after the batch, but `axis` is {self.axis}"
            raise Rejected("batch-axis" if self.axis % rank == 0 else "no-such-axis", message, about="axis")
        for place, axis in enumerate(x.axes):
            if len({y.shape[place] for y in inputs if "n" in y.axes or axis != "n"}) > 1:
                message = f"stack needs equal shapes, but these differ: {shapes(inputs)}"
                raise Rejected("unequal-sizes", message, about="input")
        at = self.axis % rank
        depth = "d" if {"h", "w"} <= set(x.axes) else "t"
        name = unused_axis(x.axes, depth, "s", "k") if "n" in x.axes else "_"
        return (TensorType((*x.shape[:at], len(inputs), *x.shape[at:]), (*x.axes[:at], name, *x.axes[at:]), x.dtype),)

    def work(self, *inputs: TensorType) -> Work:
        (y,) = self.outputs(*inputs)
        return Work(moved=y.values)

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        shape, known = self.outputs(*inputs)[0].shape, laid_expanded(inputs)
        at = self.axis % len(shape)
        if at == len(shape) - 1:
            return (joined(shape, [unsqueezed(x, at) for x in known]),)
        # torch lays them along the axis that stands there, and splits it
        size = shape[at + 1]
        along = joined((*shape[:at], shape[at] * size, *shape[at + 2 :]), known)
        return ((*along[:at], along[at] * size, *along[at:]),)

    def gradient_places(self, *inputs: TensorType) -> tuple[GradientPlace, ...]:
        return parts_of(inputs)

    def torch(self, *inputs: TensorType) -> Expression:
        return Expression(f"torch.stack([{', '.join(expanded(inputs))}], {self.axis})")


def parts_of(inputs: tuple[TensorType, ...]) -> tuple[GradientPlace, ...]:
    """Return parts of the result's gradient. That of a parameter beside values is summed over the batch: new memory."""
    is_repeated = any("n" in x.axes for x in inputs)
    return tuple("new" if is_repeated and "n" not in x.axes else "part" for x in inputs)


def joined(shape: Strides, inputs: list[Laid]) -> Strides:
    """Return the strides of values joined along an axis: channels innermost if they are in all of them."""
    return channels_last(shape) if all(map(is_channels_last, inputs)) else contiguous(shape)


def repeated(inputs: tuple[TensorType, ...], operator: str) -> TensorType:
    """Return the input that sets the axes: the first with a batch. A parameter has as many, the first of size 1."""
    x = next((y for y in inputs if "n" in y.axes), inputs[0])
    for y in inputs:
        if len(y.axes) != len(x.axes):
            message = f"{operator} needs as many axes in each, but these differ: {shapes(inputs)}"
            help = f"give the parameter the axes {x.names}: {Window((1,) * len(x.axes))} and so on" if x != y else None
            raise Rejected("unequal-shapes", message, help=help if "n" in x.axes else None, about="input")
        if "n" in x.axes and "n" not in y.axes and y.shape[0] != 1:
            message = f"a parameter is repeated for each image, but this one, {y}, has {y.shape[0]} along the batch"
            help = f"declare it as {Window((1, *y.shape[1:]))}"
            raise Rejected("param-batch", message, help=help, about="input")
    return x


def expanded(inputs: tuple[TensorType, ...]) -> list[str]:
    """Return templates of the inputs. Parameters are repeated along the batch of the first input that has one."""
    batched = next((at for at, x in enumerate(inputs) if "n" in x.axes), None)

    def one(at: int, x: TensorType) -> str:
        if batched is None or "n" in x.axes:
            return f"{{{at}}}"
        return f"{{{at}}}.expand({{{batched}}}.shape[0]{', -1' * (len(x.axes) - 1)})"

    return [one(at, x) for at, x in enumerate(inputs)]


def laid_expanded(inputs: tuple[TensorType, ...]) -> list[Laid]:
    """Return the inputs with their strides as torch receives them: a repeated parameter has 0 along the batch."""
    known = [laid(x) for x in inputs]
    batch = next((x.shape[0] for x in known if "n" in x.axes), 1)
    return [
        x if batch == 1 or "n" in x.axes else replace(x, shape=(batch, *x.shape[1:]), strides=(0, *x.strides[1:]))
        for x in known
    ]


def listing(words: Iterable[str]) -> str:
    """Return the words as a list in English: `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}"


def shapes(inputs: tuple[TensorType, ...]) -> str:
    """Return the shapes, with the batch where they differ in nothing else."""
    return listing(map(str, inputs) if len(set(map(str, inputs))) > 1 else (str(Window(x.shape)) for x in inputs))


def _name(x: TensorType, at: int) -> str:
    axis = x.axes[at]
    return f"{axis} (the {AXIS_WORDS[axis]})" if axis in AXIS_WORDS else f"axis {at}" if axis == "_" else axis
