"""What is true of an operator on paper: shapes, weights, arithmetic, reach, and the torch call that computes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from archlang.ops.answers import NOTHING, Expression, Lecture, Module, Reach, Stored, Wanted, Weight, Work
from archlang.shapes import TensorType

FAMILIES = (
    "convolution", "fully connected", "pooling", "norm", "activation", "attention", "recurrent", "embedding",
    "upsampling", "join", "dropout", "layout", "other",
)  # fmt: skip
Condition = tuple[int, str, int]  # `(end, "<=", size)`


class Law:
    """The questions about an operator that paper answers, whatever it runs on.

    Each is asked with the types of the inputs, in order. An operator with one input names it, as in
    `def outputs(self, x: TensorType)`; a join takes `*inputs: TensorType`. Type checkers accept both as overrides of
    `*inputs: Any, **_: Any`, and of no other signature.
    """

    join: ClassVar[bool] = False  # several inputs, no weights, no position in its scope
    of_one: ClassVar[bool] = False  # a join that also takes a tuple of one value, and returns that value
    arity: ClassVar[tuple[int, ...]] = (1,)  # how many values it takes; a join says so itself
    declared: ClassVar[bool] = False  # declared by a statement, without inputs; nothing is computed
    idle: ClassVar[bool] = False  # the identity in evaluation
    detached: ClassVar[bool] = False  # a constant to autograd: no gradient goes through it
    hides: ClassVar[bool] = False  # the result is a mask that is true for hidden positions
    shows: ClassVar[bool] = False  # it takes a mask that is true for visible positions
    family: ClassVar[str] = "other"  # one of FAMILIES: pictures colour by it, and do not draw a `layout`
    noted: ClassVar[str] = ""  # what papers call it in a figure, `BN`; its word if this is empty
    pointwise: ClassVar[bool] = False  # a position of the result sees the same position of each input, and no other

    def outputs(self, *inputs: Any, **_: Any) -> tuple[TensorType, ...]:
        """Return the types of the outputs. Raises `Rejected` if the inputs do not fit."""
        raise TypeError(f"{type(self).__name__} does not say its output shapes")

    def conditions(self, *inputs: Any, **_: Any) -> Iterable[Condition]:
        """Return what must hold of sizes that torch does not check by itself: left, comparison, right."""
        return ()

    def weights(self, *inputs: Any, **_: Any) -> tuple[Weight, ...]:
        """Return the parameters and buffers, with their names and shapes in torch's state dict."""
        return ()

    def params(self, *inputs: Any, **_: Any) -> int:
        """Return the number of values of the weights, without buffers."""
        return sum(weight.count for weight in self.weights(*inputs) if not weight.buffer)

    def work(self, *inputs: Any, **_: Any) -> Work:
        """Return the arithmetic of one forward pass, for one image."""
        raise TypeError(f"{type(self).__name__} does not say its work")

    def training_work(self, *inputs: Any, **_: Any) -> Work:
        """Return the arithmetic of a forward pass in training mode, for one image. Dropout works in this mode only."""
        return self.work(*inputs)

    def backward(self, wanted: Wanted, *inputs: Any, **_: Any) -> Work:
        """Return the arithmetic of one backward pass, for one image.

        The gradient of the weights takes as many multiply-accumulates as the forward pass, and so does the gradient of
        each input. Each value that was normalised, mapped, added or moved is visited once more. Comparisons are not
        repeated, since their results are saved as indices. Operators for which this does not hold override it.
        """
        work = self.training_work(*inputs)
        return Work(
            macs=work.macs * (wanted.weights + sum(wanted.inputs)),
            bias_adds=work.bias_adds * wanted.weights,
            normalised=work.normalised * wanted.any,
            activated=work.activated * any(wanted.inputs),
            elementwise=work.elementwise * any(wanted.inputs),
            moved=work.moved * any(wanted.inputs),
        )

    def once(self, *inputs: Any, **_: Any) -> Work:
        """Return the part of `work` that is done once for a whole batch: what is computed from weights only."""
        return NOTHING

    def once_backward(self, wanted: Wanted, *inputs: Any, **_: Any) -> Work:
        """Return the part of `backward` that is done once for a whole batch."""
        return NOTHING

    def least_batch(self, training: bool, *inputs: Any, **_: Any) -> int:
        """Return the smallest batch that torch accepts, in training or in evaluation."""
        return 1

    def positions_in(self, *inputs: Any, **_: Any) -> tuple[int, ...] | None:
        """Return the sizes of the map whose positions its int64 outputs give; None if they are no positions."""
        return None

    def take_positions(self, sizes: tuple[int, ...], *inputs: Any, **_: Any) -> None:
        """Raise `Rejected` if an input cannot give positions in a map of these sizes."""

    def index_bound(self, *inputs: Any, **_: Any) -> int | None:
        """Return the number below which the whole numbers that flow in must be; None if it takes none as positions."""
        return None

    def known_values(self) -> tuple[float, ...] | None:
        """Return the whole numbers that it always gives, as a buffer of a formula does; None if there are none."""
        return None

    def check_indexes(self, indexes: tuple[float, ...], *inputs: Any, **_: Any) -> None:
        """Raise `Rejected` if one of the whole numbers that flow in, which are known, is no position."""

    def reach(self, *inputs: Any, **_: Any) -> Reach | None:
        """Return which positions of the inputs one output value depends on; None if that is unknown."""
        return Reach() if self.pointwise else None

    def keeping(self, *inputs: Any, **_: Any) -> Self | None:
        """Return the operator with the padding at which a map keeps its size; None if there is none.

        A stride that was written stays.
        """
        return None

    def torch(self, *inputs: Any, **_: Any) -> Module | Expression | Stored:
        """Return the torch call that computes it."""
        raise TypeError(f"{type(self).__name__} does not say its torch call")

    def lecture(self, *inputs: Any, **_: Any) -> Lecture | None:
        """Return its row in the CS231n table; None if it belongs to the row above."""
        return None

    def symbols(self, *inputs: Any, **_: Any) -> Mapping[str, int | float | tuple[int, ...]]:
        """Return the names in the docstring's formulas besides axes and fields, such as `k`, the kernel's sides."""
        return {}
