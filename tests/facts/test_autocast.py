"""The memory of a step and of an inference under torch.autocast, equal to torch's allocator byte for byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from archlang.cli import main
from archlang.compiler import Net, check, load
from archlang.facts.memory import AutocastUnknown, Setup, memory, rows, setup_of
from archlang.facts.memory.setup import LOWER, MODES
from archlang.ir import Graph
from tests.allocator import images, inference, training
from tests.facts.test_memory import BATCH, BODIES, DEEP, NESTED, SCALARS, UNIT
from tests.specs import graph_of, net_of

REFUSED = {"reflected", "weights as values"}
TOKENS = 'rearrange "n c h w -> n (h w) c"'
GAMMA = "param gamma: [8] init=ones\n (t, gamma) -> mul"
MORE = {
    "float32 flows on": "residual { conv 3x3 8 pad=1 -> relu -> conv 1x1 4 }\n batchnorm -> relu -> flatten\n linear 4",
    "before the first that casts": "batchnorm -> relu -> maxpool 2x2/2 -> conv 3x3 8 -> relu -> flatten\n linear 3",
    "float32 and bfloat16 side by side": f"concat {{ | batchnorm | {UNIT} }} -> conv 1x1 4 -> flatten -> linear 4",
    "one value cast twice": "batchnorm -> x: it\n (x) -> conv 1x1 8 -> a: it\n (x) -> conv 1x1 8 -> b: it\n"
    "(a, b) -> concat -> flatten",
    "tokens": 'permute "n h w c" -> rearrange "n h w c -> n (h w) c" -> linear 8 -> layernorm\n'
    "repeat 2 { residual { layernorm -> attention 2 }\n residual { layernorm -> linear 16 -> gelu -> linear 8 } }",
    "tokens in float32": 'rearrange "n c h w -> n (h w) c" -> layernorm\n'
    "repeat 2 { residual { layernorm -> linear 64 -> gelu -> linear 4 -> dropout 0.1 } }",
    "a parameter in front": 'conv 4x4/4 8 -> rearrange "n c h w -> n (h w) c" -> tokens: it\n'
    "param first: [1, 1, 8] init=zeros\n (first, tokens) -> concat -> linear 3",
    "norms of groups": "conv 3x3 8 pad=1 -> groupnorm 2 -> silu -> conv 3x3 8 pad=1 -> hardswish -> globalavgpool"
    " -> flatten -> dropout -> linear 4",
    "cast to float32": "pad 1 mode=reflect -> conv 3x3 4 -> prod axis=1 keep=true -> conv 1x1 3 -> pad 1 mode=replicate"
    " -> flatten -> linear 3",
    "float32 weights": "conv 3x3 4 pad=1 -> instancenorm affine=true -> silu -> conv 3x3 4 -> instancenorm -> flatten",
    "products": f"conv 4x4/4 8 -> {TOKENS} -> a: it\n"
    '(a, a) -> einsum "n t c, n s c -> n t s" -> softmax axis=-1 -> w: it\n(w, a) -> matmul -> linear 4',
    "differences": "conv 3x3 4 -> a: it\n(image) -> conv 3x3 4 -> b: it\n(a, b) -> sub -> d: it\n"
    "(d, b) -> maximum -> e: it\n(e, b) -> stack -> flatten -> linear 3",
    "a layer scale": f'conv 4x4/4 8 -> permute "n h w c" -> t: it\n {GAMMA} -> linear 4',
    "a layer scale at the end": f'permute "n h w c" -> linear 8 -> t: it\n {GAMMA}',
    "a factor of one value": "conv 3x3 4 -> a: it\n param g: [1] init=ones\n (a, g) -> mul -> conv 3x3 4 -> flatten",
    "a product of both": "batchnorm -> a: it\n conv 1x1 4 -> b: it\n (a, b) -> mul\n conv 3x3 4 -> flatten",
    "a difference of both": "batchnorm -> a: it\n conv 1x1 4 -> b: it\n (b, a) -> sub -> relu -> conv 3x3 4 -> flatten",
    "excited in float32": "batchnorm\n mul { | it | globalavgpool -> conv 1x1 4 -> sigmoid }\n conv 3x3 4 -> flatten",
    "shuffled": "conv 3x3 4 -> upsample 2 mode=bicubic -> conv 3x3 4 -> pixel_shuffle 2 -> conv 1x1 2 -> flatten",
}  # fmt: skip
TOLD = {name: body for name, body in BODIES.items() if name not in REFUSED} | MORE


def assert_told(graph: Graph, setup: Setup) -> None:
    module, inputs = Net(graph).module(seed=0), images(graph, setup.batch)
    if setup.training:
        measured = training(graph, module, inputs, setup.optimizer, autocast=setup.autocast)
    else:
        measured = inference(module, inputs, setup.autocast)
    found, wanted = memory(graph, setup).peak_bytes, measured.peak_bytes
    assert abs(found - wanted) <= SCALARS, (found, wanted)


# of attention over bfloat16 in an inference, the temporaries are unknown
CASES = [(name, mode) for name in TOLD for mode in MODES if (name, mode) != ("tokens", "inference")]


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_the_peak_is_torchs(name: str, mode: str) -> None:
    assert_told(graph_of(net_of(TOLD[name], "4x16x16")), setup_of(mode, {"batch": BATCH, "autocast": "bf16"}))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["residuals", "excited"])
def test_the_other_dtype_takes_as_much(name: str, mode: str) -> None:
    graph = graph_of(net_of(TOLD[name], "4x16x16"))
    half, brain = (memory(graph, setup_of(mode, {"batch": 2, "autocast": dtype})).peak_bytes for dtype in LOWER)
    assert half == brain


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_loss_of_values_is_in_float32(optimizer: str) -> None:
    graph = graph_of(net_of('permute "n t c" -> linear 50 -> relu -> linear 50', "7x9"))
    assert_told(graph, setup_of("training", {"batch": 3, "autocast": "bf16", "optimizer": optimizer}))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("net", ["lenet5", "resnet20", "squeezenet1_1"])
def test_the_peak_of_a_shipped_net_is_torchs(net: str, mode: str) -> None:
    assert_told(load(net).graph, setup_of(mode, {"batch": 2, "autocast": "bf16"}))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", [DEEP, NESTED], ids=["deep", "nested"])
def test_a_row_of_calls_is_as_if_each_were_run(text: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, setup = graph_of(text), setup_of(mode, {"batch": 4, "autocast": "bf16"})
    once = memory(graph, setup)
    monkeypatch.setattr(rows, "FEW", 1_000)
    each = memory(graph, setup)
    assert (once.peak_bytes, once.by_kind) == (each.peak_bytes, each.by_kind)
    assert once.timeline[-1].after_bytes == each.timeline[-1].after_bytes
    assert sum(moment.times for moment in once.timeline) == len(each.timeline)
    assert len(once.timeline) < len(each.timeline)


def test_everything_is_freed_but_what_outlives_the_step() -> None:
    """The copies are freed after the step; the gradients of the weights are float32, like the weights."""
    graph = graph_of(net_of("conv 3x3 4 pad=1 -> relu -> flatten -> linear 3", "3x8x8"))
    plain, cast = (memory(graph, Setup(2, autocast=dtype)).timeline[-1] for dtype in (None, "bfloat16"))
    assert plain.after_bytes - cast.after_bytes == 2 * 3 * 2  # the net's outputs


@pytest.mark.parametrize("mode", MODES)
def test_the_peak_of_volumes_is_torchs(mode: str) -> None:
    """Pools of volumes compute in float32; torch casts bfloat16 to it."""
    body = "conv 3x3x3 4 -> maxpool 2x2x2/2 -> relu -> conv 1x1x1 4 -> globalavgpool -> flatten -> linear 3"
    assert_told(graph_of(net_of(body, "2x8x8x8")), setup_of(mode, {"batch": 2, "autocast": "bf16"}))


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")
def test_the_peak_of_what_is_cast_back_is_torchs() -> None:
    """An rmsnorm computes in float32 and returns the dtype of its input."""
    graph = graph_of(net_of(f"conv 4x4/4 8 -> {TOKENS} -> rmsnorm -> linear 4", "4x16x16"))
    assert_told(graph, setup_of("inference", {"batch": 2, "autocast": "bf16"}))


LANGUAGE = """
net tiny {
  input tokens: [12] dtype=int64
  embedding 50 8 -> layernorm
  residual { linear 16 -> gelu -> linear 8 }
  layernorm -> linear 50
  output
}
"""


def test_the_peak_of_a_language_model_is_torchs() -> None:
    """A table takes integers and returns float32."""
    graph = graph_of(LANGUAGE)
    module, tokens = Net(graph).module(seed=0), [torch.zeros(2, 12, dtype=torch.int64)]
    setup = setup_of("inference", {"batch": 2, "autocast": "bf16"})
    assert abs(memory(graph, setup).peak_bytes - inference(module, tokens, "bfloat16").peak_bytes) <= SCALARS


@pytest.mark.parametrize("mode", MODES)
def test_fit_finds_the_largest_batch(mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = graph_of(net_of("conv 3x3 8 pad=1 -> relu -> flatten -> linear 3", "3x16x16"))
    found = Net(graph).fit("1MiB", mode=mode, autocast="bf16").largest_batch
    fits, over = (memory(graph, setup_of(mode, {"batch": found + more, "autocast": "bf16"})) for more in (0, 1))
    assert fits.needed_bytes <= 2**20 < over.needed_bytes
    assert found > Net(graph).fit("1MiB", mode=mode).largest_batch
    spec = tmp_path / "n.arch"
    spec.write_text('net n { input x: [8, 4]\n permute "n t c" -> lstm 8\n output }', encoding="utf-8")
    assert main(["fit", str(spec), "--memory", "1MiB", "--autocast", "bf16"]) == 2
    assert "(lstm) computes under autocast" in capsys.readouterr().err


def test_fit_plans_nothing_under_autocast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "n.arch"
    spec.write_text("net n { input x: 3x32x32\n conv 3x3 8\n output }", encoding="utf-8")
    assert main(["fit", str(spec), "--memory", "1MiB", "--batch", "64", "--autocast", "bf16"]) == 0
    assert "and does not fit; what to recompute is not simulated under autocast" in capsys.readouterr().out


def test_attention_with_dropout_is_known_in_an_inference() -> None:
    text = LANGUAGE.replace(
        "residual {", "residual { linear 24 -> split 3 axis=2 -> sdpa 2 causal=true dropout=0.1 }\n  residual {"
    )
    graph = graph_of(text)
    module, tokens = Net(graph).module(seed=0), [torch.zeros(2, 12, dtype=torch.int64)]
    setup = setup_of("inference", {"batch": 2, "autocast": "bf16"})
    assert abs(memory(graph, setup).peak_bytes - inference(module, tokens, "bfloat16").peak_bytes) <= SCALARS
    with pytest.raises(AutocastUnknown, match="sdpa"):
        memory(graph, replace(setup, mode="training"))


# ---- what is refused -----------------------------------------------------------------------------------------------


GIVEN_BOTH = "computes under autocast, given bfloat16 and float32"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("cell: lcn 3 -> conv 1x1 4", "`cell` (lcn) computes under autocast"),
        ("conv 3x3 4 pad=1 padding_mode=reflect -> flatten", "conv"),
        ("mul { | conv 1x1 4 | it | batchnorm } -> flatten", f"this mul {GIVEN_BOTH}"),
        ("add { | conv 1x1 4 | conv 1x1 4 | it } -> flatten", f"this add {GIVEN_BOTH}"),
    ],
)
def test_an_unknown_dtype_is_refused(body: str, wrong: str) -> None:
    with pytest.raises(AutocastUnknown, match="it is not known in which dtype") as error:
        memory(graph_of(net_of(body, "4x8x8")), Setup(autocast="bfloat16"))
    assert wrong in error.value.message and error.value.code == "autocast-unknown"


def test_an_evaluation_that_is_not_known_is_refused() -> None:
    graph = graph_of(net_of(TOLD["tokens"], "4x8x8"))
    with pytest.raises(AutocastUnknown, match=r"\(attention\) computes under autocast, given bfloat16"):
        memory(graph, Setup(mode="inference", autocast="bfloat16"))


CROSSED = """
net crossed {
  input image: 4x8x8
  rearrange "n c h w -> n (h w) c" -> tokens: it
  linear 4 -> queries: it
  (queries, tokens, tokens) -> attention 2
  output
}
"""


def test_attention_of_inputs_without_a_gradient_is_refused() -> None:
    with pytest.raises(AutocastUnknown, match="where some of its inputs need no gradient"):
        memory(graph_of(CROSSED), Setup(autocast="bfloat16"))


def test_a_wrong_setup_is_an_error() -> None:
    with pytest.raises(ValueError, match="autocast is one of bfloat16, float16, not float64"):
        setup_of("training", {"autocast": "fp64"})
    with pytest.raises(ValueError, match="not both"):
        setup_of("training", {"autocast": "bf16", "dtype": "bf16"})
    with pytest.raises(ValueError, match="recomputed"):
        memory(graph_of(DEEP), Setup(autocast="bfloat16"), ["layer.0"])


def test_the_command_and_a_promise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep.arch"
    peak = memory(graph_of(DEEP), Setup(4, autocast="bfloat16")).peak_bytes
    promise = f"  expect memory.training == {peak} at batch=4 autocast=bf16\n"
    path.write_text(f"{DEEP.rstrip()[:-1]}{promise}}}\n", encoding="utf-8")
    assert check(str(path)).diagnostics == []
    assert main(["memory", str(path), "--batch", "4", "--autocast", "bf16"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("deep: training, batch 4, autocast bfloat16, momentum\npeak ") and f"{peak:,}" in printed
    assert main(["memory", str(path), "--autocast", "bf16", "--dtype", "bf16"]) == 2
    assert "not both" in capsys.readouterr().err


def test_a_layer_of_unknown_dtype_is_reported_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "n.arch"
    steps = "  input image: 4x8x8\n  lcn 3\n  tiled_conv 3x3 4 tile=2\n  output\n"
    text = f"net n {{\n{steps}  expect memory.training < 1G at autocast=bf16\n}}\n"
    path.write_text(text, encoding="utf-8")
    (found,) = check(str(path)).diagnostics
    message = "it is not known in which dtype `0` (lcn) computes under autocast"
    assert (found.code, found.message, found.span.line) == ("autocast-unknown", message, 6)
    assert [(label.span.line, label.text) for label in found.labels] == [(3, "this step")]
    assert found.help and found.help.endswith("; not known in this net are tiled_conv as well")
    path.write_text(text.replace("  expect memory.training < 1G at autocast=bf16\n", ""), encoding="utf-8")
    assert main(["memory", str(path), "--autocast", "fp16"]) == 2
    assert capsys.readouterr().err.splitlines()[:2] == [f"error[autocast-unknown]: {message}", f"  --> {path}:3:3"]
    assert main(["plot", str(path), "--profile", "memory", "--autocast", "fp16", "-o", str(tmp_path / "a.svg")]) == 2
    assert capsys.readouterr().err.startswith(f"archlang: error[autocast-unknown]: {message}\nhelp: ")
