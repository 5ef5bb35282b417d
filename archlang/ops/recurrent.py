"""Recurrent layers over n t c: one step after the other, a state handed on."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from archlang.ops.base import Autocast, Example, Saved
from archlang.ops.recurrence import Recurrent
from archlang.ops.runs import SEVERAL_CALLS


class Rnn(Recurrent):
    """A recurrent layer over n t c: each step computes a new state, tanh(W·x + U·state + b) (Elman 1990).

    The result is the states of all steps, n t directions*width. With `state=true` it is the last state of the uppermost
    layer, n c; that of the backward direction is at the first position. The first state is 0, or the second input. With
    `carry=true` the last state is a second result. Both are n c, with all layers and directions side by side, so that
    one call can continue another. `dropout` is applied in training, between layers. As in torch there are two biases.
    Lengths may follow x, as for `lstm`. MACs: W·x and U·state in each step, U·0 in the first one too.

        c' = directions*width
        params = directions*width*(x_c + width + 2 + (layers - 1)*(directions*width + width + 2))
        params = directions*width*(x_c + width + (layers - 1)*(directions*width + width)) if not bias
        MACs = t*directions*width*(x_c + width + (layers - 1)*(directions*width + width))
        activated = t*layers*directions*width
        elementwise = t*layers*directions*width
    """

    runs = replace(SEVERAL_CALLS, autocast=Autocast("lower", known="result"))
    word: ClassVar[str] = "rnn"
    noted: ClassVar[str] = "RNN"
    name: ClassVar[str] = "RNN"
    gates: ClassVar[int] = 1
    mapped: ClassVar[int] = 1
    added: ClassVar[int] = 1  # W·x + U·state
    elsewhere: ClassVar[tuple[str, ...]] = ("SimpleRNN", "ElmanRNN", "simple_rnn")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("rnn 5", "4x3 n t c"),
        Example("rnn 4 layers=2 bidirectional=true dropout=0.5", "3x5 n t c"),
        Example("rnn 6 state=true bias=false nonlinearity=relu", "5x4 n t c"),
        Example("rnn 6 carry=true", "5x4 n t c, 6"),
        Example("rnn 3 layers=2 carry=true", "5x4 n t c, 6"),
    )

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def kept_in_steps(self, n: int, t: int) -> tuple[Saved, ...]:
        return (Saved("own", shape=(t, n, self.width), name="states"),)

    def further_options(self) -> tuple[tuple[str, object, object], ...]:
        return (("nonlinearity", self.nonlinearity, "tanh"),)


class Gru(Recurrent):
    """Gated recurrent units (Cho et al. 2014, arXiv:1406.1078), of n t c: a gate z between the state and a new one.

    r, z = sigmoid(W·x + U·state + b); new = tanh(W·x + b + r*(U·state + b)); state = new + z*(state - new), which is
    torch's form: r scales the product with the state, whereas the paper scales the state. The result is the states of
    all steps, n t directions*width. With `state=true` it is the last state of the uppermost layer, n c; that of the
    backward direction is at the first position. The first state is 0, or the second input. With `carry=true` the last
    state is a second result. Both are n c, with all layers and directions side by side. `dropout` is applied in
    training, between layers. Lengths may follow x, as for `lstm`. MACs: W·x and U·state in each step, U·0 in the first.

        c' = directions*width
        params = directions*3*width*(x_c + width + 2 + (layers - 1)*(directions*width + width + 2))
        params = directions*3*width*(x_c + width + (layers - 1)*(directions*width + width)) if not bias
        MACs = t*directions*3*width*(x_c + width + (layers - 1)*(directions*width + width))
        activated = 3*t*layers*directions*width
        elementwise = 7*t*layers*directions*width
    """

    word: ClassVar[str] = "gru"
    noted: ClassVar[str] = "GRU"
    name: ClassVar[str] = "GRU"
    gates: ClassVar[int] = 3
    mapped: ClassVar[int] = 3
    added: ClassVar[int] = 7  # three sums of projections, r times one of them, and new + z*(state - new)
    elsewhere: ClassVar[tuple[str, ...]] = ("gated_recurrent_unit", "GRULayer")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("gru 5", "4x3 n t c"),
        Example("gru 4 layers=2 bidirectional=true dropout=0.5", "3x5 n t c"),
        Example("gru 6 state=true bias=false", "5x4 n t c"),
        Example("gru 6 carry=true", "5x4 n t c, 6"),
        Example("gru 3 bidirectional=true", "5x4 n t c, 6"),
    )

    def kept_in_steps(self, n: int, t: int) -> tuple[Saved, ...]:
        # the projected state, of which r's and z's thirds are not needed; r, z and new; the states but the first
        gates = Saved("own", shape=(3, t, n, self.width), name="gates")
        projected = Saved("own", shape=(t, n, 3 * self.width), name="projected")
        states = Saved("own", shape=(t - 1, n, self.width), when="weights", name="states")
        return (projected, gates, *((states,) if t > 1 else ()))
