"""The class of operators. Passes ask its questions, and never which operator a layer holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from archlang.ops.answers import (
    NOTHING,
    Autocast,
    Expression,
    GradientPlace,
    Lecture,
    Module,
    Ratio,
    Reach,
    Saved,
    Slide,
    Stored,
    Wanted,
    Weight,
    Work,
    is_view,
    seeing_all,
)
from archlang.ops.layouts import Strides, contiguous, laid, like
from archlang.ops.runs import ELEMENTWISE, ONE_CALL, ONE_CALL_FORWARD, SEVERAL_CALLS, UNKNOWN, Runs
from archlang.shapes import TensorType

__all__ = [
    "ELEMENTWISE", "ONE_CALL", "ONE_CALL_FORWARD", "SEVERAL_CALLS", "Autocast", "Example", "Expression",
    "GradientPlace", "Kind", "Lecture", "Module", "Natural", "Operator", "Ratio", "Reach", "Runs", "Saved", "Size",
    "Slide", "Stored", "Temporaries", "Wanted", "Weight", "Work", "is_view", "seeing_all",
]  # fmt: skip

Size = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Kind = Literal["window", "number", "string", "list"]
Temporaries = tuple[tuple[TensorType, ...], ...]  # of each call but the last, the tensors that are alive besides


@dataclass(frozen=True, slots=True)
class Example:
    """A step as it is written in the language, and the types of its inputs."""

    step: str
    inputs: str
    training: bool = True  # whether values are compared in training mode as well


class Operator(BaseModel):
    """One operator: a frozen value of its hyperparameters. Its fields are its arguments in the language.

    The first questions are about its law: what is true on paper. Those below are about how torch runs it, eager on the
    CPU; None stands for unknown, which every answer then says.

    Each question is asked with the types of the inputs, in order. An operator with one input names it, as in
    `def outputs(self, x: TensorType)`; a join takes `*inputs: TensorType`. Type checkers accept both as overrides of
    `*inputs: Any, **_: Any`, and of no other signature.

    The docstring of an operator describes it. Its indented lines are formulas (archlang/why/notation.py): `why` fills
    in their numbers, and the tests compare them with the operator's answers.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    word: ClassVar[str]  # its name in the language
    positional: ClassVar[Mapping[str, Kind]] = {}  # fields that stand without a name, in order, and their kinds
    elsewhere: ClassVar[tuple[str, ...]] = ()  # what other libraries call it
    akin: ClassVar[Mapping[str, str]] = {}  # other libraries' operators that are near to it, and how they differ
    stricter: ClassVar[Mapping[str, str]] = {}  # codes and arguments that it refuses though torch takes them, and why
    join: ClassVar[bool] = False  # several inputs, no weights, no position in its scope
    of_one: ClassVar[bool] = False  # a join of which a tuple of one value gives that value
    arity: ClassVar[tuple[int, ...]] = (1,)  # how many values it takes; a join says so itself
    declared: ClassVar[bool] = False  # declared by a statement, without inputs; nothing is computed
    idle: ClassVar[bool] = False  # the identity in evaluation
    pointwise: ClassVar[bool] = False  # a position of the result sees the same position of each input, and no other
    runs: ClassVar[Runs] = UNKNOWN  # what holds of torch for all arguments
    plain_loop: ClassVar[bool] = False  # the saved tensors are those of torch's own loop, not of oneDNN's
    examples: ClassVar[tuple[Example, ...]] = ()

    def outputs(self, *inputs: Any, **_: Any) -> tuple[TensorType, ...]:
        """The types of the outputs. Raises `Rejected` if the inputs do not fit."""
        raise TypeError(f"{type(self).__name__} does not say its output shapes")

    def weights(self, *inputs: Any, **_: Any) -> tuple[Weight, ...]:
        """The parameters and buffers, with their names and shapes in torch's state dict."""
        return ()

    def work(self, *inputs: Any, **_: Any) -> Work:
        """The arithmetic of one forward pass, for one image."""
        raise TypeError(f"{type(self).__name__} does not say its work")

    def training_work(self, *inputs: Any, **_: Any) -> Work:
        """The arithmetic of one forward pass in training mode, for one image. Dropout works in this mode only."""
        return self.work(*inputs)

    def backward(self, wanted: Wanted, *inputs: Any, **_: Any) -> Work:
        """The arithmetic of one backward pass, for one image.

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

    def least_batch(self, training: bool, *inputs: Any, **_: Any) -> int:
        """The smallest batch that torch takes, in training or in evaluation."""
        return 1

    def positions_in(self, *inputs: Any, **_: Any) -> tuple[int, ...] | None:
        """The sizes of the map whose positions its int64 outputs are; None where they are no positions."""
        return None

    def take_positions(self, sizes: tuple[int, ...], *inputs: Any, **_: Any) -> None:
        """Raise `Rejected` where an input cannot be positions in a map of these sizes."""

    def once(self, *inputs: Any, **_: Any) -> Work:
        """The part of `work` that is done once for a whole batch: what is computed of weights alone."""
        return NOTHING

    def once_backward(self, wanted: Wanted, *inputs: Any, **_: Any) -> Work:
        """The part of `backward` that is done once for a whole batch."""
        return NOTHING

    def saved(self, *inputs: Any, **_: Any) -> tuple[Saved, ...]:
        """The tensors that autograd saves for backward in training mode.

        They may depend on strides and on the batch; the answer is exact for `Laid` types.
        """
        raise TypeError(f"{type(self).__name__} does not say what it saves")

    def reach(self, *inputs: Any, **_: Any) -> Reach | None:
        """Which positions of the inputs one output value depends on; None if that is unknown."""
        return Reach() if self.pointwise else None

    # ---- how it runs in torch, eager on the CPU; None is unknown

    def view(self, *inputs: Any, **_: Any) -> bool | None:
        """Whether the output is the memory of the first input, perhaps in another shape."""
        return self.runs.view

    def spare_values(self, *inputs: Any, **_: Any) -> tuple[int, ...]:
        """By how many values the memory of each output is larger than the output. Nothing is listed if no output is."""
        return ()

    def gradient_places(self, *inputs: Any, **_: Any) -> tuple[GradientPlace, ...] | None:
        """Of each input, where its gradient is allocated. A view of the whole input hands on the result's gradient."""
        if self.runs.gradients is None:
            return None
        outputs = self.outputs(*inputs)
        is_all = len(outputs) == len(inputs) == 1 and prod(outputs[0].shape) == prod(inputs[0].shape)
        place: GradientPlace = "whole" if is_all and self.view(*inputs) else self.runs.gradients
        return (place,) * len(inputs)

    def viewed_gradients(self, *inputs: Any, **_: Any) -> tuple[int | str, ...]:
        """The inputs, by number, and weights, by name, whose gradient torch returns as a view of another tensor.

        A further gradient is added to it in new memory, and to any other in place.
        """
        places = self.gradient_places(*inputs)
        return (0,) if places and places[0] == "whole" and self.view(*inputs) else ()

    def temporaries(self, *inputs: Any, **_: Any) -> Temporaries | None:
        """The tensors alive at each internal call of the forward pass, besides the inputs.

        Those of the last call are alive beside the result. What is saved for backward stands in their place where the
        operator saves a tensor of its own.
        """
        return () if self.runs.forward else None

    def temporaries_beside_saved(self, *inputs: Any, **_: Any) -> Temporaries | None:
        """The temporaries in training where the operator saves tensors of its own, besides these."""
        return ()

    def backward_in_one_call(self, *inputs: Any, **_: Any) -> bool | None:
        """True if the backward pass allocates the gradients and nothing else; None if that is unknown."""
        return True if self.runs.backward else None

    def strides(self, *inputs: Any, **_: Any) -> tuple[Strides, ...] | None:
        """The memory layout of the outputs."""
        match self.runs.layout:
            case None:
                return None
            case "input":
                return tuple(like(laid(x)) for x in inputs[:1])
            case "contiguous":
                return tuple(contiguous(y.shape) for y in self.outputs(*inputs))

    def autocast(self, *inputs: Any, **_: Any) -> Autocast | None:
        """The dtype in which it computes under torch.autocast on the CPU; None if that is unknown."""
        return None

    def torch(self, *inputs: Any, **_: Any) -> Module | Expression | Stored:
        """The torch call that computes it."""
        raise TypeError(f"{type(self).__name__} does not say its torch call")

    def lecture(self, *inputs: Any, **_: Any) -> Lecture | None:
        """Its row in the CS231n table; None if it belongs to the row above."""
        return None

    def symbols(self, *inputs: Any, **_: Any) -> Mapping[str, int | float | tuple[int, ...]]:
        """The names in the docstring's formulas besides axes and fields, such as `k`, the sides of the kernel."""
        return {}

    def params(self, *inputs: Any, **_: Any) -> int:
        """How many values the weights have that are not buffers."""
        return sum(weight.count for weight in self.weights(*inputs) if not weight.buffer)
