"""The calls of torch for an LSTM on its default path on the CPU, oneDNN's."""

from __future__ import annotations

from dataclasses import replace

from archlang.ops.base import GradientPlace, Operator, Saved, Scratch, Wanted, Weight
from archlang.ops.calls import Call, Constant, Look
from archlang.ops.in_calls import Calls
from archlang.ops.layouts import Laid, contiguous, is_at
from archlang.ops.onednn_lstm import Sizes
from archlang.ops.parts import Course
from archlang.ops.recurrence import Recurrent
from archlang.ops.regularization import Dropout
from archlang.ops.runs import ONE_CALL
from archlang.shapes import TensorType, param_type


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


def _copied(x: Laid) -> bool:
    """Return whether torch copies the input, to have the steps outermost."""
    (n, t, c), (image, step, channel) = x.shape, x.strides
    return not is_at(Laid((t, n, c), ("_",) * 3, strides=(step, image, channel)), contiguous((t, n, c)))


def in_training(op: Recurrent, x: Laid) -> Course:
    """Return the calls in training: each layer and direction saves a workspace."""
    calls, (n, t, c) = Calls(x), x.shape
    begin = [calls.constant((op.rows, n, op.width), held=False) for _ in range(2)]
    value = calls.copied((t, n, c), 0) if _copied(x) else calls.looked((t, n, c), 0)
    ends: list[list[int]] = [[], []]
    for layer in range(op.layers):
        sides: list[int] = []
        for end in ("", "_reverse")[: op.directions]:
            part = OneDirection(width=op.width, bias=op.bias)
            first = calls.run(part, value, name=f"*_l{layer}{end}", results=3)
            sides.append(first)
            ends[0].append(first + 1)
            ends[1].append(first + 2)
        value = sides[0]
        if op.directions > 1:
            places: tuple[GradientPlace, ...] = ("part", "part")
            value = calls.run(Call(shape=(t, n, 2 * op.width), places=places), *sides)
        if op.dropout and layer < op.layers - 1:
            value = calls.run(Dropout(p=op.dropout), value)
    _ended(calls, op, value, ends, begin)
    return calls.course(op)


def _ended(calls: Calls, op: Recurrent, value: int, ends: list[list[int]], begin: list[int]) -> None:
    """Add what the module returns: the states of all steps, or the last ones of the uppermost layer."""
    n, t, _ = calls.inputs[0].shape
    shape = (op.rows, n, op.width)
    part: GradientPlace = "part"
    stacks = [
        calls.run(Call(shape=shape, places=(part,) * op.rows), *each, held=True, holds=(*begin, value)) for each in ends
    ]
    channels = op.directions * op.width
    if op.state:
        last = calls.looked((op.directions, n, op.width), stacks[0], spread=True)
        calls.run(Call(shape=(n, channels), places=(part,)), last, holds=(value,))
    else:
        calls.run(Look(shape=(n, t, channels), axes=("n", "t", "c"), lies=(channels, n * channels, 1)), value)


def in_evaluation(op: Recurrent, x: Laid) -> Course:
    """Return the calls of an inference: one, which frees all but its result, and the last states."""
    calls, (n, t, _) = Calls(x), x.shape
    states = (op.rows, n, op.width)
    begin = [calls.constant(states) for _ in range(2)]
    shape = (t, n, op.directions * op.width)
    steps = Constant(shape=shape, taken=-(-_most_taken(op, x) // 4))
    value = calls.run(steps, 0, holds=tuple(begin))
    stacks = [calls.run(Constant(shape=states), value, held=True, holds=tuple(begin)) for _ in range(2)]
    channels = op.directions * op.width
    if op.state:
        calls.run(Constant(shape=(n, channels)), stacks[0], holds=(value,))
    else:
        calls.run(Look(shape=(n, t, channels), axes=("n", "t", "c"), lies=(channels, n * channels, 1)), value)
    return calls.course(op)


def _most_taken(op: Recurrent, x: Laid) -> int:
    """Return the most bytes that an inference takes beside its result and the first states."""
    n, t, c = x.shape
    each = 4 * t * n * op.width
    alive = 4 * t * n * c * _copied(x)
    every = [Sizes(t, n, op.directions * op.width if layer else c, op.width) for layer in range(op.layers)]
    if not op.bias:  # zeros of the weights' shapes
        alive += sum(4 * one.gates * (one.c + one.width) * op.directions for one in every)
    most, ended, before = 0, 0, 0
    for sizes in every:
        for direction in range(op.directions):
            made = each * (direction + 1)
            most = max(most, alive + ended + before + made + 2 * sizes.state + sizes.forward)
            ended += 2 * sizes.state
        before = each * op.directions * (1 + (op.directions > 1))
    return max(most, alive + ended + before) - each * op.directions
