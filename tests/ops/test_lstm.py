"""LSTM, its cell, those of gru and rnn, and the states that recurrent layers take and give."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from archlang.compiler import Net
from archlang.facts.passes import passes
from archlang.facts.receptive import receptive_fields
from archlang.laws.calling import called, own_loops
from archlang.laws.cases import read, rejection
from archlang.ops.lstm import Lstm
from archlang.ops.recurrent import Gru
from archlang.shapes import TensorType
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of

SENTENCE = TensorType((1, 4, 3), ("n", "t", "c"))
STEPS = [
    f"lstm 5{layers}{both}{more}"
    for layers, both, more in product(
        ("", " layers=3"), ("", " bidirectional=true"), ("", " bias=false", " projection=2")
    )
]


class Loop:
    """The formulas, one product of a matrix and a vector after the other, which it counts."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.state, self.macs = state, 0

    def times(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight = self.state[f"weight_{name}"]
        self.macs += weight.numel()
        bias = self.state.get(f"bias_{name}")
        return weight @ x if bias is None else weight @ x + bias

    def next(self, x: torch.Tensor, h: torch.Tensor, cell: torch.Tensor, end: str) -> tuple[torch.Tensor, torch.Tensor]:
        i, f, g, o = (self.times(f"ih_{end}", x) + self.times(f"hh_{end}", h)).chunk(4)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        h = o.sigmoid() * cell.tanh()
        return (self.times(f"hr_{end}", h) if f"weight_hr_{end}" in self.state else h), cell

    def run(
        self, steps: list[torch.Tensor], first: list[torch.Tensor], cells: list[torch.Tensor]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
        """Return the states of all steps of the uppermost layer, and the last states and cells of all layers."""
        both = any(key.endswith("reverse") for key in self.state)
        for layer in range(len(first) // (1 + both)):
            found: list[list[torch.Tensor]] = []
            for reverse in (False, True)[: 1 + both]:
                row, states = layer * (1 + both) + reverse, list[torch.Tensor]()
                for x in reversed(steps) if reverse else steps:
                    h, cell = self.next(x, first[row], cells[row], f"l{layer}" + "_reverse" * reverse)
                    first[row], cells[row] = h, cell
                    states.append(h)
                found.append(states[::-1] if reverse else states)
            steps = [torch.cat(each) for each in zip(*found, strict=True)]
        return steps, first, cells


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("given", [True, False])
def test_an_lstm_is_the_loop(step: str, given: bool) -> None:
    rows = (3 if "layers" in step else 1) * (2 if "both" in step or "bidirectional" in step else 1)
    out = 2 if "projection" in step else 5
    inputs = ("4x3 n t c", f"{rows * out}", f"{rows * 5}") if given else ("4x3 n t c",)
    case, ending = read(f"{step} carry=true", *inputs), called(read(f"{step} state=true", *inputs))
    module = called(case)
    assert isinstance(module, nn.Module) and isinstance(ending, nn.Module)
    ending.load_state_dict(module.state_dict(), strict=True)
    x, first, cells = torch.randn(2, 4, 3), torch.randn(2, rows * out), torch.randn(2, rows * 5)
    if not given:
        first, cells = torch.zeros_like(first), torch.zeros_like(cells)
    flowing = (x, first, cells) if given else (x,)
    y, h, c = module(*flowing)
    end = ending(*flowing)
    for image in range(2):
        loop = Loop({key: value.detach() for key, value in module.state_dict().items()})
        begun = list(first[image].split(out)), list(cells[image].split(5))
        states, last, held = loop.run(list(x[image]), *begun)
        assert torch.allclose(y[image], torch.stack(states), atol=1e-6)
        assert torch.allclose(h[image], torch.cat(last), atol=1e-6)
        assert torch.allclose(c[image], torch.cat(held), atol=1e-6)
        uppermost = last[-2:] if "bidirectional" in step else last[-1:]
        assert torch.allclose(end[image], torch.cat(uppermost), atol=1e-6)
        assert case.op.work(*case.types).macs == loop.macs


class Visited(TorchDispatchMode):
    """Counts the values whose nonlinear function a backward pass visits."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in (torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward):
            self.values += result.numel()
        return result


LAYERS = [
    f"lstm 6 carry=true{layers}{both}{projection}"
    for layers, both, projection in product(
        ("", " layers=2"), ("", " bidirectional=true"), ("", " projection=4", " projection=4 state=true")
    )
]


@pytest.mark.parametrize(("step", "results"), [*((step, "y, h, c") for step in LAYERS), ("lstm_cell 6", "h, c")])
@pytest.mark.parametrize("frozen", [False, True])
def test_if_only_the_cell_is_used_the_last_state_has_no_backward_pass(step: str, results: str, frozen: bool) -> None:
    names = results.split(", ")
    for used in [*names, results]:
        shape, before = ("[5]", "") if "_cell" in step else ("2x5", 'permute "n t c" -> ')
        freeze = "freeze r" if frozen else ""
        steps = f"{before}linear 5 -> r: {step} -> ({results}): it"
        graph = graph_of(f"net n {{\n input x: {shape}\n {steps}\n output {used}\n {freeze}\n}}")
        module = Net(graph).module(seed=0)
        with own_loops(graph), FlopCounterMode(display=False) as macs, Visited() as visited:
            given = module(torch.randn(3, *graph.root.types[0].shape[1:]))
            before_it = macs.get_total_flops()
            torch.stack([y.sum() for y in (given if isinstance(given, tuple) else [given])]).sum().backward()
        told = passes(graph, 3, training=True).backward
        assert (2 * told.macs, told.activated) == (macs.get_total_flops() - before_it, visited.values), used


KINDS: dict[str, Callable[..., nn.Module]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@pytest.mark.parametrize("word", KINDS)
def test_layers_that_are_given_states_are_torchs(word: str) -> None:
    count = 2 if word == "lstm" else 1
    theirs = KINDS[word](3, 5, num_layers=2, bidirectional=True, batch_first=True, dropout=0.5)
    case = read(f"{word} 5 layers=2 bidirectional=true dropout=0.5 carry=true", "4x3 n t c", *("20",) * count)
    ours = called(case)
    assert isinstance(ours, nn.Module)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x, states = torch.randn(2, 4, 3), [torch.randn(4, 2, 5) for _ in range(count)]
    for training in (True, False):
        torch.manual_seed(0)
        y, last = theirs.train(training)(x, tuple(states) if count == 2 else states[0])
        torch.manual_seed(0)
        given = ours.train(training)(x, *(state.transpose(0, 1).flatten(1) for state in states))
        wanted = [y, *(end.transpose(0, 1).flatten(1) for end in (last if count == 2 else (last,)))]
        # in training oneDNN and torch's loop draw the same numbers, and round differently
        assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(given, wanted, strict=True))


CELLS: dict[str, Callable[..., nn.Module]] = {"rnn_cell": nn.RNNCell, "gru_cell": nn.GRUCell, "lstm_cell": nn.LSTMCell}


@pytest.mark.parametrize("word", CELLS)
def test_cells_are_torchs_and_the_layers(word: str) -> None:
    """Step after step, a cell returns what the layer with the same weights returns."""
    count = 2 if word == "lstm_cell" else 1
    cell, layer = called(read(f"{word} 5", "3")), called(read(f"{word.removesuffix('_cell')} 5", "4x3 n t c"))
    theirs = CELLS[word](3, 5)
    assert isinstance(cell, nn.Module) and isinstance(layer, nn.Module)
    cell.load_state_dict(theirs.state_dict(), strict=True)
    layer.load_state_dict({f"{key}_l0": value for key, value in theirs.state_dict().items()}, strict=True)
    x = torch.randn(2, 4, 3)
    states: tuple[torch.Tensor, ...] = ()
    for at, y in enumerate(layer(x).unbind(1)):
        wanted = theirs(x[:, at], *((states,) if count == 2 and states else states))
        given = cell(x[:, at], *states)
        states = given if count == 2 else (given,)
        assert all(map(torch.equal, states, wanted if count == 2 else (wanted,)))
        assert torch.allclose(states[0], y, atol=1e-6)


def test_torchs_counter_sees_no_lstm_of_onednn() -> None:
    """The case against it: 0 on CPU, and the formula's on the meta device, where there is no oneDNN."""
    case = read("lstm 5 layers=2", "4x3 n t c")
    told = 4 * 4 * 5 * (3 + 5 + 5 + 5)
    assert case.op.work(*case.types).macs == told
    for device, wanted in (("cpu", 0), ("meta", told)):
        module = nn.LSTM(3, 5, num_layers=2, batch_first=True, device=device)
        with FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, 4, 3, device=device))
        assert counter.get_total_flops() == 2 * wanted


def test_arguments_that_they_do_not_take_are_reported() -> None:
    said = rejection(Lstm(width=5, projection=5), SENTENCE)
    assert (said.code, said.about) == ("out-of-range", "projection")
    assert said.message == "`projection` of lstm must be below its width, but these are 5 and 5"
    said = rejection(Gru(width=5, dropout=0.5), SENTENCE)
    assert (said.code, said.about) == ("out-of-range", "dropout")
    assert said.message == "dropout=0.5 is between layers, but gru has one"
    state = TensorType((1, 5), ("n", "c"))
    said = rejection(Gru(width=5, layers=2), SENTENCE, state)
    assert (said.code, said.message) == ("unequal-sizes", "gru takes a state of 10 channels here, but this one has 5")
    said = rejection(Gru(width=5), TensorType((2, 4, 3), ("n", "t", "c")), state)
    assert said.message == "gru takes a state for each of 2 along the batch, but there are 1"
    assert rejection(Gru(width=5), SENTENCE, SENTENCE).code == "wrong-rank"


TRANSLATION = """\
net translation(width=6, layers=2) {
  input source: [5, 7]
  input target: [4, 3]
  (source) -> permute "n t c" -> encoder: KIND width layers=layers carry=true -> (read, STATES): it
  (target) -> permute "n t c" -> words: it
  (words, STATES) -> decoder: KIND width layers=layers -> written: it
  (read) -> select 6 -> seen: it
  (written) -> select 2 -> (it, seen) -> add -> linear 9
  output
}
"""
UNROLLED = """\
net unrolled(width=6) {
  input sequence: [5, 4]
  (sequence) -> select 0 axis=2 -> cell: CELL width
  (sequence) -> select 1 axis=2 -> (it, cell) -> reuse cell -> kept: it
  (sequence) -> select 2 axis=2 -> (it, kept) -> reuse cell
  END
  output
}
"""


@pytest.mark.parametrize(("kind", "states"), [("rnn", "h"), ("gru", "h"), ("lstm", "h, c")])
def test_nets_hand_states_on(kind: str, states: str) -> None:
    graph = graph_of(TRANSLATION.replace("KIND", kind).replace("STATES", states))
    assert_exact(graph)
    module = Net(graph).module(seed=0)
    module(torch.randn(2, 5, 7), torch.randn(2, 4, 3)).sum().backward()
    assert [name for name, value in module.named_parameters() if value.grad is None] == []
    text = UNROLLED.replace("CELL", f"{kind}_cell")
    graph = graph_of(text.replace("END", "add" if kind == "lstm" else "relu"))
    assert_exact(graph)
    assert len([name for name in Net(graph).module().state_dict() if "weight" in name]) == 2


def test_a_step_sees_those_before_it_and_the_last_state_all() -> None:
    graph = graph_of(
        'net n {\n input x: [3, 6]\n permute "n t c" -> lstm 4 carry=true -> (a, b, c): it\n output a, b, c\n}'
    )
    fields = list(receptive_fields(graph).values())
    steps, h, c = (each.axes["t"] for each in fields[-3:])
    assert steps is not None and (steps.size, steps.stride, steps.pad) == (6, 1, 5)
    assert h is not None and h.whole and c is not None and c.whole
