"""How torch runs an operator, eager on the CPU: saved tensors, memory layouts, temporaries, gradients, autocast."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

from archlang.ops.answers import Autocast, Expression, GradientPlace, Module, Saved, Wanted
from archlang.ops.law import Law
from archlang.ops.layouts import Strides, contiguous, laid, like, like_with_a_number
from archlang.ops.runs import SAVED, UNKNOWN, Runs
from archlang.shapes import TensorType, param_type

if TYPE_CHECKING:
    from archlang.ops.parts import Course

Scratch = tuple[TensorType, ...]
Temporaries = tuple[tuple[TensorType, ...], ...]  # of each call but the last, the tensors that are alive besides


class Running(Law):
    """The questions about an operator that torch answers on a device. None stands for unknown.

    `runs` holds the answers that are the same for all arguments; a method gives one that depends on them.
    """

    runs: ClassVar[Runs] = UNKNOWN
    crashes: ClassVar[bool] = False  # torch's backward pass, in channels_last where the input needs no gradient
    saves_unfilled: ClassVar[bool] = False  # torch hands over a saved tensor before it writes the values
    plain_loop: ClassVar[bool] = False  # the saved tensors are those of torch's own loop, not of oneDNN's

    def saved(self, *inputs: Any, **_: Any) -> tuple[Saved, ...] | None:
        """Return the tensors that autograd saves for backward in training mode.

        They may depend on strides and on the batch; the answer is exact for `Laid` types.
        """
        if self.runs.saved is None:
            return None
        return SAVED[self.runs.saved] if any(x.is_float for x in inputs) else ()

    def view(self, *inputs: Any, **_: Any) -> bool | None:
        """Return whether the output is the memory of the first input, perhaps in another shape."""
        return self.runs.view

    def is_fresh(self, *inputs: Any, **_: Any) -> bool:
        """Return whether the result is always new memory and no view, in both modes and however the inputs lie."""
        return self.runs.fresh and not self.idle

    def overwrites(self, *inputs: Any, **_: Any) -> tuple[int, ...]:
        """Return the inputs, by number, over which torch can write the result, with the same values and gradients.

        Autograd saves what it would save otherwise; of an overwritten input it saves a copy.
        """
        return (0,) if self.runs.overwrites and inputs[0].is_float else ()

    def torch_over(self, at: int, *inputs: Any, **_: Any) -> Module | Expression:
        """Return the torch call that writes the result over the input `at`."""
        call = self.torch(*inputs)
        if not isinstance(call, Module):
            raise TypeError(f"{type(self).__name__} does not say its torch call over input {at}")
        return replace(call, options=(*call.options, ("inplace", True, False)))

    def strides(self, *inputs: Any, **_: Any) -> tuple[Strides, ...] | None:
        """Return the memory layout of the outputs."""
        match self.runs.layout:
            case None:
                return None
            case "input":
                return tuple(like(laid(x)) for x in inputs[:1])
            case "input and number":
                return tuple(like_with_a_number(laid(x)) for x in inputs[:1])
            case "contiguous":
                return tuple(contiguous(y.shape) for y in self.outputs(*inputs))

    def knows_formats(self, *inputs: Any, **_: Any) -> bool:
        """Return whether the answers hold for every memory format of the weights. It matters for four axes only."""
        return bool(self.runs.weights) or all(len(weight.shape) != 4 for weight in self.weights(*inputs))

    def course(self, *inputs: Any, training: bool = True, **_: Any) -> Course | None:
        """Return the parts in which torch computes it, each an operator; None if it is one, or if they are unknown.

        In evaluation without gradients torch may compute it in others than in `training`.
        """
        return None

    def spare_values(self, *inputs: Any, **_: Any) -> tuple[int, ...]:
        """Return how many values of memory each output has beyond its own size; nothing if none has any."""
        return ()

    def temporaries(self, *inputs: Any, **_: Any) -> Temporaries | None:
        """Return the tensors alive at each internal call of the forward pass, besides the inputs.

        Those of the last call are alive beside the result. In training, an operator that saves tensors of its own
        answers `temporaries_beside_saved` instead.
        """
        return () if self.runs.forward else None

    def temporaries_beside_saved(self, *inputs: Any, **_: Any) -> Temporaries | None:
        """Return the temporaries in training, without the tensors of its own that the operator saves."""
        return ()

    def scratch(self, training: bool, *inputs: Any, **_: Any) -> Scratch | None:
        """Return the tensors that the kernels of the forward pass allocate and free by themselves.

        They are alive beside the inputs, the results and what is saved, or are as large as what exceeds these. Without
        training, what would be saved of the operator's own is freed at once.
        """
        if self.runs.forward is None:
            return None
        kept = () if training or self.temporaries(*inputs) else self.saved(*inputs) or ()
        return tuple(param_type(one.shape, one.dtype) for one in kept if one.what == "own")

    def scratch_backward(self, wanted: Wanted, *inputs: Any, **_: Any) -> Scratch | None:
        """Return the same of the backward pass: alive beside the gradients that are wanted."""
        if self.runs.backward is None:
            return None
        return self.outputs(*inputs)[:1] * (self.runs.scratch if any(wanted.inputs) else 0)

    def gradient_places(self, *inputs: Any, **_: Any) -> tuple[GradientPlace, ...] | None:
        """Return where the gradient of each input is allocated. A view of the whole input passes the result's on."""
        if self.runs.gradients is None:
            return None
        outputs = self.outputs(*inputs)
        is_all = len(outputs) == len(inputs) == 1 and prod(outputs[0].shape) == prod(inputs[0].shape)
        place: GradientPlace = "whole" if is_all and self.view(*inputs) else self.runs.gradients
        return (place,) * len(inputs)

    def viewed_gradients(self, *inputs: Any, **_: Any) -> tuple[int | str, ...]:
        """Return the inputs, by number, and weights, by name, whose gradient torch returns as a view of another tensor.

        A further gradient is added to it in new memory, and to any other in place.
        """
        places = self.gradient_places(*inputs)
        return (0,) if places and places[0] == "whole" and self.view(*inputs) else ()

    def backward_in_one_call(self, *inputs: Any, **_: Any) -> bool | None:
        """Return True if the backward pass allocates the gradients and nothing else; None if that is unknown."""
        return True if self.runs.backward else None

    def autocast(self, *inputs: Any, **_: Any) -> Autocast | None:
        """Return the dtype in which it computes under torch.autocast on the CPU; None if that is unknown."""
        told = self.runs.autocast
        return Autocast(told) if isinstance(told, str) else told
