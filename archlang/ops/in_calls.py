"""Calls of torch written down one by one: what an operator of several calls allocates, saves and passes back."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archlang.ops.answers import GradientPlace
from archlang.ops.base import Operator
from archlang.ops.calls import Call, Constant, Look
from archlang.ops.in_parts import course_of
from archlang.ops.layouts import contiguous
from archlang.ops.parts import Course, Own, Part
from archlang.shapes import TensorType

Shape = tuple[int, ...]
Axes = tuple[str, ...]


class Calls:
    """The calls of an operator in the order in which torch runs them. Each method returns the number of its result.

    A result is freed after the last call that takes it. It is alive longer if it is `held`, by a variable that lives
    until the operator is done, or if a later call `holds` it.
    """

    def __init__(self, *inputs: TensorType) -> None:
        self.inputs = inputs
        self.parts: list[Part] = []
        self._next = len(inputs)

    def course(self, op: Operator) -> Course:
        """Return the calls as the parts of this operator."""
        return course_of(op, self.parts, self.inputs)

    def run(
        self, op: Operator, *of: int | Own, name: str = "", held: bool = False, holds: Shape = (), results: int = 1
    ) -> int:  # fmt: skip
        """Add a call; return the number of its first result. `name` is that of the module that has its weights."""
        self.parts.append(Part(op, of, name, held, holds))
        self._next += results
        return self._next - results

    @property
    def last(self) -> int:
        """The number of the last result."""
        return self._next - 1

    def constant(self, shape: Shape, *of: int, dtype: str = "float32", taken: int = 0, held: bool = False) -> int:
        """Add a call whose result has no gradient."""
        return self.run(Constant(shape=shape, dtype=dtype, taken=taken), *of, held=held)

    def copied(self, shape: Shape, of: int, *, anew: bool = False, holds: Shape = ()) -> int:
        """Add a copy, perhaps in another shape. Its gradient is the result's, or is copied too if it is made `anew`."""
        place: GradientPlace = "new" if anew else "whole"
        return self.run(Call(shape=shape, places=(place,)), of, holds=holds)

    def mapped(self, shape: Shape, of: int | Own, back: int = 0, *, result: bool = False, held: bool = False) -> int:
        """Add a function of each value, which saves its input, or its result.

        Its backward pass takes `back` tensors of that size beside the gradient.
        """
        keeps = () if result else ((0, (0,)),)
        op = Call(shape=shape, keeps=keeps, keeps_result=result, taken_back=back * prod(shape))
        return self.run(op, of, held=held)

    def scaled(self, shape: Shape, of: int, *, held: bool = False) -> int:
        """Add a linear function of each value, which saves nothing and has a gradient of its own."""
        return self.run(Call(shape=shape), of, held=held)

    def added(self, shape: Shape, a: int | Own, b: int | Own, other: Shape | None = None, *, held: bool = False) -> int:
        """Add a sum. The second summand has the shape `other` if that is repeated, and its gradient is summed."""
        second: GradientPlace = "whole" if other in (None, shape) else "new"
        return self.run(Call(shape=shape, places=("whole", second)), a, b, held=held)

    def multiplied(
        self, shape: Shape, a: int, b: int | Own, other: Shape | None = None, *, holds: Shape = ()
    ) -> int:  # fmt: skip
        """Add a product value by value. The second factor has the shape `other` if that is repeated."""
        second: GradientPlace = "new" if other in (None, shape) else "summed"
        op = Call(shape=shape, keeps=((0, (1,)), (1, (0,))), places=("new", second))
        return self.run(op, a, b, holds=holds)

    def divided(self, shape: Shape, a: int, b: int, other: Shape | None = None) -> int:
        """Add a quotient value by value. The divisor has the shape `other` if that is repeated."""
        second: GradientPlace = "new" if other in (None, shape) else "summed"
        keeps, taken = ((0, (1,)), (1, (0, 1))), 2 + (second == "summed")
        return self.run(Call(shape=shape, keeps=keeps, places=("new", second), taken_back=taken * prod(shape)), a, b)

    def looked(
        self, shape: Shape, of: int | Own, lies: Sequence[int] = (), *, spread: bool = False, axes: Axes = ()
    ) -> int:  # fmt: skip
        """Add a view. Its gradient is the result's, or new memory if it is `spread` or summed."""
        return self.run(Look(shape=shape, axes=axes, lies=tuple(lies) or contiguous(shape), spread=spread), of)
