"""Recurrent layers over n t c: one step after the other, a state handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from archlang.diagnostics import Rejected
from archlang.ops.base import (
    Example,
    Kind,
    Module,
    Operator,
    Reach,
    Saved,
    Size,
    Slide,
    Wanted,
    Weight,
    Work,
    seeing_all,
)
from archlang.ops.checks import check_dtype
from archlang.ops.group_normalization import check_channels_last
from archlang.ops.layouts import Strides, contiguous, laid, viewed
from archlang.shapes import TensorType

_CLASS = '''
class {name}Layer(nn.{name}):
    """Over n t c: the states of all steps, or with `state` the last ones alone."""

    def __init__(self, input_size, hidden_size, state=False, **options):
        super().__init__(input_size, hidden_size, batch_first=True, **options)
        self.state = state

    def forward(self, x):
        states, last = super().forward(x)
        if not self.state:
            return states
        return torch.cat(tuple(last[-2:] if self.bidirectional else last[-1:]), 1)
'''


class _Recurrent(Operator):
    """What the two share: layers one above the other, each in one direction or in both, all of the same width."""

    name: ClassVar[str]  # torch's
    gates: ClassVar[int]  # projections of the input, and of the state, in each step
    added: ClassVar[int]  # additions and multiplications of one value of the state in each step
    positional: ClassVar[Mapping[str, Kind]] = {"width": "number"}

    width: Size
    layers: Size = 1
    bidirectional: bool = False
    bias: bool = True
    state: bool = False

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    def outputs(self, x: TensorType) -> tuple[TensorType]:
        check_channels_last(x, self.word)
        if len(x.axes) != 3 or x.axes[0] != "n":
            message = f"{self.word} takes axes n t c, and its input {x} has {x.names}"
            raise Rejected("wrong-rank", message, about="input")
        check_dtype(x, self.word, weighted=True)
        n, t, _ = x.shape
        channels = self.directions * self.width
        if self.state:
            return (TensorType((n, channels), ("n", "c"), x.dtype),)
        return (TensorType((n, t, channels), x.axes, x.dtype),)

    def weights(self, x: TensorType) -> tuple[Weight, ...]:
        rows = self.gates * self.width
        found: list[Weight] = []
        for layer in range(self.layers):
            channels = self.directions * self.width if layer else x["c"]
            for end in ("", "_reverse")[: self.directions]:
                found.append(Weight(f"weight_ih_l{layer}{end}", (rows, channels)))
                found.append(Weight(f"weight_hh_l{layer}{end}", (rows, self.width)))
                if self.bias:
                    found += [Weight(f"bias_{kind}_l{layer}{end}", (rows,)) for kind in ("ih", "hh")]
        return tuple(found)

    def _steps(self, x: TensorType) -> int:
        """Steps of all directions of one layer, for one image."""
        return x.values // x["c"] * self.directions

    def _macs(self, x: TensorType) -> tuple[int, int, int]:
        """Of the input's projection, of those between layers, and of those of the state in one step of each layer."""
        each = self.gates * self.width
        first = self._steps(x) * each * x["c"]
        between = self._steps(x) * each * self.directions * self.width * (self.layers - 1)
        return first, between, x["n"] * self.directions * each * self.width * self.layers

    def work(self, x: TensorType) -> Work:
        first, between, step = self._macs(x)
        values = self._steps(x) * self.layers * self.width
        return Work(
            macs=first + between + step * x.shape[1],
            bias_adds=2 * self.gates * values if self.bias else 0,
            activated=self.gates * values,
            elementwise=self.added * values,
        )

    def backward(self, wanted: Wanted, x: TensorType) -> Work:
        """The gradient flows back through all states but the first, which is 0, and through the layers above."""
        first, between, step = self._macs(x)
        work = self.work(x)
        passed = (between + step * (x.shape[1] - 1)) * wanted.any
        return Work(
            macs=work.macs * wanted.weights + first * any(wanted.inputs) + passed,
            bias_adds=work.bias_adds * wanted.weights,
            activated=work.activated * wanted.any,
            elementwise=work.elementwise * wanted.any,
        )

    def _kept_in_steps(self, n: int, t: int) -> tuple[Saved, ...]:
        """What one direction of one layer keeps of its steps."""
        raise TypeError(f"{type(self).__name__} does not say what it keeps")

    def saved(self, x: TensorType) -> tuple[Saved, ...]:
        # torch projects t n c at once: the input itself where it lies so, else a copy for each direction
        n, t, c = x.shape
        known = laid(x)
        turned = (known.strides[1], known.strides[0], known.strides[2])
        shape = (known.shape[1], known.shape[0], c)
        if viewed(shape, turned, (shape[0] * shape[1], c)) is None:
            copy = Saved("own", shape=x.shape, dtype=x.dtype, when="weights", name="copy")
            inputs = (copy,) * self.directions
        else:
            inputs = (Saved("input", when="weights"),)
        first = Saved("own", shape=(self.layers * self.directions, n, self.width), when="weights", name="zeros")
        layer = Saved("own", shape=(t, n, self.directions * self.width), when="weights", name="layer")
        steps = self._kept_in_steps(n, t) * (self.layers * self.directions)
        return (*inputs, first, *((layer,) * (self.layers - 1)), *steps)

    def strides(self, x: TensorType) -> tuple[Strides]:
        shape = self.outputs(laid(x))[0].shape
        if self.state:
            return (contiguous(shape),)
        n, _, c = shape
        return ((c, n * c, 1),)  # torch computes t n c

    def reach(self, x: TensorType) -> Reach:
        if self.state or self.bidirectional:
            return Reach(seeing_all(x))
        return Reach({x.axes[1]: Slide(x.shape[1], 1, x.shape[1] - 1)})

    def symbols(self, x: TensorType) -> Mapping[str, int]:
        return {"directions": self.directions}

    def torch(self, x: TensorType) -> Module:
        args = (("input_size", x["c"]), ("hidden_size", self.width))
        options = (
            ("num_layers", self.layers, 1),
            ("bidirectional", self.bidirectional, False),
            ("bias", self.bias, True),
            ("state", self.state, False),
        )
        return Module(f"{self.name}Layer", args, options, _CLASS.replace("{name}", self.name))


class Rnn(_Recurrent):
    """A state that each step makes anew: tanh(W·x + U·state + b) (Elman 1990), of n t c.

    It gives the states of all steps, n t directions*width, or with `state=true` the last ones of the uppermost layer,
    n c: that of the first position for the direction that runs backwards. The first state is 0. As in torch there are
    two biases. MACs: W·x and U·state in each step, U·0 in the first one too.

        c' = directions*width
        params = directions*width*(c + width + 2 + (layers - 1)*(directions*width + width + 2))
        params = directions*width*(c + width + (layers - 1)*(directions*width + width)) if not bias
        MACs = t*directions*width*(c + width + (layers - 1)*(directions*width + width))
        activated = t*layers*directions*width
        elementwise = t*layers*directions*width
    """

    word: ClassVar[str] = "rnn"
    name: ClassVar[str] = "RNN"
    gates: ClassVar[int] = 1
    added: ClassVar[int] = 1  # W·x + U·state
    elsewhere: ClassVar[tuple[str, ...]] = ("SimpleRNN", "ElmanRNN", "simple_rnn")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("rnn 5", "4x3 n t c"),
        Example("rnn 4 layers=2 bidirectional=true", "3x5 n t c"),
        Example("rnn 6 state=true bias=false nonlinearity=relu", "5x4 n t c"),
    )

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def _kept_in_steps(self, n: int, t: int) -> tuple[Saved, ...]:
        return (Saved("own", shape=(t, n, self.width), name="states"),)

    def torch(self, x: TensorType) -> Module:
        module = super().torch(x)
        return Module(
            module.target,
            module.args,
            (*module.options, ("nonlinearity", self.nonlinearity, "tanh")),
            module.source,
        )


class Gru(_Recurrent):
    """Gated recurrent units (Cho et al. 2014, arXiv:1406.1078), of n t c: a gate z between the state and a new one.

    r, z = sigmoid(W·x + U·state + b); new = tanh(W·x + b + r*(U·state + b)); state = new + z*(state - new), which is
    torch's form: r scales the product with the state, and the paper scales the state. It gives the states of all steps,
    n t directions*width, or with `state=true` the last ones of the uppermost layer, n c: that of the first position for
    the direction that runs backwards. The first state is 0. MACs: W·x and U·state in each step, U·0 in the first one
    too.

        c' = directions*width
        params = directions*3*width*(c + width + 2 + (layers - 1)*(directions*width + width + 2))
        params = directions*3*width*(c + width + (layers - 1)*(directions*width + width)) if not bias
        MACs = t*directions*3*width*(c + width + (layers - 1)*(directions*width + width))
        activated = 3*t*layers*directions*width
        elementwise = 7*t*layers*directions*width
    """

    word: ClassVar[str] = "gru"
    name: ClassVar[str] = "GRU"
    gates: ClassVar[int] = 3
    added: ClassVar[int] = 7  # three sums of projections, r times one of them, and new + z*(state - new)
    elsewhere: ClassVar[tuple[str, ...]] = ("gated_recurrent_unit", "GRULayer")
    examples: ClassVar[tuple[Example, ...]] = (
        Example("gru 5", "4x3 n t c"),
        Example("gru 4 layers=2 bidirectional=true", "3x5 n t c"),
        Example("gru 6 state=true bias=false", "5x4 n t c"),
    )

    def _kept_in_steps(self, n: int, t: int) -> tuple[Saved, ...]:
        # the projected state, of which r's and z's thirds are not needed; r, z and new; the states but the first
        gates = Saved("own", shape=(3, t, n, self.width), name="gates")
        projected = Saved("own", shape=(t, n, 3 * self.width), name="projected")
        states = Saved("own", shape=(t - 1, n, self.width), when="weights", name="states")
        return (projected, gates, *((states,) if t > 1 else ()))
