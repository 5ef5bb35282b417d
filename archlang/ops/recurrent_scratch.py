"""What recurrent layers and cells allocate and free in torch's own loop over the steps: upper bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archlang.ops.answers import Saved, Wanted
from archlang.ops.running import Scratch
from archlang.shapes import bytes_of, param_type

BYTES = 4
OF_A_STEP = 6  # tensors of the size of the state, beside the gates


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps, images, channels and width of a layer; its gates, layers and directions.

    The states of all steps are `hidden` if the last ones alone are the result.
    """

    t: int
    n: int
    c: int
    width: int
    gates: int
    layers: int = 1
    directions: int = 1
    hidden: bool = False

    @property
    def ends(self) -> int:
        """The values of the first and the last states, and of the states of all steps if they are not the result."""
        ended = 2 * self.layers * self.directions * self.n * self.width
        return ended + self.states * self.directions * self.hidden

    @property
    def projected(self) -> int:
        """The values of the projections of all steps, in one direction."""
        return self.t * self.n * self.gates * self.width

    @property
    def states(self) -> int:
        """The values of the states of all steps, in one direction."""
        return self.t * self.n * self.width

    @property
    def step(self) -> int:
        return self.n * self.width * (self.gates + OF_A_STEP)


def _taken(values: int) -> Scratch:
    return (param_type((max(values, 0),)),)


def forward(of: Loop, *, training: bool) -> Scratch:
    """Return the projections of all steps, their states, which training saves, and what one step takes.

    Of two directions, the states of both are stacked before the result is made of them. An inference projects the input
    of the second while the projections of the first are alive, and the states of all steps are until it ends.
    """
    both = of.directions > 1
    if training:
        return _taken(of.projected + of.step + of.ends + of.states * of.directions * both)
    others = of.states * of.directions * 2 * (of.layers > 1) + of.states * both
    copied = of.projected + of.t * of.n * of.c
    twice, joined = (of.projected + copied) * both, (of.projected + 3 * of.states) * both
    return _taken(max(of.projected + of.states + of.step, copied, twice, joined) + others + of.ends)


def backward(of: Loop, wanted: Wanted, saved: Iterable[Saved], weights: int) -> Scratch:
    """Return what is alive when the backward pass begins and ends, beside the gradients that it returns.

    At first the saved tensors are, the gradient of the result, and three gradients of the weight that the states meet:
    of the steps until now, of this one, and their sum. At the end there are two gradients of all projections. Between
    two directions, the steps of one are freed, and there are the gradients of its projections and of the input.
    """
    own = [(one.name, bytes_of(one.shape, one.dtype) // BYTES) for one in saved if one.what == "own"]
    kept, steps = (sum(size for name, size in own if name not in without) for without in ((), ("copy",)))
    x = of.t * of.n * of.c
    made = weights * wanted.weights + x * any(wanted.inputs[:1])
    given = of.states * of.directions * (1 + (of.layers > 1))
    three = 3 * of.directions * of.gates * of.width * (of.width + 1) * wanted.weights
    begin = kept + given + three + of.ends + of.directions * of.step
    between = begin - steps // (2 * of.layers) + of.projected + x * any(wanted.inputs[:1])
    return _taken(max(begin - made, 2 * of.projected, (between - made) * (of.directions > 1)))
