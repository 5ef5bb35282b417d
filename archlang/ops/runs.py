"""How an operator runs in torch, eager on the CPU, whatever its arguments are. What is not declared is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from archlang.ops.answers import Autocast, Computed, GradientPlace, Saved

Kept = Literal["nothing", "input", "output", "input and output"]


@dataclass(frozen=True, slots=True)
class Runs:
    """Facts of torch that are the same for all arguments. None stands for unknown, which every answer then says.

    `view` says whether the result is the input's memory. `layout` is the memory layout of the result: contiguous, that
    of the input, or that of the input computed with a number, which can differ in the strides of axes of size 1.
    `gradients` says where the gradient of each input is allocated. `forward` and `backward` say whether torch computes
    the pass in one call, which leaves no temporaries between calls. `saved` says which tensors are saved for the
    gradients of float inputs. `autocast` is the dtype in which torch computes it under autocast, or an `Autocast` that
    says more. `weights` says whether the answers hold in any memory format of the
    weights with four axes (`Laid.weights`); it has no meaning without such weights. `scratch` is how many tensors of
    the result's size the kernels of the backward pass allocate and free by themselves, for the gradient of an input.
    `overwrites` says that torch's module can write the result over its input, with the same values and gradients; what
    it saves of the input is then a copy. `fresh` says that the result is always new memory and no view, in both modes
    and however the inputs lie.
    """

    view: bool | None = None
    layout: Literal["contiguous", "input", "input and number"] | None = None
    gradients: GradientPlace | None = None
    forward: Literal["one call"] | None = None
    backward: Literal["one call"] | None = None
    saved: Kept | None = None
    autocast: Computed | Autocast | None = None
    weights: Literal["any format"] | None = None
    scratch: int = 0
    overwrites: bool = False
    fresh: bool = False


UNKNOWN = Runs()
ONE_CALL = Runs(view=False, layout="contiguous", gradients="new", forward="one call", backward="one call")
ELEMENTWISE = replace(ONE_CALL, layout="input", autocast="given", fresh=True)
WITH_A_NUMBER = replace(ELEMENTWISE, layout="input and number")
ONE_CALL_FORWARD = replace(ONE_CALL, backward=None)
SEVERAL_CALLS = replace(ONE_CALL, forward=None, backward=None)

_INPUT, _OUTPUT = Saved("input", when="inputs"), Saved("output", when="inputs")
SAVED: Mapping[Kept, tuple[Saved, ...]] = {
    "nothing": (), "input": (_INPUT,), "output": (_OUTPUT,), "input and output": (_INPUT, _OUTPUT),
}  # fmt: skip
