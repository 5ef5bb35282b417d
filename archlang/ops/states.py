"""What recurrent layers and cells require of their inputs, and what they save of the states that flow in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archlang.diagnostics import Rejected
from archlang.ops.base import Reach, Saved, Slide, Wanted
from archlang.ops.checks import check_dtype
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.layouts import Laid, Strides, contiguous, is_at, laid, viewed
from archlang.shapes import TensorType


def check_sequence(x: TensorType, operator: str) -> None:
    """Raise Rejected if the axes are not n t c."""
    sides = [axis for axis in x.axes if axis not in ("n", "c")]
    message = f"{operator} takes axes n t c, but its input {x} has {x.names}"
    if "c" in x.axes and x.axes[0] == "n" and len(sides) > 1:
        sized = [*(f"{axis}={x[axis]}" for axis in sides[:-1]), sides[-1]]
        there, back = f"{x.names} -> n ({' '.join(sides)}) c", f"n ({' '.join(sized)}) c -> {x.names}"
        help = f'write `rearrange "{there}"` before it and `rearrange "{back}"` after it'
        raise Rejected("wrong-rank", message, help=help, about="input")
    check_channels_last(x, operator)
    if len(x.axes) != 3 or x.axes[0] != "n":
        raise Rejected("wrong-rank", message, about="input")


def has_lengths(inputs: tuple[TensorType, ...]) -> bool:
    """Return whether an int64 for each image follows the sequence: how many of its positions are read."""
    return len(inputs) > 1 and inputs[1].axes == ("n",) and inputs[1].dtype == "int64"


def check_vector(x: TensorType, operator: str) -> None:
    """Check that the axes are n c."""
    if x.axes != ("n", "c"):
        message = f"{operator} takes vectors n c, but {x} has {x.names}"
        raise Rejected("wrong-rank", message, about="input")


def check_state(x: TensorType, state: TensorType, channels: int, operator: str) -> None:
    """Check that a state is n c, for as many images as x has, with this number of channels."""
    check_vector(state, operator)
    check_dtype(state, operator, weighted=True)
    if state["c"] != channels:
        message = f"{operator} takes a state of {channels} channels here, but this one has {state['c']}"
        raise Rejected("unequal-sizes", message, about="input")
    if state["n"] != x["n"]:
        message = f"{operator} takes a state for each of {x['n']} along the batch, but there are {state['n']}"
        raise Rejected("unequal-sizes", message, about="input")


@dataclass(frozen=True, slots=True)
class SequenceReach(Reach):
    """The reach of a layer whose first input is a sequence. Its other inputs are states, which have no positions."""

    def between(self, at: int, output: int = 0) -> Mapping[str, Slide]:
        return {} if at else self.outputs[output]


@dataclass(frozen=True, slots=True)
class Factor(Saved):
    """Input `index`, or a copy of it, as a factor: saved unless only its own gradient is wanted."""

    def is_kept(self, wanted: Wanted) -> bool:
        return wanted.weights or any(flag for at, flag in enumerate(wanted.inputs) if at != self.index)


def kept_states(inputs: tuple[TensorType, ...], layers: int, widths: tuple[int, ...], above: bool) -> list[Saved]:
    """Return what is saved of the first states, of as many layers: h, and c if there is one.

    h is saved for the weight that multiplies it, c for a gate. In layers `above` others the gates always have
    gradients.
    """
    given = inputs[1:] or (None,) * len(widths)
    return [
        _kept(at, state, (layers, inputs[0].shape[0], width), above)
        for at, (state, width) in enumerate(zip(given, widths, strict=True), 1)
    ]


def _kept(at: int, state: TensorType | None, shape: tuple[int, int, int], above: bool) -> Saved:
    if state is not None and not _is_copied(laid(state), shape[0]):
        lying = Saved("input", at, when="any" if at == 2 else "weights")
    else:
        name = "zeros" if state is None else "copy"
        lying = Saved("own", at, shape, when="any" if at == 2 else "weights", name=name)
    return Factor(lying.what, at, lying.shape, name=lying.name) if at == 2 and not above else lying


def _is_copied(state: Laid, layers: int) -> bool:
    """Return whether torch copies the states: it needs them layer by layer, and they are side by side."""
    image, channel = state.strides
    images, channels = state.shape
    turned = (layers, images, channels // layers)
    strides = (channel * turned[2], image, channel)
    return not is_at(Laid(turned, ("_", "n", "c"), strides=strides), contiguous(turned))


def side_by_side(images: int, layers: int, width: int) -> Strides:
    """Return the strides of the last states, which torch returns layer by layer and which are joined for each image."""
    shape = (images, layers * width)
    by_layer = (width, images * width, 1)
    return viewed((images, layers, width), by_layer, shape) or contiguous(shape)
