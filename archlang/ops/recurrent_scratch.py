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
    """Return the projections of all steps, their states, which training saves, and what one step takes."""
    if training:
        return _taken(of.projected + of.step + of.ends)
    others = of.states * of.directions * 2 * (of.layers > 1) + of.states * (of.directions > 1)
    return _taken(max(of.projected + of.states + of.step, of.projected + of.t * of.n * of.c) + others + of.ends)


def backward(of: Loop, wanted: Wanted, saved: Iterable[Saved], weights: int) -> Scratch:
    """Return what is alive when the backward pass begins and ends, beside the gradients that it returns.

    At first the saved tensors are, the gradient of the result, and two gradients of the weight that the states meet; at
    the end two gradients of all projections.
    """
    kept = sum(bytes_of(one.shape, one.dtype) for one in saved if one.what == "own") // BYTES
    made = weights * wanted.weights + of.t * of.n * of.c * any(wanted.inputs[:1])
    given = of.states * of.directions * (1 + (of.layers > 1))
    twice = 2 * of.directions * of.gates * of.width * (of.width + 1) * wanted.weights
    begin = kept + given + twice + of.ends + of.directions * of.step
    return _taken(max(begin - made, 2 * of.projected))
