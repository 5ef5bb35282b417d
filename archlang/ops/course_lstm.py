"""The calls of torch for an LSTM on its default path on the CPU, oneDNN's."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archlang.ops.base import GradientPlace, Operator, Saved, Scratch, Wanted, Weight
from archlang.ops.calls import Call, Constant, Look
from archlang.ops.in_calls import Calls
from archlang.ops.onednn_lstm import Sizes
from archlang.ops.parts import Course
from archlang.ops.regularization import Dropout
from archlang.ops.runs import ONE_CALL
from archlang.shapes import TensorType, param_type


@dataclass(frozen=True, slots=True)
class Layers:
    """Steps, images, channels and width; layers, directions, what is dropped between layers; what is returned."""

    t: int
    n: int
    c: int
    width: int
    layers: int
    directions: int
    bias: bool
    dropout: float
    state: bool
    copies: bool

    @property
    def rows(self) -> int:
        return self.layers * self.directions

    def sizes(self, layer: int) -> Sizes:
        """Return the sizes of one direction of a layer, counted from 0."""
        return Sizes(self.t, self.n, self.directions * self.width if layer else self.c, self.width)


def _bytes(size: int) -> Scratch:
    return (param_type((size,), "uint8"),)


class OneDirection(Operator):
    """A part: all steps of one layer in one direction, t n c, and its last state and cell, n c."""

    runs = ONE_CALL

    width: int
    bias: bool

    def _sizes(self, x: TensorType) -> Sizes:
        t, n, c = x.shape
        return Sizes(t, n, c, self.width)

    def outputs(self, x: TensorType) -> tuple[TensorType, ...]:
        t, n, _ = x.shape
        ended = TensorType((n, self.width), ("_", "_"), x.dtype)
        return (TensorType((t, n, self.width), ("_", "_", "_"), x.dtype), ended, ended)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        height = 4 * self.width
        found = (Weight("weight_ih", (height, x.shape[2])), Weight("weight_hh", (height, self.width)))
        return (*found, Weight("bias_ih", (height,)), Weight("bias_hh", (height,))) if self.bias else found

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        sizes = self._sizes(x)
        own = Saved("own", shape=(sizes.workspace,), dtype="uint8", per_image=False, name="workspace")
        zeros = replace(own, shape=(sizes.gates, sizes.c + sizes.width), dtype="float32", name="zeros")
        kept = (own,) if self.bias else (own, zeros)  # torch puts zeros of the weights' shapes in the biases' places
        return (Saved("input"), *(Saved("output", at) for at in range(3)), *kept)

    def scratch(self, training: bool, x: TensorType) -> Scratch:
        return _bytes(self._sizes(x).training)

    def scratch_backward(self, wanted: Wanted, x: TensorType) -> Scratch:
        return _bytes(self._sizes(x).backward)


def in_training(op: Operator, x: TensorType, of: Layers) -> Course:
    """Return the calls in training: each layer and direction saves a workspace."""
    calls, value = Calls(x), 0
    shape = (of.t, of.n, of.c)
    begin = [calls.constant((of.rows, of.n, of.width), held=False) for _ in range(2)]
    value = calls.copied(shape, 0) if of.copies else calls.looked(shape, 0)
    ends: list[list[int]] = [[], []]
    for layer in range(of.layers):
        sides: list[int] = []
        for end in ("", "_reverse")[: of.directions]:
            part = OneDirection(width=of.width, bias=of.bias)
            first = calls.run(part, value, name=f"*_l{layer}{end}", results=3)
            sides.append(first)
            ends[0].append(first + 1)
            ends[1].append(first + 2)
        value = sides[0]
        if of.directions > 1:
            places: tuple[GradientPlace, ...] = ("part", "part")
            value = calls.run(Call(shape=(of.t, of.n, 2 * of.width), places=places), *sides)
        if of.dropout and layer < of.layers - 1:
            value = calls.run(Dropout(p=of.dropout), value)
    _ended(calls, of, value, ends, begin)
    return calls.course(op)


def _ended(calls: Calls, of: Layers, value: int, ends: list[list[int]], begin: list[int]) -> None:
    """Add what the module returns: the states of all steps, or the last ones of the uppermost layer."""
    shape = (of.rows, of.n, of.width)
    part: GradientPlace = "part"
    stacks = [
        calls.run(Call(shape=shape, places=(part,) * of.rows), *each, held=True, holds=(*begin, value)) for each in ends
    ]
    channels = of.directions * of.width
    if of.state:
        last = calls.looked((of.directions, of.n, of.width), stacks[0], spread=True)
        calls.run(Call(shape=(of.n, channels), places=(part,)), last, holds=(value,))
    else:
        calls.run(Look(shape=(of.n, of.t, channels), axes=("n", "t", "c"), lies=(channels, of.n * channels, 1)), value)


def in_evaluation(op: Operator, x: TensorType, of: Layers) -> Course:
    """Return the calls of an inference: one, which frees all but its result, and the last states."""
    calls, states = Calls(x), (of.rows, of.n, of.width)
    begin = [calls.constant(states) for _ in range(2)]
    shape = (of.t, of.n, of.directions * of.width)
    steps = Constant(shape=shape, taken=-(-most_taken(of) // 4))
    value = calls.run(steps, 0, holds=tuple(begin))
    stacks = [calls.run(Constant(shape=states), value, held=True, holds=tuple(begin)) for _ in range(2)]
    channels = of.directions * of.width
    if of.state:
        calls.run(Constant(shape=(of.n, channels)), stacks[0], holds=(value,))
    else:
        calls.run(Look(shape=(of.n, of.t, channels), axes=("n", "t", "c"), lies=(channels, of.n * channels, 1)), value)
    return calls.course(op)


def most_taken(of: Layers) -> int:
    """Return the most bytes that an inference takes beside its result and the first states."""
    each = 4 * of.t * of.n * of.width
    alive = 4 * of.t * of.n * of.c * of.copies
    if not of.bias:  # zeros of the weights' shapes
        every = (of.sizes(layer) for layer in range(of.layers))
        alive += sum(4 * one.gates * (one.c + one.width) * of.directions for one in every)
    most, ended, before = 0, 0, 0
    for layer in range(of.layers):
        sizes = of.sizes(layer)
        for direction in range(of.directions):
            made = each * (direction + 1)
            most = max(most, alive + ended + before + made + 2 * sizes.state + sizes.forward)
            ended += 2 * sizes.state
        before = each * of.directions * (1 + (of.directions > 1))
    return max(most, alive + ended + before) - each * of.directions
