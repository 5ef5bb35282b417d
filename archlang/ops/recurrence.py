"""What recurrent layers over n t c share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import Field

from archlang.diagnostics import Rejected
from archlang.ops import recurrent_scratch
from archlang.ops.base import (
    Autocast,
    Kind,
    Module,
    Operator,
    Reach,
    Saved,
    Scratch,
    Size,
    Slide,
    Wanted,
    Weight,
    Work,
)
from archlang.ops.checks import check_dtype
from archlang.ops.layouts import Strides, contiguous, laid, viewed
from archlang.ops.recurrent_scratch import Loop
from archlang.ops.regularization import ALL_DROPPED, Probability
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.states import SequenceReach, check_sequence, check_state, has_lengths, kept_states, side_by_side
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

_CLASS = '''
class {name}Layer(nn.{name}):
    """Over n t c: the states of all steps, or with `state` the last ones.

    `first` are those to begin with, all layers side by side; `carry` gives those at the
    end.
    """

    def __init__(self, input_size, hidden_size, state=False, carry=False, **options):
        super().__init__(input_size, hidden_size, batch_first=True, **options)
        self.state, self.carry = state, carry

    def forward(self, x, first=None):
        if first is not None:
            first = first.unflatten(1, (-1, self.hidden_size)).transpose(0, 1)
            first = first.contiguous()
        states, last = super().forward(x, first)
        if self.state:
            states = torch.cat(tuple(last[-2:] if self.bidirectional else last[-1:]), 1)
        return (states, last.transpose(0, 1).flatten(1)) if self.carry else states
'''


_PACKED = """
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, last = super().forward(packed, {begin})
        states, _ = nn.utils.rnn.pad_packed_sequence(
            states, batch_first=True, total_length=x.shape[1]
        )
"""


def packed_source(source: str) -> str:
    """Return the class of a layer that reads of each image as many positions as its length says."""
    for begin in ("first", "begin"):
        source = source.replace(
            f"\n        states, last = super().forward(x, {begin})\n", _PACKED.replace("{begin}", begin)
        )
    source = source.replace("def forward(self, x, ", "def forward(self, x, lengths, ")
    return source.replace("class ", "class Packed", 1).replace("Over n t c:", "Over n t c, as long as `lengths`:")


class Recurrent(Operator):
    """What recurrent layers share: layers one above the other, each in one direction or in both, of the same width.

    An int64 for each image may follow the sequence: how many of its positions are read.
    """

    family: ClassVar[str] = "recurrent"
    runs = replace(SEVERAL_CALLS, autocast=Autocast("given", known="result"))
    name: ClassVar[str]  # torch's
    gates: ClassVar[int]  # projections of the input, and of the state, in each step
    mapped: ClassVar[int]  # nonlinear functions of one value of the state in each step
    added: ClassVar[int]  # additions and multiplications of one value of the state in each step
    source: ClassVar[str] = _CLASS
    positional: ClassVar[Mapping[str, Kind]] = {"width": "number"}
    flows: ClassVar[Mapping[str, str]] = {"lengths": "(x, lengths) -> lstm 64", "h": "(x, h, c) -> lstm 64"}
    arity: ClassVar[tuple[int, ...]] = (1, 2, 3)
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "needs-channels-last", "wrong-dtype", "wrong-rank", dropout=ALL_DROPPED,
        layers="each has weights by name, so that a wrong number would exhaust the machine",
    )  # fmt: skip

    width: Size
    layers: Annotated[int, Field(ge=1, le=200)] = 1
    bidirectional: bool = False
    bias: bool = True
    dropout: Probability = 0.0
    state: bool = False
    carry: bool = False

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def rows(self) -> int:
        """The number of layers in one direction each; as many states are carried."""
        return self.layers * self.directions

    @property
    def widths(self) -> tuple[int, ...]:
        """The widths of the states that a step passes on; the first state is its result."""
        return (self.width,)

    def outputs(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, *first = inputs
        if has_lengths(inputs):
            first = first[1:]
        if first and len(first) != len(self.widths):
            message = f"{self.word} takes {len(self.widths)} of its states, and {len(first)} flow in"
            raise Rejected("wrong-rank", message, about="input")
        check_sequence(x, self.word)
        check_dtype(x, self.word, weighted=True)
        if self.dropout and self.layers == 1:
            message = f"dropout={self.dropout} is between layers, but {self.word} has one"
            raise Rejected("out-of-range", message, help="write a step `dropout` behind it", about="dropout")
        for given, width in zip(first, self.widths, strict=True) if first else ():
            check_state(x, given, self.rows * width, self.word)
        n, t, _ = x.shape
        channels = self.directions * self.widths[0]
        ended = TensorType((n, channels), ("n", "c"), x.dtype)
        steps = ended if self.state else TensorType((n, t, channels), x.axes, x.dtype)
        return (steps, *(ended.resized(c=self.rows * width) for width in self.widths)) if self.carry else (steps,)

    def weights(self, *inputs: TensorType) -> tuple[Weight, ...]:
        height, given = self.gates * self.width, self.widths[0]
        found: list[Weight] = []
        for layer in range(self.layers):
            channels = self.directions * given if layer else inputs[0]["c"]
            for end in ("", "_reverse")[: self.directions]:
                found.append(Weight(f"weight_ih_l{layer}{end}", (height, channels)))
                found.append(Weight(f"weight_hh_l{layer}{end}", (height, given)))
                if self.bias:
                    found += [Weight(f"bias_{kind}_l{layer}{end}", (height,)) for kind in ("ih", "hh")]
                if given != self.width:
                    found.append(Weight(f"weight_hr_l{layer}{end}", (given, self.width)))
        return tuple(found)

    def _macs(self, x: TensorType) -> tuple[int, int, int, int]:
        """Return the MACs of four projections: of the input, between layers, of the states in one step, of the results.

        Results are projected where a layer's state is narrower than what the layer computes with.
        """
        n, t, c = x.shape
        each, given = self.gates * self.width, self.widths[0]
        first = n * t * self.directions * each * c
        between = n * t * self.directions * each * self.directions * given * (self.layers - 1)
        results = n * t * self.rows * self.width * given if given != self.width else 0
        return first, between, n * self.rows * each * given, results

    def work(self, *inputs: TensorType) -> Work:
        first, between, step, results = self._macs(inputs[0])
        n, t, _ = inputs[0].shape
        values = n * t * self.rows * self.width
        return Work(
            macs=first + between + step * t + results,
            bias_adds=2 * self.gates * values if self.bias else 0,
            activated=self.mapped * values,
            elementwise=self.added * values,
        )

    def training_work(self, *inputs: TensorType) -> Work:
        n, t, _ = inputs[0].shape
        dropped = n * t * self.directions * self.widths[0] * (self.layers - 1) if self.dropout else 0
        return self.work(*inputs) + Work(elementwise=dropped)

    def backward(self, wanted: Wanted, *inputs: TensorType) -> Work:
        """Return the work of the gradients through all states and layers, to the first states only if wanted.

        First states that are not given are 0, and have no gradient.
        """
        x = inputs[0]
        first, between, step, results = self._macs(x)
        work = self.training_work(*inputs)
        at = 1 + has_lengths(inputs)
        steps = x.shape[1] - 1 + any(wanted.inputs[at : at + 1])
        passed = (between + step * steps + results) * wanted.any
        return Work(
            macs=work.macs * wanted.weights + first * wanted.inputs[0] + passed,
            bias_adds=work.bias_adds * wanted.weights,
            activated=work.activated * wanted.any,
            elementwise=work.elementwise * wanted.any,
        )

    def kept_in_steps(self, n: int, t: int) -> tuple[Saved, ...]:
        """Return what one direction of one layer saves of its steps."""
        raise TypeError(f"{type(self).__name__} does not say what it keeps")

    def kept_above(self, n: int, t: int) -> tuple[Saved, ...]:
        """Return what one direction of the uppermost layer saves of its steps."""
        return self.kept_in_steps(n, t)

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...] | None:
        if has_lengths(inputs):
            return None  # it depends on the lengths themselves
        # torch projects t n c in one call: a view of the input if its layout allows it, else a copy for each direction
        x = inputs[0]
        n, t, c = x.shape
        known = laid(x)
        turned = (known.strides[1], known.strides[0], known.strides[2])
        shape = (known.shape[1], known.shape[0], c)
        if viewed(shape, turned, (shape[0] * shape[1], c)) is None:
            copy = Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy")
            projected = (copy,) * self.directions
        else:
            projected = (Saved("input", when="weights"),)
        states = kept_states(inputs, self.rows, self.widths, self.layers > 1)
        shape = (t, n, self.directions * self.widths[0])
        layer = Saved("own", shape=shape, when="weights", name="layer")
        mask = Saved("own", shape=shape, name="mask", training_only=True)
        between = (layer, mask) if self.dropout else (layer,)
        below = (*between, *(self.kept_in_steps(n, t) * self.directions)) * (self.layers - 1)
        return (*projected, *states, *below, *(self.kept_above(n, t) * self.directions))

    def _loop(self, inputs: tuple[TensorType, ...]) -> Loop:
        n, t, c = laid(inputs[0]).shape
        return Loop(t, n, c, self.width, self.gates, self.layers, self.directions, self.state)

    def scratch(self, training: bool, *inputs: TensorType) -> Scratch | None:
        return None if has_lengths(inputs) else recurrent_scratch.forward(self._loop(inputs), training=training)

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch | None:
        saved = self.saved(*inputs)
        if saved is None:
            return None
        weights = sum(one.count for one in self.weights(*inputs))
        return recurrent_scratch.backward(self._loop(inputs), wanted, saved, weights)

    def strides(self, *inputs: TensorType) -> tuple[Strides, ...]:
        (n, *_, c), *_ = shapes = [y.shape for y in self.outputs(*map(laid, inputs))]
        in_order = self.state or has_lengths(inputs)
        steps = contiguous(shapes[0]) if in_order else (c, n * c, 1)  # torch computes t n c
        return (steps, *(side_by_side(n, self.rows, width) for width in self.widths if self.carry))

    def reach(self, *inputs: TensorType) -> Reach:
        t = inputs[0].shape[1]
        all_of_it = Slide(t, 0)
        is_whole = self.state or self.bidirectional
        steps = all_of_it if is_whole else Slide(t, 1, t - 1, past=True)
        if not self.carry and len(inputs) == 1:
            return Reach({"t": steps})
        rest = ({"t": all_of_it},) * len(self.widths) if self.carry else ()
        return SequenceReach(outputs=({"t": steps}, *rest))

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        return {"directions": self.directions, "x_c": inputs[0]["c"]}

    def further_options(self) -> tuple[tuple[str, object, object], ...]:
        """Return the options that this kind of layer has besides: name, value and torch's default."""
        return ()

    def torch(self, *inputs: TensorType) -> Module:
        args = (("input_size", inputs[0]["c"]), ("hidden_size", self.width))
        options = (
            ("num_layers", self.layers, 1),
            ("bidirectional", self.bidirectional, False),
            ("bias", self.bias, True),
            ("dropout", self.dropout, 0.0),
            ("state", self.state, False),
            ("carry", self.carry, False),
            *self.further_options(),
        )
        source = self.source.replace("{name}", self.name)
        if has_lengths(inputs):
            return Module(f"Packed{self.name}Layer", args, options, packed_source(source))
        return Module(f"{self.name}Layer", args, options, source)
