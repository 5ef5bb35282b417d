"""Long short-term memory: a recurrent layer with a cell beside its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from archlang.diagnostics import Rejected
from archlang.ops.base import Autocast, Example, Saved, Scratch, Size, Wanted, Work
from archlang.ops.course_lstm import in_evaluation, in_training
from archlang.ops.layouts import laid
from archlang.ops.parts import Course
from archlang.ops.recurrence import Recurrent
from archlang.shapes import TensorType

_CLASS = '''
class LSTMLayer(nn.LSTM):
    """Over n t c: the states of all steps, or with `state` the last ones.

    `first` and `cell` are those to begin with, all layers side by side; `carry` gives
    those at the end.
    """

    def __init__(self, input_size, hidden_size, state=False, carry=False, **options):
        super().__init__(input_size, hidden_size, batch_first=True, **options)
        self.state, self.carry = state, carry

    def forward(self, x, first=None, cell=None):
        begin = None
        if first is not None:
            given = (first, self.proj_size or self.hidden_size), (cell, self.hidden_size)
            begin = tuple(
                each.unflatten(1, (-1, width)).transpose(0, 1).contiguous()
                for each, width in given
            )
        states, last = super().forward(x, begin)
        if self.state:
            ends = last[0][-2:] if self.bidirectional else last[0][-1:]
            states = torch.cat(tuple(ends), 1)
        if not self.carry:
            return states
        return (states, *(each.transpose(0, 1).flatten(1) for each in last))
'''


class Lstm(Recurrent):
    """Long short-term memory over n t c (Hochreiter and Schmidhuber 1997; forget gates: Gers et al. 2000).

    i, f, o = sigmoid(W·x + U·h + b); g = tanh(W·x + U·h + b); cell = f*cell + i*g; h = o*tanh(cell). With `projection`
    the state is R·h, whose channels are fewer than `width` (Sak et al. 2014, arXiv:1402.1128). The result is the states
    h of all steps, n t directions*out, where `out` is the width of the state. With `state=true` it is the last state of
    the uppermost layer, n c; that of the backward direction is at the first position. h and cell are 0 at first, or the
    second and third input. With `carry=true` the last h and cell are further results, each n c, with all layers and
    directions side by side. `dropout` is applied in training, between layers. As in torch there are two biases.

    `(x, lengths) -> lstm 64` takes an int64 for each image: the number of positions that are read, at least 1 (torch's
    `pack_padded_sequence`). The results at later positions are 0, and the last states are those after the positions
    that are read. All counts are for full lengths.

    MACs: W·x and U·h in each step, U·0 in the first one too, and R·h: 4*width*(x_c + out) a step, by the formulas.
    torch's counter gives the same on the meta device, and 0 on CPU, where oneDNN computes all steps in one call that
    the counter does not know. The saved tensors are those of torch's own loop, with `torch.backends.mkldnn` off. oneDNN
    saves a workspace instead, whose size depends on the processor.

        c' = directions*out
        params = directions*(4*width*(x_c + out + 2 + (layers - 1)*(directions*out + out + 2)) + layers*projected)
        params = directions*(4*width*(x_c + out + (layers - 1)*(directions*out + out)) + layers*projected) if not bias
        MACs = t*directions*(4*width*(x_c + out + (layers - 1)*(directions*out + out)) + layers*projected)
        activated = 5*t*layers*directions*width
        elementwise = 8*t*layers*directions*width
    """

    word: ClassVar[str] = "lstm"
    noted: ClassVar[str] = "LSTM"
    name: ClassVar[str] = "LSTM"
    gates: ClassVar[int] = 4
    mapped: ClassVar[int] = 5
    added: ClassVar[int] = 8  # four sums of projections, f*cell + i*g, o*tanh(cell)
    source: ClassVar[str] = _CLASS
    plain_loop: ClassVar[bool] = True  # the saved tensors are those of torch's own loop; oneDNN may replace it
    arity: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)
    elsewhere: ClassVar[tuple[str, ...]] = ("LSTMLayer", "long_short_term_memory")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("lstm 5", "4x3 n t c"),
        Example("lstm 4 layers=2 bidirectional=true dropout=0.5", "3x5 n t c"),
        Example("lstm 6 state=true bias=false", "5x4 n t c"),
        Example("lstm 6 carry=true", "5x4 n t c, 6, 6"),
        Example("lstm 4 projection=3 layers=2 carry=true", "5x4 n t c, 6, 8"),
        Example("lstm 4 bidirectional=true state=true", "5x4 n t c, 8, 8"),
    )

    stricter: ClassVar[Mapping[str, str]] = {**Recurrent.stricter, "projection": "torch writes 0 for none"}

    projection: Size | None = None

    @property
    def widths(self) -> tuple[int, ...]:
        return (self.projection or self.width, self.width)

    def outputs(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        if self.projection is not None and self.projection >= self.width:
            message = f"`projection` of lstm must be below its width, but these are {self.projection} and {self.width}"
            raise Rejected("out-of-range", message, about="projection")
        return super().outputs(*inputs)

    def course(self, *inputs: TensorType, training: bool = True, **_: Any) -> Course | None:
        """Return the calls on torch's default path, oneDNN's; None where torch's own loop runs, or states flow in."""
        if self.projection or self.carry or len(inputs) != 1 or inputs[0].dtype != "float32":
            return None
        return (in_training if training else in_evaluation)(self, laid(inputs[0]))

    def scratch(self, training: bool, *inputs: TensorType) -> Scratch | None:
        """Return that of torch's own loop. What oneDNN takes of given or carried states is unknown."""
        return super().scratch(training, *inputs) if self.projection else None

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch | None:
        return super().scratch_backward(wanted, *inputs) if self.projection else None

    def kept_in_steps(self, n: int, t: int) -> tuple[Saved, ...]:
        gates = Saved("own", shape=(t, n, 4 * self.width), name="gates")
        kept = [gates, replace(gates, shape=(t, n, self.width), name="mapped")]
        if self.projection:
            kept.append(Saved("own", shape=(t, n, self.width), when="weights", name="unprojected"))
        if t > 1:  # what the next step takes
            kept.append(Saved("own", shape=(t - 1, n, self.widths[0]), when="weights", name="states"))
            kept.append(Saved("own", shape=(t - 1, n, self.width), name="cells"))
        return tuple(kept)

    def kept_above(self, n: int, t: int) -> tuple[Saved, ...]:
        """Leave out the state of the last step, which serves the outputs alone: the carried cell does not need it."""
        kept = self.kept_in_steps(n, t)
        if not self.carry:
            return kept
        ending = [one for one in kept if one.name in ("mapped", "unprojected")]
        last = (replace(one, shape=(1, *one.shape[1:]), outputs=(0, 1)) for one in ending)
        before = (replace(one, shape=(t - 1, *one.shape[1:])) for one in ending if t > 1)
        return (*(one for one in kept if one not in ending), *before, *last)

    def backward(self, wanted: Wanted, *inputs: TensorType) -> Work:
        """Leave out the uppermost layer's last o*tanh(cell), and R times it, if the last cell alone gets a gradient."""
        work = super().backward(wanted, *inputs)
        if not wanted.outputs or any(wanted.outputs[:2]) or not wanted.any:
            return work
        values = inputs[0]["n"] * self.directions * self.width
        products = (1 + wanted.weights) * values * self.projection if self.projection else 0
        return work + Work(macs=products, activated=2 * values, elementwise=values) * -1

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        return {**super().symbols(*inputs), "out": self.widths[0], "projected": self.width * (self.projection or 0)}

    def autocast(self, *inputs: TensorType) -> Autocast | None:
        if self.projection is None:
            return super().autocast(*inputs)
        if not self.carry:
            return Autocast("lower", known="result")
        return Autocast("lower", known="result", results=("computed", "computed", "given"))  # the cell is not cast

    def further_options(self) -> tuple[tuple[str, object, object], ...]:
        return (("proj_size", self.projection or 0, 0),)
