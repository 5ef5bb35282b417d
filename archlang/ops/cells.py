"""One step of a recurrent layer: a vector and states in, states out. `reuse` takes the next with the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from archlang.ops import recurrent_scratch
from archlang.ops.base import Autocast, Example, Kind, Module, Operator, Saved, Scratch, Size, Wanted, Weight, Work
from archlang.ops.checks import check_dtype
from archlang.ops.layouts import Laid, Strides, blended, contiguous, laid
from archlang.ops.recurrent_scratch import Loop
from archlang.ops.runs import SEVERAL_CALLS
from archlang.ops.states import Factor, check_state, check_vector
from archlang.ops.stricter import beyond_torch
from archlang.shapes import TensorType

_LSTM = '''
class LSTMCell(nn.LSTMCell):
    """A step from x, the state and the cell, or from x alone, to the new two."""

    def forward(self, x, state=None, cell=None):
        return super().forward(x, None if state is None else (state, cell))
'''


class Cell(Operator):
    """What the cells share: a product of x and one of the state for each gate."""

    family: ClassVar[str] = "recurrent"
    pointwise = True
    runs = replace(SEVERAL_CALLS, autocast=Autocast("given", known="result"))
    name: ClassVar[str]  # torch's
    gates: ClassVar[int]  # products of x, and of the state
    mapped: ClassVar[int]  # nonlinear functions of one value of the state
    added: ClassVar[int]  # additions and multiplications of one value of the state
    states: ClassVar[int] = 1
    positional: ClassVar[Mapping[str, Kind]] = {"width": "number"}
    arity: ClassVar[tuple[int, ...]] = (1, 2)
    stricter: ClassVar[Mapping[str, str]] = beyond_torch(
        "wrong-dtype", "wrong-rank", width="torch returns an empty state"
    )

    width: Size
    bias: bool = True

    def outputs(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, *states = inputs
        check_vector(x, self.word)
        check_dtype(x, self.word, weighted=True)
        for state in states:
            check_state(x, state, self.width, self.word)
        return (x.resized(c=self.width),) * self.states

    def weights(self, *inputs: TensorType) -> tuple[Weight, ...]:
        rows = self.gates * self.width
        found = [Weight("weight_ih", (rows, inputs[0]["c"])), Weight("weight_hh", (rows, self.width))]
        return (*found, *(Weight(f"bias_{kind}", (rows,)) for kind in ("ih", "hh") if self.bias))

    def work(self, *inputs: TensorType) -> Work:
        n, c = inputs[0].shape
        rows = n * self.gates * self.width
        return Work(
            macs=rows * (c + self.width),
            bias_adds=2 * rows if self.bias else 0,
            activated=n * self.mapped * self.width,
            elementwise=n * self.added * self.width,
        )

    def backward(self, wanted: Wanted, *inputs: TensorType) -> Work:
        n, c = inputs[0].shape
        work, rows = self.work(*inputs), n * self.gates * self.width
        to_state = any(wanted.inputs[1:2])
        return Work(
            macs=work.macs * wanted.weights + rows * (c * wanted.inputs[0] + self.width * to_state),
            bias_adds=work.bias_adds * wanted.weights,
            activated=work.activated * wanted.any,
            elementwise=work.elementwise * wanted.any,
        )

    def _loop(self, inputs: tuple[TensorType, ...]) -> Loop:
        x = laid(inputs[0])
        return Loop(2, x.shape[0], x.shape[1], self.width, self.gates)

    def scratch(self, training: bool, *inputs: TensorType) -> Scratch:
        return recurrent_scratch.forward(self._loop(inputs), training=False)  # at most

    def scratch_backward(self, wanted: Wanted, *inputs: TensorType) -> Scratch:
        loop, weights = self._loop(inputs), sum(one.count for one in self.weights(*inputs))
        return recurrent_scratch.backward(loop, wanted, self.saved(*inputs) or (), weights)

    def symbols(self, *inputs: TensorType) -> Mapping[str, int]:
        return {"x_c": inputs[0]["c"]}

    def torch(self, *inputs: TensorType) -> Module:
        args = (("input_size", inputs[0]["c"]), ("hidden_size", self.width))
        return Module(f"torch.nn.{self.name}", args, (("bias", self.bias, True),))


def _multiplied_states(inputs: tuple[TensorType, ...], width: int) -> Saved:
    """Return the state, or the zeros that replace it, which is saved for the weight that multiplies it."""
    x, *states = inputs
    if states:
        return Saved("input", 1, when="weights")
    return Saved("own", shape=(x["n"], width), when="weights", name="zeros")


class RnnCell(Cell):
    """One step of `rnn`: the state becomes tanh(W·x + U·state + b) (Elman 1990). x and the state are n c.

    Without a second input the state is 0. As in torch there are two biases. MACs: W·x and U·state, including U·0.

        c' = width
        params = width*(x_c + width + 2)
        params = width*(x_c + width) if not bias
        MACs = width*(x_c + width)
        activated = width
        elementwise = width
    """

    runs = replace(SEVERAL_CALLS, autocast=Autocast("lower", known="result"))
    word: ClassVar[str] = "rnn_cell"
    noted: ClassVar[str] = "RNN cell"
    name: ClassVar[str] = "RNNCell"
    gates: ClassVar[int] = 1
    mapped: ClassVar[int] = 1
    added: ClassVar[int] = 1
    elsewhere: ClassVar[tuple[str, ...]] = ("RNNCell", "SimpleRNNCell")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("rnn_cell 5", "3"),
        Example("rnn_cell 4 nonlinearity=relu", "3, 4"),
        Example("rnn_cell 6 bias=false", "5, 6"),
    )

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        return (Saved("input", when="weights"), _multiplied_states(inputs, self.width), Saved("output"))

    def torch(self, *inputs: TensorType) -> Module:
        module = super().torch(*inputs)
        option = ("nonlinearity", self.nonlinearity, "tanh")
        return Module(module.target, module.args, (*module.options, option))


class GruCell(Cell):
    """One step of `gru` (Cho et al. 2014, arXiv:1406.1078): the state becomes new + z*(state - new). All are n c.

    r, z = sigmoid(W·x + U·state + b); new = tanh(W·x + b + r*(U·state + b)). Without a second input the state is 0.
    MACs: W·x and U·state, including U·0.

        c' = width
        params = 3*width*(x_c + width + 2)
        params = 3*width*(x_c + width) if not bias
        MACs = 3*width*(x_c + width)
        activated = 3*width
        elementwise = 7*width
    """

    word: ClassVar[str] = "gru_cell"
    noted: ClassVar[str] = "GRU cell"
    name: ClassVar[str] = "GRUCell"
    gates: ClassVar[int] = 3
    mapped: ClassVar[int] = 3
    added: ClassVar[int] = 7  # three sums of products, r times one of them, and new + z*(state - new)
    elsewhere: ClassVar[tuple[str, ...]] = ("GRUCell",)
    examples: ClassVar[tuple[Example, ...]] = (
        Example("gru_cell 5", "3"),
        Example("gru_cell 6 bias=false", "5, 6"),
    )

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        # the products of the state, of which r's and z's are not needed; r, z, new
        n = inputs[0]["n"]
        projected = Saved("own", shape=(n, 3 * self.width), name="projected")
        gates = Saved("own", shape=(3, n, self.width), name="gates")
        return (Saved("input", when="weights"), _multiplied_states(inputs, self.width), projected, gates)

    def strides(self, *inputs: TensorType) -> tuple[Strides]:
        (y,) = self.outputs(*map(laid, inputs))
        new = Laid(y.shape, y.axes, y.dtype, contiguous(y.shape))
        return (blended(y.shape, laid(inputs[1]), new) if len(inputs) > 1 else new.strides,)


class LstmCell(Cell):
    """One step of `lstm` (Hochreiter and Schmidhuber 1997): x, h and cell give the next h and cell. All are n c.

    i, f, o = sigmoid(W·x + U·h + b); g = tanh(W·x + U·h + b); cell = f*cell + i*g; h = o*tanh(cell). Without further
    inputs h and cell are 0. MACs: W·x and U·h, including U·0.

        c' = width
        params = 4*width*(x_c + width + 2)
        params = 4*width*(x_c + width) if not bias
        MACs = 4*width*(x_c + width)
        activated = 5*width
        elementwise = 8*width
    """

    word: ClassVar[str] = "lstm_cell"
    noted: ClassVar[str] = "LSTM cell"
    name: ClassVar[str] = "LSTMCell"
    gates: ClassVar[int] = 4
    mapped: ClassVar[int] = 5
    added: ClassVar[int] = 8  # four sums of products, f*cell + i*g, o*tanh(cell)
    states: ClassVar[int] = 2
    arity: ClassVar[tuple[int, ...]] = (1, 3)
    elsewhere: ClassVar[tuple[str, ...]] = ("LSTMCell", "BasicLSTMCell")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("lstm_cell 5", "3"),
        Example("lstm_cell 6 bias=false", "5, 6, 6"),
    )

    def saved(self, *inputs: TensorType) -> tuple[Saved, ...]:
        n = inputs[0]["n"]
        gates = Saved("own", shape=(n, 4 * self.width), name="gates")
        mapped = Saved("own", shape=(n, self.width), name="mapped", outputs=(0,))  # h = o*mapped; the cell needs none
        if len(inputs) > 1:
            begin: tuple[Saved, ...] = (_multiplied_states(inputs, self.width), Factor("input", 2))
        else:  # torch uses the same zeros for both
            begin = (Saved("own", shape=(n, self.width), name="zeros"),)
        return (Saved("input", when="weights"), *begin, gates, mapped)

    def backward(self, wanted: Wanted, *inputs: TensorType) -> Work:
        """Return the arithmetic. If only the cell gets a gradient, h = o*tanh(cell) costs none."""
        work, values = super().backward(wanted, *inputs), inputs[0]["n"] * self.width
        if not wanted.outputs or wanted.outputs[0] or not wanted.any:
            return work
        return work + Work(activated=2 * values, elementwise=values) * -1

    def torch(self, *inputs: TensorType) -> Module:
        module = super().torch(*inputs)
        return Module("LSTMCell", module.args, module.options, _LSTM)
