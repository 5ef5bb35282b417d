"""Further operators against their formulas, written out number by number, and inside whole nets."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from itertools import product

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archlang.compiler import Net
from archlang.facts.saved import saved
from archlang.laws.calling import called
from archlang.laws.cases import Case, read, rejection
from archlang.ops.base import Operator
from archlang.ops.competing import Glu, Maxout
from archlang.ops.frozen_normalization import FrozenBatchNorm
from archlang.ops.rectifiers import Hardtanh, RandomRelu
from archlang.shapes import TensorType, input_type
from tests.facts.test_saved import assert_exact
from tests.specs import graph_of, net_of

POINTS = (-3.0, -1.0, -0.5, -0.25, -0.0, 0.0, 0.1, 0.25, 0.5, 0.75, 2.0, 21.0)


def expit(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# ---- functions, value by value -------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "hardshrink": lambda x: x if abs(x) > 0.5 else 0,
    "hardshrink 0.25": lambda x: x if abs(x) > 0.25 else 0,
    "softshrink 0.25": lambda x: math.copysign(max(abs(x) - 0.25, 0), x),
    "tanhshrink": lambda x: x - math.tanh(x),
    "celu alpha=0.5": lambda x: x if x > 0 else 0.5 * (math.exp(x / 0.5) - 1),
    "mish": lambda x: x * math.tanh(math.log(1 + math.exp(x))),
    "hardtanh": lambda x: min(max(-1, x), 1),
    "hardtanh low=-0.5 high=0.75": lambda x: min(max(-0.5, x), 0.75),
    "threshold 0.1 value=-7.0": lambda x: x if x > 0.1 else -7,
    "step": lambda x: 1 if x >= 0 else 0,
    "softsign": lambda x: x / (1 + abs(x)),
    "logsigmoid": lambda x: math.log(expit(x)),
    "scaled_tanh": lambda x: 1.7159 * math.tanh(2 / 3 * x),
    "lppool [1]": abs,
}


@pytest.mark.parametrize("step, function", FUNCTIONS.items(), ids=FUNCTIONS)
def test_functions(step: str, function: Callable[[float], float]) -> None:
    x = torch.tensor([[POINTS]], dtype=torch.float64)
    given = called(read(step, f"1x{len(POINTS)}"))(x).flatten().tolist()
    assert given == pytest.approx([function(point) for point in POINTS], rel=1e-9, abs=1e-12)


def test_a_random_slope_is_drawn_in_training_and_is_the_middle_in_evaluation() -> None:
    module = called(Case(RandomRelu(low=0.25, high=0.75), (input_type((1000,)),)))
    assert isinstance(module, nn.Module)
    negative = -torch.ones(1, 1000)
    drawn = -module(negative)
    assert drawn.min() >= 0.25 and drawn.max() < 0.75 and drawn.unique().numel() > 900
    assert abs(drawn.mean() - 0.5) < 0.05
    assert torch.equal(module.eval()(negative), 0.5 * negative)
    assert torch.equal(module.train()(-negative), -negative)


def test_a_step_has_a_gradient_of_zero() -> None:
    x = torch.tensor([POINTS], requires_grad=True)
    called(read("step", "12"))(x).sum().backward()
    assert x.grad is not None and not x.grad.any()


def test_bounds_that_cross_are_reported() -> None:
    x = input_type((3,))
    said = rejection(Hardtanh(low=1.0, high=1.0), x)
    assert (said.code, said.about) == ("out-of-range", "low")
    assert said.message == "`low` of hardtanh must be below `high`, but these are 1.0 and 1.0"
    said = rejection(RandomRelu(low=0.5, high=0.25), x)
    assert said.message == "`low` of rrelu must be at most `high`, but these are 0.5 and 0.25"
    said = rejection(Glu(axis=-1), x)
    assert said.message == "3 along c (the channels) does not divide into 2 equal parts"
    assert rejection(Maxout(parts=2), TensorType((1, 4), ("n", "t"))).code == "wrong-rank"


# ---- several values at once ----------------------------------------------------------------------------------------


def test_a_gate() -> None:
    x = torch.randn(2, 6, 3)
    assert torch.allclose(called(read("glu", "6x3"))(x), x[:, :3] * torch.sigmoid(x[:, 3:]))
    y = torch.randn(2, 3, 4)
    assert torch.allclose(called(read("glu axis=-1", "3x4"))(y), y[..., :2] * torch.sigmoid(y[..., 2:]))


def test_shares_of_the_smallest() -> None:
    x = torch.randn(2, 5)
    assert torch.allclose(called(read("softmin", "5"))(x), torch.exp(-x) / torch.exp(-x).sum(1, keepdim=True))


def test_the_largest_of_each_run_of_channels() -> None:
    x = torch.randn(2, 6, 4, requires_grad=True)
    y = called(read("maxout 3", "6x4"))(x)
    for n, c, t in product(range(2), range(2), range(4)):
        assert y[n, c, t] == max(x[n, 3 * c + part, t] for part in range(3))
    y.sum().backward()
    assert x.grad is not None and x.grad.sum() == y.numel() and set(x.grad.unique().tolist()) == {0, 1}


def windows(size: int, wanted: int) -> list[tuple[int, int]]:
    return [(math.floor(i * size / wanted), math.ceil((i + 1) * size / wanted)) for i in range(wanted)]


def test_the_largest_under_windows_of_a_wanted_size() -> None:
    x = torch.randn(2, 3, 7, 5)
    for step, (h, w) in {"adaptive_maxpool 3x2": (3, 2), "globalmaxpool": (1, 1)}.items():
        case = read(step, "3x7x5")
        y = called(case)(x)
        compared = 0
        for (i, rows), (j, columns) in product(enumerate(windows(7, h)), enumerate(windows(5, w))):
            under = x[:, :, slice(*rows), slice(*columns)]
            assert torch.equal(y[:, :, i, j], under.amax((2, 3)))
            compared += under[0].numel() - 3
        assert case.op.work(*case.types).comparisons == compared


def test_the_norm_under_each_window() -> None:
    x = torch.rand(2, 3, 7, 5)
    for step, p in (("lppool 3x2/2x1", 2.0), ("lppool 3x2/2x1 p=3", 3.0), ("lppool 3x2/2x1 p=1.5", 1.5)):
        y = called(read(step, "3x7x5"))(x)
        for i, j in product(range(3), range(4)):
            under = x[:, :, 2 * i : 2 * i + 3, j : j + 2]
            assert torch.allclose(y[:, :, i, j], under.pow(p).sum((2, 3)).pow(1 / p))
    assert called(read("lppool [1] p=3", "1x1"))(torch.tensor([[[-1.0]]])).isnan().all()


# ---- frozen batch normalisation ------------------------------------------------------------------------------------


def test_frozen_batch_normalisation_is_that_of_evaluation() -> None:
    frozen = called(Case(FrozenBatchNorm(eps=0.01), (input_type((3, 4, 5)),)))
    other = nn.BatchNorm2d(3, eps=0.01)
    assert isinstance(frozen, nn.Module) and other.running_mean is not None and other.running_var is not None
    with torch.no_grad():
        for tensor in (other.weight, other.bias, other.running_mean, other.running_var):
            tensor.uniform_(0.5, 2)
    state = other.state_dict()
    del state["num_batches_tracked"]
    frozen.load_state_dict(state, strict=True)
    x = torch.randn(2, 3, 4, 5)
    assert torch.allclose(frozen.train()(x), other.eval()(x), atol=1e-6)
    assert all(torch.equal(value, state[key]) for key, value in frozen.state_dict().items())


# ---- recurrent layers, step by step --------------------------------------------------------------------------------

RECURRENT = [
    f"{word} 5{layers}{both}{more}"
    for (word, more), layers, both in product(
        (("rnn", ""), ("rnn", " bias=false"), ("rnn", " nonlinearity=relu"), ("gru", ""), ("gru", " bias=false")),
        ("", " layers=3"),
        ("", " bidirectional=true"),
    )
]


class Loop:
    """The formulas, one product of a matrix and a vector after the other, which it counts."""

    def __init__(self, state: dict[str, torch.Tensor], step: str) -> None:
        self.state, self.step, self.macs = state, step, 0

    def times(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight = self.state[f"weight_{name}"]
        self.macs += weight.numel()
        bias = self.state.get(f"bias_{name}")
        return weight @ x if bias is None else weight @ x + bias

    def next(self, x: torch.Tensor, h: torch.Tensor, end: str) -> torch.Tensor:
        ours, theirs = self.times(f"ih_{end}", x), self.times(f"hh_{end}", h)
        if self.step.startswith("rnn"):
            return (ours + theirs).relu() if "relu" in self.step else (ours + theirs).tanh()
        (xr, xz, xn), (hr, hz, hn) = ours.chunk(3), theirs.chunk(3)
        r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
        new = (xn + r * hn).tanh()
        return (1 - z) * new + z * h

    def run(self, inputs: Sequence[torch.Tensor], width: int) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Return the states of all steps of the uppermost layer, and its last ones."""
        layers = sum(key.startswith("weight_ih") and not key.endswith("reverse") for key in self.state)
        both = any(key.endswith("reverse") for key in self.state)
        steps, last = list(inputs), torch.empty(0)
        for layer in range(layers):
            found: list[list[torch.Tensor]] = []
            for reverse in (False, True)[: 1 + both]:
                h, states = torch.zeros(width), list[torch.Tensor]()
                for x in reversed(steps) if reverse else steps:
                    h = self.next(x, h, f"l{layer}" + "_reverse" * reverse)
                    states.append(h)
                found.append(states[::-1] if reverse else states)
            last = torch.cat([states[0 if reverse else -1] for reverse, states in enumerate(found)])
            steps = [torch.cat(each) for each in zip(*found, strict=True)]
        return steps, last


@pytest.mark.parametrize("step", RECURRENT)
def test_recurrent_layers_are_the_loop(step: str) -> None:
    case = read(step, "4x3 n t c")
    module = called(case)
    assert isinstance(module, nn.Module)
    x = torch.randn(2, 4, 3)
    state = {key: value.detach() for key, value in module.state_dict().items()}
    ending = called(read(f"{step} state=true", "4x3 n t c"))
    assert isinstance(ending, nn.Module)
    ending.load_state_dict(state, strict=True)
    y, end = module(x), ending(x)
    for image in range(2):
        loop = Loop(state, step)
        states, last = loop.run(list(x[image]), 5)
        assert torch.allclose(y[image], torch.stack(states), atol=1e-6)
        assert torch.allclose(end[image], last, atol=1e-6)
        assert case.op.work(*case.types).macs == loop.macs


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU])
def test_recurrent_layers_have_torchs_keys(kind: type[nn.RNN] | type[nn.GRU]) -> None:
    built: Callable[..., nn.Module] = kind
    theirs = built(3, 5, num_layers=2, bidirectional=True, batch_first=True)
    ours = called(read(f"{kind.__name__.lower()} 5 layers=2 bidirectional=true", "4x3 n t c"))
    assert isinstance(ours, nn.Module)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 4, 3)
    assert torch.equal(ours(x), theirs(x)[0])


def test_a_position_sees_only_itself_and_those_before_it() -> None:
    tokens = TensorType((1, 6, 3), ("n", "t", "c"))
    for step, told in (("gru 2", (6, 1, 5)), ("gru 2 bidirectional=true", (6, 0, 0)), ("rnn 2 state=true", (6, 0, 0))):
        reach = read(step, "6x3 n t c").op.reach(tokens)
        assert reach is not None
        slide = reach.slides["t"]
        assert (slide.extent, slide.step, slide.before) == told


# ---- inside nets ---------------------------------------------------------------------------------------------------

SENTENCES = """\
net sentences(classes=4) {
  input words: [7] dtype=int64
  wte: embedding 20 6
  body: gru 5 layers=2 bidirectional=true
  rnn 8
  head: gru 9 state=true
  linear classes
  output
}
"""
DIGITS = """\
  conv 3x3 8 pad=1 -> frozen_batchnorm -> scaled_tanh -> lppool 2x2/2
  conv 3x3 12 pad=1 -> maxout 2 -> mish -> adaptive_maxpool 4x4
  conv 1x1 8 -> glu -> softsign -> tanhshrink -> rrelu -> hardtanh -> logsigmoid
  globalmaxpool -> flatten -> linear 10 -> softmin"""
HARD = "  conv 3x3 8 -> step -> conv 3x3 4 -> celu -> softshrink 0.1 -> hardshrink 0.1 -> threshold 0.1"


@pytest.mark.parametrize("text", [SENTENCES, net_of(DIGITS, "3x16x16"), net_of(HARD, "3x16x16")])
def test_nets_save_what_is_predicted(text: str) -> None:
    assert_exact(graph_of(text))


def test_a_net_of_recurrent_layers() -> None:
    graph = graph_of(SENTENCES)
    module = Net(graph).module(seed=0)
    keys = set(module.state_dict())
    assert {"body.weight_ih_l1_reverse", "body.bias_hh_l0", "2.weight_ih_l0", "head.weight_hh_l0"} <= keys
    words = torch.randint(20, (2, 7))
    with warnings.catch_warnings(), FlopCounterMode(display=False) as counter:
        warnings.simplefilter("error")
        assert module(words).shape == (2, 4)
    told = sum(layer.op.work(*layer.input_types).macs for layer in graph.flat())
    assert counter.get_total_flops() == 2 * 2 * told
    assert saved(graph, 2).bytes > 0


@pytest.mark.parametrize("op", [Hardtanh(), RandomRelu(), Glu(), Maxout(parts=2)], ids=lambda op: op.word)
def test_whole_numbers_and_truths(op: Operator) -> None:
    """Whole numbers may be compared, but not mapped by functions; truth values neither."""
    taken = [dtype for dtype in ("int64", "bool") if Case(op, (input_type((4, 3), dtype),)).rejection() is None]
    assert taken == (["int64"] if op.word == "maxout" else [])
