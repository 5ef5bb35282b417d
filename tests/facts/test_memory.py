"""Memory over time: the peak, equal to torch's allocator byte for byte; rows of calls, the command, promises."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import torch

from archlang.cli import main
from archlang.cli.memory import OPTIMIZER_NAMES
from archlang.compiler import Net, check, load
from archlang.facts.memory import OPTIMIZERS, Memory, Setup, memory, rows, setup_of
from archlang.facts.memory.setup import MODES
from archlang.facts.untold import UnknownFact
from archlang.ir import Graph
from archlang.laws.allocator import Measured
from tests.allocator import images, inference, training
from tests.clock import of_call, ratio
from tests.specs import graph_of, net_of

ROOT = Path(__file__).parents[2]
BATCH = 5
SCALARS = 16  # bytes: torch makes tensors of some single numbers, not all of which are declared


def measured(graph: Graph, mode: str, optimizer: str = "momentum", batch: int = BATCH) -> Measured:
    module, inputs = Net(graph).module(seed=0), images(graph, batch)
    return inference(module, inputs) if mode == "inference" else training(graph, module, inputs, optimizer)


def told(graph: Graph, mode: str, optimizer: str = "momentum", batch: int = BATCH) -> Memory:
    return memory(graph, setup_of(mode, {"batch": batch, "optimizer": optimizer}))


def assert_told(graph: Graph, mode: str, optimizer: str = "momentum", batch: int = BATCH) -> None:
    found, wanted = told(graph, mode, optimizer, batch).peak_bytes, measured(graph, mode, optimizer, batch).peak_bytes
    assert abs(found - wanted) <= SCALARS, (found, wanted)


# ---- against torch's allocator -------------------------------------------------------------------------------------

UNIT = "conv 3x3 8 pad=1 bias=false -> batchnorm -> relu"
BODIES = {
    "a chain": f"{UNIT} -> maxpool 2x2/2 -> {UNIT} -> flatten -> linear 4",
    "residuals": f"conv 1x1 8\n repeat 5 {{ residual {{ {UNIT} -> conv 1x1 8 }} -> relu }}\n flatten -> linear 4",
    "sums all the way": f"conv 1x1 8\n repeat 6 {{ residual {{ batchnorm -> relu -> {UNIT} }} }}\n flatten -> linear 4",
    "wide and narrow": "repeat 4 { residual { conv 1x1 32 -> batchnorm -> relu6 -> conv 1x1 4 } }\n flatten",
    "branches": f"concat {{ | conv 1x1 4 | {UNIT} | maxpool 3x3/1 pad=1 -> conv 1x1 4 }}\n flatten -> linear 4",
    "dense": "dense 4 { batchnorm -> relu -> conv 3x3 4 pad=1 }\n flatten -> linear 4",
    "excited": "conv 1x1 8 -> mul { | it | globalavgpool -> conv 1x1 4 -> relu -> conv 1x1 8 -> sigmoid }\n"
    "flatten -> linear 4",
    "halves": "conv 1x1 8 -> split 2 -> (left, right): it\n (right) -> conv 3x3 4 pad=1 -> relu\n"
    "(left, it) -> concat -> channel_shuffle 2 -> flatten -> linear 4",
    "several at once": "maxpool 2x2/2 indices=true -> (pooled, places): it\n (pooled, places) -> max_unpool 2x2/2\n"
    "conv 1x1 32 -> relu -> flatten -> linear 4",
    "down and up": "a: { conv 3x3 8 pad=1 -> relu }\n maxpool 2x2/2 -> conv 3x3 16 pad=1 -> relu -> deconv 2x2/2 8\n"
    "(a, it) -> concat -> upsample 2 mode=bilinear -> conv 3x3 8 pad=1 -> relu -> conv 1x1 3",
    "three summands": "a: conv 1x1 8\n b: conv 1x1 8\n c: conv 1x1 8\n (a, b, c) -> add -> relu -> flatten -> linear 4",
    "largest": "conv 1x1 8 -> maximum { | conv 1x1 8 | conv 1x1 8 } -> flatten -> linear 4",
    "norms": "conv 3x3 8 pad=1 -> groupnorm 2 -> silu -> instancenorm -> leaky_relu -> flatten -> dropout -> linear 4",
    "reflected": "conv 3x3 8 pad=1 padding_mode=reflect -> relu -> conv 3x3 8 pad=1 padding_mode=circular -> tanh",
    "channels last": """conv 3x3 8 pad=1
    residual { permute "n h w c" -> layernorm -> linear 16 -> gelu -> linear 8 -> permute "n c h w" }
    conv 3x3/2 8 pad=1 -> batchnorm -> relu -> flatten -> linear 3""",
    "patches with a rest": "conv 1x1 8 -> unfold 2x2/3 -> tanh -> flatten -> linear 4",
    "small patches": "conv 1x1 8 -> tanh -> unfold 2x2/5 -> flatten -> linear 4",
    "patches that overlap": "conv 1x1 3 -> unfold 3x3 -> tanh -> flatten -> linear 4",
    "frozen": f"trunk: {{ {UNIT} -> maxpool 2x2/2 }}\n head: {{ {UNIT} -> flatten -> linear 4 }}\n freeze head",
    "once more": "cell: conv 3x3 4 pad=1 -> relu\n reuse cell -> relu -> reuse cell -> flatten -> linear 3",
    # a gradient that is a view: a second one is added to it in new memory
    "twice the same linear": "globalavgpool -> flatten -> linear 60 -> cell: linear 60 -> tanh -> reuse cell",
    "four times the same linear": "globalavgpool -> flatten -> linear 60 -> cell: linear 60 bias=false\n"
    "repeat 3 { tanh -> reuse cell }\n linear 4",
    "a tied linear": "globalavgpool -> flatten -> linear 60 -> a: linear 60 bias=false -> tanh\n"
    "linear 60 weight=a.weight",
    "three linears of one sequence": "reshape 64x16 -> permute \"n t c\" -> linear 64 -> tanh -> x: it\n"
    "add { | linear 2 | linear 2 | linear 2 }",
    "a view read last": "conv 1x1 24 -> tanh -> x: it\n x -> conv 1x1 2 -> flatten -> linear 9 -> a: it\n"
    "x -> flatten -> tanh -> linear 9 -> b: it\n (a, b) -> add",
    "weights as values": "param scale: [8, 1, 1] init=normal\n conv 1x1 8 -> x: it\n (x, scale) -> mul -> relu",
    "in scopes": "features: { stem: { conv 3x3 8 pad=1 -> relu }\n relu -> last: { conv 3x3 8 pad=1 -> relu } }\n"
    "(features.stem, it) -> add -> flatten -> linear 4",
    "helped in training": "conv 3x3 8 pad=1 -> x: relu\n conv 3x3 8 pad=1 -> relu -> flatten -> aux: linear 4\n"
    "output aux when training\n (x) -> conv 1x1 2 -> flatten -> linear 4",
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BODIES)
def test_the_peak_is_torchs(name: str, mode: str) -> None:
    assert_told(graph_of(net_of(BODIES[name], "4x16x16")), mode)


VECTOR = "globalavgpool -> flatten -> linear 60\n param table: [60, 60] init=normal\n"
TIED = {  # weights that are those of a `param`
    "a linear": "globalavgpool -> flatten\n param table: [60, 4] init=normal\n linear 60 weight=table -> linear 3",
    "two linears": f"{VECTOR} linear 60 weight=table -> tanh -> linear 60 weight=table bias=false -> linear 3",
    "two convolutions": """param kernels: [8, 4, 3, 3] init=normal
    conv 3x3 8 pad=1 weight=kernels -> relu -> conv 1x1 4 -> conv 3x3 8 pad=1 bias=false weight=kernels
    flatten -> linear 4""",
    "one that is read too": f"""{VECTOR} linear 60 weight=table -> tanh -> h: it
    (table) -> square -> mean axis=0 -> m: it
    (h, m) -> mul -> linear 3""",
    "one that is read before and after": f"""{VECTOR} h: it
    (table) -> mean axis=0 -> m: it
    (h, m) -> mul -> linear 60 weight=table -> h2: it
    (table) -> square -> mean axis=0 -> m2: it
    (h2, m2) -> mul -> linear 3""",
    "one that is read alone": f"{VECTOR} tanh -> h: it\n (table) -> square -> mean axis=0 -> m: it\n (h, m) -> mul",
    "a frozen one": f"{VECTOR} linear 60 weight=table -> tanh -> linear 60 weight=table bias=false\n freeze table",
    "norms": "param scale: [8] init=ones\n conv 1x1 8 -> batchnorm weight=scale -> relu -> conv 1x1 8\n"
    "batchnorm weight=scale -> flatten -> linear 4",
    "in braces": """a: { conv 3x3 8 pad=1; b: { param scale: [8] init=ones
      batchnorm weight=scale -> conv 3x3 16 pad=1 } }
    globalavgpool -> flatten -> linear 4""",
}


@pytest.mark.parametrize(("mode", "optimizer"), [("training", "momentum"), ("training", "adam"), ("inference", "sgd")])
@pytest.mark.parametrize("name", TIED)
def test_the_peak_of_weights_tied_to_a_param_is_torchs(name: str, mode: str, optimizer: str) -> None:
    assert_told(graph_of(net_of(TIED[name], "4x16x16")), mode, optimizer)


@pytest.mark.parametrize("mode", MODES)
def test_the_peak_of_an_embedding_tied_to_a_param_is_torchs(mode: str) -> None:
    body = """param table: [500, 30] init=normal
    embedding 500 30 weight=table -> linear 30 -> tanh -> linear 500 bias=false weight=table"""
    graph = graph_of(f"net n {{ input ids: [6] dtype=int64\n {body}\n output }}")
    assert_told(graph, mode, "adam" if mode == "training" else "sgd")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_step_of_an_optimiser_is_torchs(optimizer: str) -> None:
    """The net is only weights, so that the optimiser's state and temporaries decide."""
    graph = graph_of(net_of("linear 300 -> linear 200 -> linear 10", "[40]"))
    assert_told(graph, "training", optimizer)


@pytest.mark.sweep
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("net", ["lenet5", "resnet20", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5"])
def test_the_peak_of_a_shipped_net_is_torchs(net: str, mode: str) -> None:
    assert_told(load(net).graph, mode, "adam", 2)


def test_the_loss_of_values_is_a_squared_difference() -> None:
    assert_told(graph_of(net_of('permute "n t c" -> linear 5 -> relu -> linear 5', "7x9")), "training")


SEVERAL = {
    "a map and its mean": "conv 3x3 8 pad=1 -> y: it\n mean axis=1 -> m: it\n output y, m",
    "three maps": "conv 1x1 8 -> y: it\n mean axis=1 -> m: it\n mean axis=2 -> c: it\n output y, m, c",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SEVERAL)
def test_the_losses_of_several_outputs_are_freed_once_they_are_added(name: str, mode: str) -> None:
    graph = graph_of(f"net several {{\n input image: 4x16x16\n {SEVERAL[name]}\n}}")
    found, wanted = told(graph, mode).peak_bytes, measured(graph, mode).peak_bytes
    assert found == wanted


IN_PARTS = {  # operators that torch computes in parts
    "transformer": 'permute "n t c" -> repeat 5 { residual { layernorm -> attention 4 -> dropout 0.1 } ->'
    " residual { layernorm -> linear 32 -> gelu -> linear 16 } }\n select 0 -> linear 5",
    "decoder": 'permute "n t c" -> repeat 5 { residual { layernorm -> attention 4 causal=true } ->'
    " residual { layernorm -> linear 32 -> gelu -> linear 16 } }\n linear 5",
    "an odd number of heads": 'permute "n t c" -> linear 9 -> attention 3 -> tanh -> attention 3 bias=false',
    "encoder and decoder": 'permute "n t c" -> linear 16 -> a: it\n a -> slice 0 9 axis=1 -> linear 16 -> b: it\n'
    "(a, b, b) -> attention 4",
    "three inputs": 'permute "n t c" -> linear 16 -> a: it\n a -> slice 0 9 axis=1 -> b: it\n b -> linear 12 -> c: it\n'
    "(a, b, c) -> attention 4 causal=false -> tanh",
    "one input three times": 'permute "n t c" -> linear 16 -> a: it\n (a, a, a) -> attention 4 -> tanh',
    "grouped queries": 'permute "n t c" -> repeat 4 { residual { layernorm -> grouped_query_attention 4 kv_heads=2'
    " causal=true } }\n linear 5",
    "applied again": 'permute "n t c" -> linear 16 -> cell: attention 4 -> tanh -> reuse cell\n linear 16 axis=1 ->'
    " basis: radial_basis 16 -> reuse basis",
    "frozen": 'permute "n t c" -> linear 16 -> body: { attention 4 -> tanh -> units: radial_basis 16 }\n linear 3\n'
    "freeze body",
    "maps": "reshape 4x8x12 -> conv 3x3 8 pad=1 padding_mode=reflect -> frozen_batchnorm -> relu -> subsampling 2x2\n"
    "scaled_tanh -> std_conv 3x3 8 pad=1 gamma=1.2 -> softsign -> flatten -> linear 4",
    "attention in windows": 'reshape 2x12x16 -> permute "n h w c" -> linear 16 -> repeat 2 { residual { layernorm ->'
    " window_attention 5x4 4 shift=2 } }\n linear 3",
    "cosines in windows": 'reshape 2x12x16 -> permute "n h w c" -> linear 16 -> repeat 2 { residual { layernorm ->'
    " cosine_window_attention 4x4 4 shift=2 } }\n linear 3",
    "relative positions": 'permute "n t c" -> linear 16 -> repeat 2 { residual { rmsnorm ->'
    " relative_attention 4x6 4 } }\n rotary_embedding 2 dim=4 -> positional_embedding 24 -> linear 3",
    "norms of neighbours": "reshape 4x8x12 -> conv 3x3 8 pad=1 -> lrn 5 -> lcn 3 -> gumbel_softmax"
    " -> flatten -> linear 9",
    "a table": "reshape 4x8x12 -> conv 3x3 6 pad=1 -> table_conv 3x3 connections=[[0, 1, 2], [3, 4], [5]] pad=1 -> tanh"
    " -> locally_connected 3x3 4 -> flatten -> linear 9",
    "norms of vectors": "reshape 4x8x12 -> conv 3x3 8 pad=1 -> lppool 2x2/2 -> normalize -> flatten -> linear 10",
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", IN_PARTS)
def test_the_peak_of_what_torch_computes_in_parts_is_torchs(name: str, mode: str) -> None:
    graph = graph_of(net_of(IN_PARTS[name], "16x24"))
    assert not told(graph, mode).untold
    assert_told(graph, mode)


UNTOLD = {
    "a recurrence": ("gru 24 -> tanh", "64x30"),
    "weights of each position": ("tiled_conv 3x3 8 tile=2", "8x9x9"),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_a_lower_bound_is_never_above_torchs_peak(name: str) -> None:
    """If the calls of a backward pass are unknown, only what is alive before it and after it is certain."""
    body, shape = UNTOLD[name]
    turned = 'permute "n t c" -> ' if shape.count("x") == 1 else "relu -> "
    graph = graph_of(f"net bound {{\n input x: {shape}\n {turned}{body}\n output\n}}")
    found = told(graph, "training")
    assert found.untold
    assert found.peak_bytes <= measured(graph, "training").peak_bytes


SUMMED = """net n {
  input x: 4x16x64
  input y: [4, 3]
  (x) -> conv 1x1 4 -> sin -> sin -> sin -> kept: it
  (kept, y) -> einsum "n c h w, n c t -> n c t OUT"
  output
}
"""


def test_the_gradient_of_a_value_that_einsum_sums_first_has_no_known_memory() -> None:
    """torch spreads it over the summed axis without a copy, so a bound that counts all of it is too high."""
    graph = graph_of(SUMMED.replace("OUT", "h w"))
    assert told(graph, "training").peak_bytes <= measured(graph, "training").peak_bytes
    graph = graph_of(SUMMED.replace("OUT", "h"))
    assert told(graph, "inference").peak_bytes <= measured(graph, "inference").peak_bytes
    with pytest.raises(UnknownFact, match="`einsum` does not declare `gradient_places`"):
        told(graph, "training")


@pytest.mark.parametrize("name", ["residuals", "wide and narrow", "norms"])
def test_a_net_in_another_dtype_allocates_what_memory_predicts(name: str) -> None:
    graph = graph_of(net_of(BODIES[name], "4x16x16"))
    module = Net(graph).module(seed=0).to(torch.bfloat16)
    inputs = [x.to(torch.bfloat16) for x in images(graph, BATCH)]
    found = memory(graph, Setup(BATCH, "bfloat16", optimizer="adam")).peak_bytes
    assert abs(found - training(graph, module, inputs, "adam").peak_bytes) <= SCALARS


# ---- the result ----------------------------------------------------------------------------------------------------

SMALL = "conv1: conv 3x3 4 pad=1 -> bn: batchnorm -> relu -> flatten -> fc: linear 3"


def test_the_peak_is_made_of_what_is_alive() -> None:
    for mode, optimizer in (("training", "adam"), ("training", "sgd"), ("inference", "sgd")):
        found = told(graph_of(net_of(SMALL, "3x8x8")), mode, optimizer)
        assert sum(one.bytes for one in found.alive) == found.peak_bytes
        assert sum(found.by_kind.values()) == sum(found.by_layer.values()) == found.peak_bytes
        assert max(moment.peak_bytes for moment in found.timeline) == found.peak_bytes == found.moment.peak_bytes


def test_each_kind_has_its_bytes() -> None:
    found = told(graph_of(net_of(SMALL, "3x8x8")), "training", "adam", batch=2)
    params, images = 4 * 3 * 9 + 4 + 8 + 3 * 256 + 3, 2 * 3 * 64
    assert found.by_kind["parameters"] == 4 * params
    assert found.by_kind["buffers"] == 4 * 8 + 8
    assert found.by_kind["optimizer state"] == 2 * 4 * params + 6 * 4
    assert found.by_kind["inputs"] == 4 * images + 2 * 8
    assert (found.moment.phase, found.moment.path) == ("backward", "2")
    assert found.by_kind["gradients of parameters"] == 4 * (3 * 256 + 3)
    assert found.by_kind["gradients of activations"] == 2 * (2 * 4 * 4 * 64) + 4  # and that of the loss


def test_everything_is_freed_but_what_outlives_the_step() -> None:
    """After a step there are the weights, their gradients, the state, the batch, the net's outputs, and the loss."""
    found = told(graph_of(net_of(SMALL, "3x8x8")), "training", "adam", batch=2)
    params, given = 4 * 3 * 9 + 4 + 8 + 3 * 256 + 3, 2 * 3
    weights, inputs = 4 * (4 * params) + 4 * 8 + 8 + 6 * 4, 4 * 2 * 3 * 64 + 2 * 8
    assert found.timeline[-1].after_bytes == weights + inputs + 4 * given + 4
    found = told(graph_of(net_of(SMALL, "3x8x8")), "inference", batch=2)
    assert found.timeline[-1].after_bytes == 4 * params + 4 * 8 + 8 + 4 * 2 * 3 * 64 + 4 * given


def test_a_step_without_trained_weights_is_a_forward_pass_and_a_loss() -> None:
    for optimizer in OPTIMIZERS:
        found = told(graph_of(net_of("relu -> maxpool 2x2/2", "3x8x8")), "training", optimizer)
        assert {moment.phase for moment in found.timeline} == {"forward", "loss", "backward", "step"}
        assert "gradients of parameters" not in found.by_kind and "optimizer state" not in found.by_kind


def test_a_narrower_dtype_takes_less() -> None:
    graph = graph_of(net_of("conv 3x3 8 pad=1 -> relu -> flatten -> linear 3", "3x8x8"))
    whole, half = memory(graph, Setup(4)), memory(graph, Setup(4, "bfloat16"))
    targets = 4 * 8
    assert half.peak_bytes == (whole.peak_bytes - targets) // 2 + targets


@pytest.mark.parametrize(
    ("given", "wrong"),
    [({"batch": 0}, "at least 1 image"), ({"dtype": "int8"}, "dtype is one of"), ({"optimizer": "x"}, "optimizer is")],
)
def test_a_wrong_setup_is_an_error(given: dict[str, int | str], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        setup_of("training", given)


def test_dtypes_have_short_names() -> None:
    assert setup_of("inference", {"dtype": "bf16"}) == Setup(1, "bfloat16", "inference")


# ---- rows of calls -------------------------------------------------------------------------------------------------

ROWS = """block unit(width) { residual { conv1: conv 3x3 width pad=1 -> relu -> conv2: conv 3x3 width pad=1 } -> relu }
block stage(width, depth) { conv 3x3/2 width pad=1 -> repeat depth { unit width } }
net deep {
  input image: 3x32x32
  repeat 2 { conv 1x1 8 -> repeat 7 { unit 8 } }
  repeat 6 { stages: { conv 3x3 8 pad=1 } }
  layer: { repeat 9 { unit 8 } }
  stage 16 5
  flatten -> linear 4
  output
}"""
DEEP = ROWS.replace("  repeat 6 { stages: { conv 3x3 8 pad=1 } }\n", "")
NESTED = """block unit(width) { residual { conv 3x3 width pad=1 -> relu -> conv 3x3 width pad=1 } -> relu }
block stage { repeat 5 { unit 8 } -> batchnorm }
net nested {
  input image: 3x16x16
  conv 1x1 8 -> repeat 6 { stage } -> flatten -> linear 4
  output
}"""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("batch", [1, 4, 64])
@pytest.mark.parametrize("text", [DEEP, NESTED], ids=["deep", "nested"])
def test_a_row_of_calls_is_as_if_each_were_run(
    text: str, batch: int, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = graph_of(text)
    once = told(graph, mode, "adam", batch)
    monkeypatch.setattr(rows, "FEW", 1_000)
    each = told(graph, mode, "adam", batch)
    assert (once.peak_bytes, once.by_kind) == (each.peak_bytes, each.by_kind)
    assert sum(moment.times for moment in once.timeline) == len(each.timeline)
    assert len(once.timeline) < len(each.timeline)
    assert once.moment.phase == each.moment.phase and once.moment.op == each.moment.op


def test_a_row_is_named_by_its_ends() -> None:
    paths = {moment.path for moment in told(graph_of(DEEP), "training").timeline}
    assert "layer.{0..8}.conv1" in paths
    assert not any(f"layer.{number}" in path for path in paths for number in (0, 1, 4, 8))


def test_a_thousand_layers_cost_little_more_than_fifty(tmp_path: Path) -> None:
    spec = tmp_path / "deep.arch"
    text = (ROOT / "specs" / "resnet.arch").read_text(encoding="utf-8")
    spec.write_text(f"{text}\nnet resnet1001 = resnet unit=bottleneck depths=[3, 8, 319, 3]\n", encoding="utf-8")
    fifty, thousand = load("resnet50").graph, load(f"{spec}:resnet1001").graph

    assert ratio(of_call(lambda: memory(thousand, Setup(8))), of_call(lambda: memory(fifty, Setup(8))), 9) < 3


# ---- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "deep.arch"
    path.write_text(DEEP, encoding="utf-8")
    return str(path)


def test_the_command_knows_every_optimiser() -> None:
    assert tuple(OPTIMIZERS) == OPTIMIZER_NAMES


def test_the_peak_as_text(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", spec, "--batch", "4", "--dtype", "bf16", "--optimizer", "adam"]) == 0
    printed = capsys.readouterr().out
    found = memory(graph_of(DEEP), Setup(4, "bfloat16", optimizer="adam"))
    assert printed.startswith("deep: training, batch 4, bfloat16, adam\npeak ")
    assert f"{found.peak_bytes:,}" in printed and found.moment.path in printed
    assert all(f"{size:,}" in printed for size in found.by_kind.values())


def test_the_timeline_as_csv(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", spec, "--mode", "inference", "--format", "csv"]) == 0
    read = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    found = memory(graph_of(DEEP), Setup(mode="inference"))
    assert max(int(row["peak_bytes"]) for row in read) == found.peak_bytes
    assert [(row["path"], int(row["times"])) for row in read] == [(one.path, one.times) for one in found.timeline]


def test_all_of_it_as_json(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["memory", spec, "--batch", "2", "--format", "json"]) == 0
    read = json.loads(capsys.readouterr().out)
    found = memory(graph_of(DEEP), Setup(2))
    assert (read["net"], read["batch"], read["peak_bytes"]) == ("deep", 2, found.peak_bytes)
    assert len(read["timeline"]) == len(found.timeline)
    assert read["by_kind"] == found.by_kind


def test_a_wrong_option_is_reported(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--dtype", "int8"], ["--batch", "0"], ["--optimizer", "newton"]):
        with pytest.raises(SystemExit) as exit:
            main(["memory", spec, *words])
        assert exit.value.code == 2
        assert words[0] in capsys.readouterr().err


# ---- promises ------------------------------------------------------------------------------------------------------


def promised(tmp_path: Path, line: str) -> list[str]:
    """Return what `check` says of a net of parameter `at` with one promise: codes and messages."""
    path = tmp_path / "promised.arch"
    text = f"net n(at=2) {{\n  input image: 3x8x8\n  conv 3x3 at pad=1 -> relu\n  output\n  expect {line}\n}}\n"
    path.write_text(text, encoding="utf-8")
    return [f"{one.code}: {one.message}" for one in check(str(path)).diagnostics]


def test_a_promise_about_memory_holds_or_is_broken(tmp_path: Path) -> None:
    graph = graph_of("net n(at=2) {\n  input image: 3x8x8\n  conv 3x3 at pad=1 -> relu\n  output\n}\n")
    exact = memory(graph, Setup(8, "bfloat16", optimizer="adam")).peak_bytes
    assert promised(tmp_path, f"memory.training == {exact} at batch=8 dtype=bf16 optimizer=adam") == []
    assert promised(tmp_path, "memory.training < 24GiB at batch=256 dtype=bf16") == []
    assert (
        promised(tmp_path, f"memory.inference == {memory(graph, Setup(2, mode='inference')).peak_bytes} at batch=at")
        == []
    )
    (broken,) = promised(tmp_path, f"memory.training < {exact} at batch=8 dtype=bf16 optimizer=adam")
    subject = "`memory.training at batch=8 dtype=bf16 optimizer=adam` of n"
    assert broken == f"broken-promise: {subject} is {exact:,}, but `< {exact:,}` is promised"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("params == 56 at batch=8", "bad-promise: `at` says how the net runs"),
        (
            "memory.training < 1K at width=8",
            "bad-promise: `at` has no setting `width`, only batch, dtype, optimizer, autocast",
        ),
        ("memory.training < 1K at batch=2 batch=4", "argument-twice: `batch` is given twice"),
        ("memory.training < 1K at batch=0", "bad-promise: `batch` is a whole number"),
        ("memory.training < 1K at batch=2.5", "bad-promise: `batch` is a whole number"),
        ("memory.training < 1K at batch=true", "bad-promise: `batch` is a whole number"),
        ("memory.training < 1K at dtype=16", "bad-promise: `dtype` is a word"),
        ("memory.training < 1K at dtype=int8", "bad-promise: dtype is one of"),
        ("memory.training < 1K at optimizer=newton", "bad-promise: optimizer is one of"),
        ("memory.training == 3x8x8", "bad-promise: `memory.training` is a number"),
        ("memory.training < 1K at", "unexpected-word"),
    ],
)
def test_a_promise_that_makes_no_sense_is_reported(tmp_path: Path, line: str, wrong: str) -> None:
    (found,) = promised(tmp_path, line)
    assert found.startswith(wrong)


def test_at_is_a_name_elsewhere(tmp_path: Path) -> None:
    assert promised(tmp_path, "params == at*(27 + 1)") == []
    assert promised(tmp_path, "params == 28 * at") == []
