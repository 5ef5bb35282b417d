"""Axes in another order, split, or made one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Condition,
    Example,
    Expression,
    GradientPlace,
    Kind,
    Operator,
    Reach,
    Work,
    seeing_all,
)
from archlang.ops.layouts import Strides, contiguous, laid, viewed
from archlang.ops.parts import Part
from archlang.ops.pattern_reach import slides
from archlang.ops.patterns import plan
from archlang.ops.runs import ONE_CALL
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType, Window, input_type, param_type


class _Layout(Operator):
    """What these share: values do not change, and none is saved for backward."""

    family: ClassVar[str] = "layout"
    runs = replace(ONE_CALL, gradients="whole", saved="nothing", autocast="given")

    def work(self, x: TensorType) -> Work:
        return Work(moved=0 if self.view(x) else x.values)

    def view(self, x: TensorType) -> bool:
        return self._viewed(x) is not None

    def viewed_gradients(self, x: TensorType) -> tuple[int, ...]:
        return (0,)

    def strides(self, x: TensorType) -> tuple[Strides]:
        return (self._viewed(x) or contiguous(self.outputs(laid(x))[0].shape),)

    def _viewed(self, x: TensorType) -> Strides | None:
        """Return the strides of the result if it is a view, None if it is copied."""
        known = laid(x)
        return viewed(known.shape, known.strides, self.outputs(known)[0].shape)


class Permute(_Layout):
    """The axes in another order, given by names, `permute "n h w c"`, or by numbers, `permute [0, 2, 3, 1]`.

    The batch stays first. A parameter has no batch, and axes without names: `permute [1, 0]`. No weights, no MACs.
    """

    pointwise = True
    word: ClassVar[str] = "permute"
    positional: ClassVar[Mapping[str, Kind]] = {"axes": "string", "places": "list"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Permute", "transpose", "swapaxes", "movedim")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "unequal-axes", "batch-axis")
    examples: ClassVar[tuple[Example, ...]] = (
        Example('permute "n h w c"', "3x4x5"),
        Example('permute "n t c"', "3x7"),
        Example('permute "n c w h"', "3x4x5"),
        Example("permute [0, 2, 1]", "3x7"),
        Example("permute [1, 2, 0]", "3x4x5 param"),
    )

    axes: str | None = None
    places: tuple[Annotated[int, Field(ge=0)], ...] | None = None

    def _order(self, x: TensorType) -> tuple[int, ...]:
        """Return the place of each axis of the result in the input. Raises Rejected if an axis is missing or twice."""
        if (self.axes is None) == (self.places is None):
            help = 'write `permute "n h w c"` or `permute [0, 2, 3, 1]`'
            message = "permute takes the names of the axes or their places"
            raise Rejected("missing-argument", message, help=help, about="axes")
        if self.places is not None:
            if sorted(self.places) != list(range(len(x.axes))):
                message = f"permute needs each of the places 0 to {len(x.axes) - 1} of {x} once"
                raise Rejected("unequal-axes", message, about="places")
            return self.places
        names = (self.axes or "").split()
        if "n" not in x.axes:
            places = ", ".join(map(str, reversed(range(len(x.axes)))))
            message = f"the axes of a parameter have no names; write their places, as in `permute [{places}]`"
            raise Rejected("wrong-rank", message, about="axes")
        if sorted(names) != sorted(x.axes):
            message = f"permute needs the axes of its input {x}, {x.names}, each once, but this is `{self.axes}`"
            raise Rejected("unequal-axes", message, about="axes")
        return tuple(map(x.axes.index, names))

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        order = self._order(x)
        names = tuple(x.axes[at] for at in order)
        if "n" in names[1:]:
            about = "axes" if self.axes is not None else "places"
            raise Rejected(
                "batch-axis", f"the batch must stay the first axis, but this is `{' '.join(names)}`", about=about
            )
        return (TensorType(tuple(x.shape[at] for at in order), names, x.dtype),)

    def _viewed(self, x: TensorType) -> Strides | None:
        strides = laid(x).strides
        return tuple(strides[at] for at in self._order(x))

    def torch(self, x: TensorType) -> Expression:
        return Expression(f"{{0}}.permute({', '.join(map(str, self._order(x)))})")


class Rearrange(_Layout):
    """Axes split, put in another order and made one, by a pattern: `rearrange "n c h w -> n (h w) c"`.

    Names stand for the axes of the input in order. All parts of a split axis but one need a size:
    `"n c (h p=2) (w q=2) -> n (h w) (p q c)"`. Several axes made one are the channels if c is among them, else t. A
    parameter has no batch, and any names stand for its axes: `rearrange "rows columns -> columns rows"`. No weights, no
    MACs.
    """

    word: ClassVar[str] = "rearrange"
    family: ClassVar[str] = "other"
    positional: ClassVar[Mapping[str, Kind]] = {"pattern": "string"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Rearrange", "einops")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank", "batch-axis", "axes-clash")
    examples: ClassVar[tuple[Example, ...]] = (
        Example('rearrange "n c h w -> n (h w) c"', "3x4x5"),
        Example('rearrange "n c (h p=2) (w q=2) -> n (h w) (p q c)"', "3x4x6"),
        Example('rearrange "n c (h a=2) (w b=2) -> (n h w) (a b) c"', "3x4x6"),
        Example('rearrange "n (g=2 c) h w -> n (c g) h w"', "6x2x3"),
        Example('rearrange "b (h=2 w) c -> b c h w"', "6x3 n t c"),
        Example('rearrange "n c h w -> n c (h w)"', "3x4x5"),
        Example('rearrange "n c h w -> n (w h) c"', "3x4x5"),
        Example('rearrange "(a b=2) c -> (c a) b"', "6x5 param"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("pattern",)

    pattern: str

    def conditions(self, x: TensorType) -> Iterator[Condition]:
        return plan(self.pattern, x).conditions()

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        found = plan(self.pattern, x)
        return (TensorType(found.shape(), found.axes(), x.dtype),)

    def reach(self, x: TensorType) -> Reach:
        return Reach(dict(slides(plan(self.pattern, x))))

    def gradient_places(self, x: TensorType) -> tuple[GradientPlace]:
        return ("whole" if plan(self.pattern, laid(x)).hands_gradient_on() else "new",)

    def viewed_gradients(self, x: TensorType) -> tuple[int, ...]:
        return (0,) if plan(self.pattern, laid(x)).gradient_is_view() else ()

    def _viewed(self, x: TensorType) -> Strides | None:
        known = laid(x)
        return plan(self.pattern, known).viewed(known.shape, known.strides)

    def torch(self, x: TensorType) -> Expression:
        return Expression(plan(self.pattern, x).template())


class Reshape(_Layout):
    """The values of each image in another shape, channels first; a side of -1 is computed.

    For a parameter it is the whole shape: `reshape [64, 1, 1]` aligns 64 values with the channels of maps. No weights,
    no MACs.
    """

    word: ClassVar[str] = "reshape"
    positional: ClassVar[Mapping[str, Kind]] = {"shape": "window"}
    elsewhere: ClassVar[tuple[str, ...]] = ("Reshape", "view", "Unflatten")
    stricter: ClassVar[Mapping[str, str]] = beyond_torch("wrong-rank")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("reshape 3x2x2", "12"),
        Example("reshape [-1, 5]", "3x4x5"),
        Example("reshape [60]", "3x4x5"),
        Example("reshape [6, 1, -1]", "6 param"),
    )

    open_arguments: ClassVar[tuple[str, ...]] = ("shape",)
    alike: ClassVar[tuple[str, int] | None] = ("shape", 1)

    shape: tuple[Annotated[int, Field(ge=-1)], ...]

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        if "n" in x.axes[1:]:
            message = f"reshape needs the batch as the first axis, but its input has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        has_batch = "n" in x.axes
        if not 1 <= len(self.shape) <= (4 if has_batch else 6):
            most = "4 sides besides the batch" if has_batch else "6 sides"
            raise Rejected("wrong-rank", f"a shape has 1 to {most}, but this one has {len(self.shape)}", about="shape")
        shape = self._shape(x, prod(x.shape[1:] if has_batch else x.shape))
        if not has_batch:
            return (param_type(shape, x.dtype),)
        return (TensorType((x.shape[0], *shape), input_type(shape, x.dtype).axes, x.dtype),)

    def _shape(self, x: TensorType, count: int) -> tuple[int, ...]:
        """Return the shape for this number of values, with the side of -1 computed."""
        known = prod(size for size in self.shape if size != -1)
        if self.shape.count(-1) > 1:
            raise Rejected("reshape-differs", "only one side of a shape may be -1, but here several are", about="shape")
        if not known or count % known or (-1 not in self.shape and count != known):
            message = f"{x} has {count} values, which {Window(self.shape)} does not hold"
            raise Rejected("reshape-differs", message, about="shape")
        return tuple(count // known if size == -1 else size for size in self.shape)

    def reach(self, x: TensorType) -> Reach:
        if self.outputs(x)[0] == x:
            return Reach()
        return Reach({axis: replace(slide, at_most=True) for axis, slide in seeing_all(x).items()})

    def torch(self, x: TensorType) -> Expression:
        if "n" not in x.axes:
            return Expression(f"{{0}}.reshape({', '.join(map(str, self.shape))})")
        # the batch is written, so that a size that does not fit is not read as more images
        return Expression(f"{{0}}.reshape({{0}}.shape[0], {', '.join(map(str, self.shape))})")


def turned_parts(inner: Operator, x: TensorType, axis: int) -> tuple[Part, ...]:
    """Return the parts that exchange the axis with the last one, apply `inner`, and exchange the two again."""
    names = list(x.axes)
    names[axis], names[-1] = names[-1], names[axis]
    turn, back = Permute(axes=" ".join(names)), Permute(axes=" ".join(x.axes))
    return Part(turn, (0,)), Part(inner, (1,)), Part(back, (2,))
