"""What recurrent layers allocate: an LSTM on torch's default path to the byte, torch's own loop as a bound."""

from __future__ import annotations

import pytest
import torch

from archlang.compiler import Net
from archlang.facts.memory import Setup, memory
from archlang.facts.memory.setup import MODES
from archlang.ir import Graph
from archlang.laws.allocator import Measured
from archlang.ops.onednn_lstm import Sizes
from tests.allocator import images, inference, training
from tests.specs import graph_of

# oneDNN lays out its workspace by the width of the processor's vectors
needs_its_layout = pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and "AVX512" in torch.backends.cpu.get_cpu_capability()),
    reason="the sizes are those of oneDNN with AVX-512",
)
WORKSPACES = {  # as torch.ops.aten.mkldnn_rnn_layer returned them: steps, images, channels, width
    (1, 1, 16, 16): 28_672, (5, 8, 16, 24): 86_016, (1, 64, 64, 64): 413_696, (2, 64, 128, 64): 958_464,
    (8, 64, 256, 64): 5_038_080, (8, 64, 64, 1024): 34_365_440, (20, 16, 300, 256): 5_513_216,
}  # fmt: skip
SCRATCHPADS = {  # and what it allocated in an inference and in training: packed weights, scratchpad, a sum of biases
    (5, 8, 16, 24): (384 + 8_192 + 12_288 + 37_720, 384 + 6_144 + 9_216 + 29_240),
    (1, 64, 64, 128): (2_048 + 131_072 + 262_144 + 435_032, 2_048 + 135_168 + 270_336 + 205_368),
    (20, 32, 64, 512): (8_192 + 524_288 + 4_194_304 + 5_931_864, 8_192 + 528_384 + 4_227_072 + 5_427_768),
}
STEPS = ("lstm 24", "lstm 24 layers=2 dropout=0.1", "lstm 16 bidirectional=true", "lstm 24 state=true bias=false")
LOOPS = (
    "gru 24", "gru 24 layers=2 bidirectional=true dropout=0.1", "gru 24 state=true", "rnn 24 nonlinearity=relu",
    "rnn 16 bidirectional=true layers=2", "lstm 24 projection=16 layers=2",
)  # fmt: skip


def net(step: str) -> Graph:
    return graph_of(f'net n {{\n input x: 20x32\n axes "n t c" -> linear 32 -> {step}\n output\n}}')


def measured(graph: Graph, mode: str) -> Measured:
    module, inputs = Net(graph).module(seed=0), images(graph, 8)
    return inference(module, inputs) if mode == "inference" else training(graph, module, inputs, "momentum")


def test_the_workspace_is_onednns() -> None:
    assert {one: Sizes(*one).workspace for one in WORKSPACES} == WORKSPACES


def test_its_scratch_is_onednns() -> None:
    for one, (inferring, training_takes) in SCRATCHPADS.items():
        assert 0 <= Sizes(*one).forward - inferring <= 240  # of the number of threads
        assert Sizes(*one).training == training_takes


@needs_its_layout
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", STEPS)
def test_an_lstm_takes_what_it_is_told_to(step: str, mode: str) -> None:
    graph = net(step)
    told, found = (
        memory(graph, Setup(8, mode="inference" if mode == "inference" else "training")),
        measured(graph, mode),
    )
    assert not told.untold and not told.unscratched
    assert abs(told.peak_bytes / found.peak_bytes - 1) < 0.01
    assert -0.01 < told.with_scratch_bytes / found.with_scratch_bytes - 1 < 0.15


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", LOOPS)
def test_torchs_own_loop_takes_at_most_what_is_told(step: str, mode: str) -> None:
    graph = net(step)
    told, found = (
        memory(graph, Setup(8, mode="inference" if mode == "inference" else "training")),
        measured(graph, mode),
    )
    assert told.untold and not told.unscratched
    assert told.peak_bytes <= found.peak_bytes
    assert -0.01 < told.with_scratch_bytes / found.with_scratch_bytes - 1 < 0.6


def test_what_onednn_takes_of_carried_states_is_unknown() -> None:
    told = memory(net("lstm 24 carry=true -> (y, h, cell): it\n y"), Setup(8))
    assert [one.word for one in told.unscratched] == ["lstm"]
